//! Trace context across process borders, in W3C's `traceparent` and `tracestate`.

use axum::http::HeaderMap;
use opentelemetry::{
    global,
    propagation::{Extractor, TextMapPropagator},
    trace::TraceContextExt,
};
use opentelemetry_sdk::propagation::TraceContextPropagator;
use tracing::{Span, debug};
use tracing_opentelemetry::OpenTelemetrySpanExt;

/// Makes W3C's format the process-wide one, for whoever injects context into messages or calls.
pub(crate) fn install() {
    global::set_text_map_propagator(TraceContextPropagator::new());
}

/// Makes `span` a child of the span that `headers` name, if they name one. The span must not have been entered yet.
pub(crate) fn continue_trace(span: &Span, headers: &HeaderMap) {
    let parent = TraceContextPropagator::new().extract(&Headers(headers));
    if !parent.span().span_context().is_valid() {
        return;
    }
    if let Err(error) = span.set_parent(parent) {
        debug!(%error, "the caller's trace is not continued");
    }
}

/// The trace id of the current span, as 32 lower-case hexadecimal digits.
pub(crate) fn current_trace_id() -> Option<String> {
    trace_id_of(&Span::current())
}

/// The trace id of `span`, as 32 lower-case hexadecimal digits.
pub(crate) fn trace_id_of(span: &Span) -> Option<String> {
    let context = span.context();
    let span = context.span();
    let ids = span.span_context();
    ids.is_valid().then(|| ids.trace_id().to_string())
}

struct Headers<'a>(&'a HeaderMap);

impl Extractor for Headers<'_> {
    fn get(&self, key: &str) -> Option<&str> {
        self.0.get(key)?.to_str().ok()
    }

    fn keys(&self) -> Vec<&str> {
        self.0.keys().map(axum::http::HeaderName::as_str).collect()
    }
}
