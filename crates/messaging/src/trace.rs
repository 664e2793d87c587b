//! W3C trace context, in and out of headers, and the spans that join the services into one trace.

use std::fmt;

use events::TraceId;
use opentelemetry::{
    Context,
    trace::{SpanContext, SpanId, TraceContextExt, TraceFlags, TraceState},
};
use tracing::Span;
use tracing_opentelemetry::OpenTelemetrySpanExt;

use crate::{
    headers::{Headers, TRACEPARENT, TRACESTATE},
    log::Stored,
};

/// Where in which trace something happens.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct TraceContext {
    /// The trace: the same for an order's whole life.
    pub trace_id: TraceId,
    /// The span that causes what comes next; zero when there is none.
    pub span_id: [u8; 8],
    /// Whether somebody records this trace.
    pub sampled: bool,
    /// Vendor part, passed on untouched.
    pub state: Option<String>,
}

impl TraceContext {
    /// A context that only knows its trace.
    #[must_use]
    pub fn unsampled(trace_id: TraceId) -> Self {
        Self { trace_id, ..Self::default() }
    }

    /// Writes the context into a message's headers; nothing if there is no trace.
    pub fn inject(&self, headers: &mut Headers) {
        if self.trace_id.is_none() {
            return;
        }
        headers.set(TRACEPARENT, self.to_string());
        if let Some(state) = &self.state {
            headers.set(TRACESTATE, state.clone());
        }
    }

    fn from_headers(headers: &Headers) -> Option<Self> {
        // Some clients capitalise the name, and the client's map minds the difference.
        let parent = headers.get(TRACEPARENT).or_else(|| headers.get("Traceparent"))?;
        let mut context = Self::parse(parent)?;
        context.state = headers.get(TRACESTATE).map(str::to_owned);
        Some(context)
    }

    fn parse(traceparent: &str) -> Option<Self> {
        let mut parts = traceparent.split('-');
        let (_version, trace, span, flags) = (parts.next()?, parts.next()?, parts.next()?, parts.next()?);
        let trace_id: TraceId = trace.parse().ok()?;
        let span_id = (span.len() == 16).then(|| u64::from_str_radix(span, 16).ok())??.to_be_bytes();
        let sampled = u8::from_str_radix(flags, 16).ok()? & 1 == 1;
        (!trace_id.is_none()).then_some(Self { trace_id, span_id, sampled, state: None })
    }

    fn remote(&self) -> Context {
        let flags = if self.sampled { TraceFlags::SAMPLED } else { TraceFlags::default() };
        let state = self.state.as_deref().and_then(|state| state.parse().ok()).unwrap_or(TraceState::NONE);
        let trace_id = opentelemetry::trace::TraceId::from_bytes(self.trace_id.0);
        let span = SpanContext::new(trace_id, SpanId::from_bytes(self.span_id), flags, true, state);
        Context::new().with_remote_span_context(span)
    }
}

impl fmt::Display for TraceContext {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        // W3C forbids an all-zero parent; a trace known only by its id stands in with a fixed one.
        let span = if self.span_id == [0; 8] { 1 } else { u64::from_be_bytes(self.span_id) };
        write!(f, "00-{}-{span:016x}-{:02x}", self.trace_id, u8::from(self.sampled))
    }
}

/// The context of the current tracing span.
#[must_use]
pub fn current() -> TraceContext {
    of_span(&Span::current())
}

/// The context of a tracing span; without a trace when nothing gives spans ids.
#[must_use]
pub(crate) fn of_span(span: &Span) -> TraceContext {
    let context = span.context();
    let span = context.span();
    let span = span.span_context();
    let state = span.trace_state().header();
    TraceContext {
        trace_id: TraceId(span.trace_id().to_bytes()),
        span_id: span.span_id().to_bytes(),
        sampled: span.is_sampled(),
        state: (!state.is_empty()).then_some(state),
    }
}

/// The context a stored message carries; its envelope's trace when the header is missing.
#[must_use]
pub(crate) fn of_message(message: &Stored, envelope_trace: TraceId) -> TraceContext {
    TraceContext::from_headers(&message.headers).unwrap_or_else(|| TraceContext::unsampled(envelope_trace))
}

/// Makes `span` a child of the context and links it to it, before it is entered.
pub(crate) fn adopt(span: &Span, parent: &TraceContext) {
    let remote = parent.remote();
    let creator = remote.span().span_context().clone();
    // It fails only when the span is disabled or no tracer is installed; then there is nothing to join.
    if span.set_parent(remote).is_ok() {
        span.add_link(creator);
    }
}

/// The context that messages caused by `span` should carry: the span's own if somebody records it.
#[must_use]
pub(crate) fn continue_in(span: &Span, parent: &TraceContext) -> TraceContext {
    let own = if parent.sampled { of_span(span) } else { TraceContext::default() };
    if own.trace_id == parent.trace_id { own } else { parent.clone() }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_context_survives_the_headers() {
        let context = TraceContext {
            trace_id: TraceId([7; 16]),
            span_id: [3; 8],
            sampled: true,
            state: Some("vendor=1".to_owned()),
        };
        let mut headers = Headers::new();
        context.inject(&mut headers);
        assert_eq!(TraceContext::from_headers(&headers), Some(context));
    }

    #[test]
    fn nonsense_in_the_header_is_no_context() {
        for nonsense in ["", "00", "00-xyz-1-01", "00-00000000000000000000000000000000-0000000000000001-01"] {
            assert_eq!(TraceContext::parse(nonsense), None, "{nonsense}");
        }
    }
}
