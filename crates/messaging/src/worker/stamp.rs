//! Outcomes as messages. Their ids follow from the event that caused them, so that an outcome published
//! again after a crash is the same event, and is stored once.

use std::borrow::Cow;

use events::{Envelope, StreamEvent, Timestamp, ids};

use super::Received;
use crate::{log::Message, trace::TraceContext};

/// The message that stores the `index`th outcome of a received event.
pub(super) fn outcome<E: StreamEvent>(
    event: &E,
    received: &Received<'_>,
    index: usize,
    trace: &TraceContext,
    at: Timestamp,
) -> Message {
    let cause = received.envelope.id;
    let envelope = Envelope {
        id: ids::derive(&[&cause.to_string(), event.kind(), &index.to_string()]),
        kind: Cow::Borrowed(event.kind()),
        version: event.version(),
        aggregate_id: Cow::Owned(event.aggregate_id()),
        timestamp: at,
        trace_id: received.envelope.trace_id,
        causation_id: cause,
        data: event,
    };
    Message::event(&envelope, trace)
}
