//! Deciding ahead: events that follow from inputs, folded into the leader's state before they are
//! committed. If the commit is lost, so is this state.

use std::borrow::Cow;

use events::{Envelope, StreamEvent, Timestamp, TraceId, ids};
use tracing::{Span, info_span};
use uuid::Uuid;

use super::{Decider, Meta, contain::contain, fold::Folded, handle::Answer};
use crate::{
    headers::{CONTENT_TYPE, EPOCH, Headers, JSON, POSITIONS, PUT_BACK},
    log::Message,
    trace::{self, TraceContext},
};

/// Most events that one input, or one tick, may lead to.
pub const MAX_EVENTS: usize = 100;
/// Most bytes of all of them together. A commit with a message that the broker will not take would be
/// tried for ever, and nothing would move until then.
const MAX_BYTES: usize = 512 * 1024;

/// Where an event comes from: everything its message says that its payload does not.
pub(super) struct Causation<'a> {
    /// Names the cause, for the event's own id: an input's stream and sequence, or a tick.
    pub(super) name: &'a str,
    pub(super) id: Uuid,
    pub(super) at: Timestamp,
    /// The input was put back.
    pub(super) put_back: bool,
}

/// Why nothing was decided; what was pending before still is.
#[derive(Debug)]
pub(super) enum Undecided {
    /// The rules cannot cope with it. The state is as it was.
    Hopeless(String),
    /// Folding the outcome panicked. The state is in pieces.
    Broken(String),
}

/// What is decided and will go out with the next commit.
#[derive(Default)]
pub(super) struct Pending {
    messages: Vec<Message>,
    /// Bytes of their bodies.
    bytes: usize,
    /// Spans of the inputs, open until their outcome is committed.
    pub(super) spans: Vec<Span>,
    /// Reads to answer once what they saw is committed.
    pub(super) answers: Vec<Answer>,
}

impl Pending {
    pub(super) fn push(&mut self, message: Message) {
        self.bytes += message.payload.len();
        self.messages.push(message);
    }

    pub(super) fn len(&self) -> usize {
        self.messages.len()
    }

    pub(super) fn is_empty(&self) -> bool {
        self.messages.is_empty()
    }

    /// Bytes of the bodies.
    pub(super) fn bytes(&self) -> usize {
        self.bytes
    }

    /// The messages, with the positions on the last of them, so that those are committed with the events.
    pub(super) fn seal(&mut self, positions: &super::Positions) -> Vec<Message> {
        if let Some(last) = self.messages.last_mut() {
            last.headers.set(POSITIONS, positions.to_string());
        }
        self.bytes = 0;
        std::mem::take(&mut self.messages)
    }
}

/// Decides on ahead of commits, in the state of one leader's turn.
pub(super) struct Tentative<'a, D: Decider> {
    pub(super) decider: &'a D,
    pub(super) journal: &'static str,
    pub(super) folded: &'a mut Folded<D::State>,
    pub(super) pending: &'a mut Pending,
}

impl<D: Decider> Tentative<'_, D> {
    /// Decides on an input and folds the outcome into the state; `about` is its type and what it is about.
    pub(super) fn decide(
        &mut self,
        input: &D::Input,
        cause: &Causation<'_>,
        trace: &TraceContext,
        about: (&str, &str),
    ) -> Result<(), Undecided> {
        let span = input_span(trace, about);
        let continued = trace::continue_in(&span, trace);
        let Causation { id, at, put_back, .. } = *cause;
        let meta = Meta { id, at, trace_id: trace.trace_id, put_back };
        let decided = contain(|| self.decider.decide(&self.folded.state, input, &meta));
        let events = decided.map_err(|panic| Undecided::Hopeless(format!("deciding on it {panic}")))?;
        if events.len() > MAX_EVENTS {
            let why = format!("{} events follow from it, at most {MAX_EVENTS} may", events.len());
            return Err(Undecided::Hopeless(why));
        }
        let events: Vec<_> = events.into_iter().map(|event| (event, continued.clone())).collect();
        self.record(&events, cause)?;
        self.pending.spans.push(span);
        Ok(())
    }

    /// Decides on time having passed. What is beyond the most events is decided at the next tick.
    pub(super) fn tick(&mut self, cause: &Causation<'_>) -> Result<(), Undecided> {
        let decided = contain(|| self.decider.tick(&self.folded.state, cause.at));
        let events = decided.map_err(|panic| Undecided::Hopeless(format!("the tick {panic}")))?;
        let traced = |(event, trace_id): (D::Event, TraceId)| (event, TraceContext::unsampled(trace_id));
        let events: Vec<_> = events.into_iter().take(MAX_EVENTS).map(traced).collect();
        self.record(&events, cause)
    }

    /// Folds events in, and keeps the messages that will store them; all or none.
    fn record(
        &mut self,
        events: &[(D::Event, TraceContext)],
        cause: &Causation<'_>,
    ) -> Result<(), Undecided> {
        let (journal, epoch) = (self.journal, self.folded.epoch);
        let write = || {
            let each = events.iter().enumerate();
            each.map(|(index, (event, trace))| message(event, journal, epoch, cause, trace, index)).collect()
        };
        let written: Result<(Vec<_>, Vec<_>), _> = contain(write);
        let (metas, messages) =
            written.map_err(|panic| Undecided::Hopeless(format!("writing its outcome {panic}")))?;
        let bytes: usize = messages.iter().map(|message| message.payload.len()).sum();
        if bytes > MAX_BYTES {
            let why = format!("its outcome has {bytes} bytes, at most {MAX_BYTES} are stored together");
            return Err(Undecided::Hopeless(why));
        }
        let state = &mut self.folded.state;
        let fold = || {
            for ((event, _trace), meta) in events.iter().zip(&metas) {
                self.decider.evolve(state, event, meta);
            }
        };
        contain(fold).map_err(|panic| Undecided::Broken(format!("folding its outcome {panic}")))?;
        messages.into_iter().for_each(|message| self.pending.push(message));
        Ok(())
    }
}

/// The message that will store an event, and what is known of the event beside its payload.
fn message<E: StreamEvent>(
    event: &E,
    journal: &str,
    epoch: u64,
    cause: &Causation<'_>,
    trace: &TraceContext,
    index: usize,
) -> (Meta, Message) {
    let envelope = Envelope {
        id: ids::derive(&[journal, cause.name, &index.to_string()]),
        kind: Cow::Borrowed(event.kind()),
        version: event.version(),
        aggregate_id: Cow::Owned(event.aggregate_id()),
        timestamp: cause.at,
        trace_id: trace.trace_id,
        causation_id: cause.id,
        data: event,
    };
    let meta = Meta { id: envelope.id, at: cause.at, trace_id: trace.trace_id, put_back: cause.put_back };
    let mut headers = Headers::new();
    headers.set(CONTENT_TYPE, JSON);
    headers.set(EPOCH, epoch.to_string());
    if cause.put_back {
        headers.set(PUT_BACK, "true");
    }
    trace.inject(&mut headers);
    (meta, Message { subject: event.kind().to_owned(), headers, payload: envelope.to_body().into() })
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
