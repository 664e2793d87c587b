//! Deciding ahead: events that follow from inputs, folded into the leader's state before they are
//! committed. If the commit is lost, so is this state.

use std::{
    borrow::Cow,
    panic::{AssertUnwindSafe, catch_unwind},
};

use events::{Envelope, StreamEvent, Timestamp, ids};
use tracing::{Span, info_span};
use uuid::Uuid;

use super::{Decider, Meta, fold::Folded, handle::Answer};
use crate::{
    headers::{CONTENT_TYPE, EPOCH, Headers, JSON, POSITIONS},
    log::Message,
    trace::{self, TraceContext},
};

/// Most events that one input may lead to.
pub(super) const MAX_EVENTS: usize = 100;

/// Where an event comes from: everything its envelope says that its payload does not.
pub(super) struct Cause<'a> {
    /// Names the cause, for the event's own id: an input's stream and sequence, or a tick.
    pub(super) name: &'a str,
    pub(super) id: Uuid,
    pub(super) at: Timestamp,
    pub(super) trace: &'a TraceContext,
}

/// The decider panicked on an input.
pub(super) struct Panicked;

/// What is decided and will go out with the next commit.
#[derive(Default)]
pub(super) struct Pending {
    pub(super) messages: Vec<Message>,
    /// Spans of the inputs, open until their outcome is committed.
    pub(super) spans: Vec<Span>,
    /// Reads to answer once what they saw is committed.
    pub(super) answers: Vec<Answer>,
}

impl Pending {
    /// Bytes of the bodies.
    pub(super) fn bytes(&self) -> usize {
        self.messages.iter().map(|message| message.payload.len()).sum()
    }

    /// Writes the positions on the last message, so that they are committed with the events.
    pub(super) fn seal(&mut self, positions: &super::Positions) {
        if let Some(last) = self.messages.last_mut() {
            last.headers.set(POSITIONS, positions.to_string());
        }
    }
}

/// Decides on an input and folds the outcome into the state.
pub(super) fn decide<D: Decider>(
    decider: &D,
    journal: &'static str,
    folded: &mut Folded<D::State>,
    input: &D::Input,
    cause: &Cause<'_>,
    about: (&str, &str),
    pending: &mut Pending,
) -> Result<(), Panicked> {
    let span = input_span(cause.trace, about);
    let trace = trace::continue_in(&span, cause.trace);
    let meta = Meta { id: cause.id, at: cause.at, trace_id: cause.trace.trace_id };
    let decided = catch_unwind(AssertUnwindSafe(|| {
        let events = decider.decide(&folded.state, input, &meta);
        assert!(events.len() <= MAX_EVENTS, "more events than fit a commit");
        let cause = Cause { trace: &trace, ..*cause };
        for (index, event) in events.into_iter().enumerate() {
            pending.messages.push(record(decider, journal, folded, &event, &cause, index));
        }
    }));
    pending.spans.push(span);
    decided.map_err(|_panic| Panicked)
}

/// Folds an event in, and gives the message that will store it.
pub(super) fn record<D: Decider>(
    decider: &D,
    journal: &str,
    folded: &mut Folded<D::State>,
    event: &D::Event,
    cause: &Cause<'_>,
    index: usize,
) -> Message {
    let envelope = Envelope {
        id: ids::derive(&[journal, cause.name, &index.to_string()]),
        kind: Cow::Borrowed(event.kind()),
        version: event.version(),
        aggregate_id: Cow::Owned(event.aggregate_id()),
        timestamp: cause.at,
        trace_id: cause.trace.trace_id,
        causation_id: cause.id,
        data: event,
    };
    let meta = Meta { id: envelope.id, at: cause.at, trace_id: cause.trace.trace_id };
    decider.evolve(&mut folded.state, event, &meta);
    let mut headers = Headers::new();
    headers.set(CONTENT_TYPE, JSON);
    headers.set(EPOCH, folded.epoch.to_string());
    cause.trace.inject(&mut headers);
    Message { subject: event.kind().to_owned(), headers, payload: envelope.to_body().into() }
}

/// The span of one input, where somebody records its trace; none otherwise, because there are many.
fn input_span(trace: &TraceContext, (kind, aggregate): (&str, &str)) -> Span {
    if !trace.sampled {
        return Span::none();
    }
    let span = info_span!(
        "process",
        otel.name = format!("process {kind}"),
        otel.kind = "consumer",
        messaging.system = "nats",
        messaging.operation.name = "process",
        messaging.destination.name = kind,
        aggregate_id = aggregate,
    );
    trace::adopt(&span, trace);
    span
}
