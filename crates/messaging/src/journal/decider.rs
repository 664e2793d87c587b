//! The decider: the pure heart of a journal, written by the service that owns it.

use events::{DecodeError, RawEnvelope, StreamEvent, Timestamp, TraceId};
use serde::{Serialize, de::DeserializeOwned};
use uuid::Uuid;

/// An input stream of a journal, and the subjects in it that matter.
#[derive(Debug, Clone, Copy)]
pub struct InputStream {
    /// The stream's name.
    pub stream: &'static str,
    /// Which of its subjects; empty means all.
    pub subjects: &'static [&'static str],
}

/// What is known of an input or event beside its payload.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Meta {
    /// The message's own id.
    pub id: Uuid,
    /// When it happened: the stream's timestamp of an input, the envelope's of an event.
    pub at: Timestamp,
    /// The trace it belongs to.
    pub trace_id: TraceId,
    /// It was put back by an operator, or follows from an input that was. Such inputs are read beside the others: their
    /// time does not say how far the stream is read in which they stood before.
    pub put_back: bool,
}

/// Decides what follows from an input, and folds what was decided into state.
///
/// Everything here is pure: no clock but the timestamps given, no randomness, no I/O, no logging. The
/// same inputs in the same order give the same events in every process and for ever, and the state is
/// nothing but the fold of the journal's events by [`evolve`](Self::evolve).
pub trait Decider: Send + Sync + 'static {
    /// The fold of the journal. Snapshots hold it as JSON, written from a clone beside the leader. Nothing is decided while
    /// it is cloned, so what is large should be shared (`Arc`).
    type State: Clone + Default + Serialize + DeserializeOwned + Send + Sync + 'static;
    /// What it decides on.
    type Input: Send + Sync + 'static;
    /// What it decides.
    type Event: StreamEvent;

    /// The version of [`State`](Self::State)'s shape, which snapshots are written in.
    const STATE_VERSION: u32;
    /// The earliest version that [`State`](Self::State) can still be read from; a snapshot of any other is not read.
    const READS_FROM: u32 = Self::STATE_VERSION;

    /// Where inputs come from. Every journal reads what was put back for it as well.
    fn inputs(&self) -> &'static [InputStream];

    /// Reads an input by its type, whichever stream it comes from: one that was parked and put back comes from
    /// REDRIVE.
    ///
    /// # Errors
    /// The input cannot be read, or its type is no business of this journal; it becomes a dead letter.
    fn read_input(&self, raw: &RawEnvelope<'_>) -> Result<Self::Input, DecodeError>;

    /// Reads one of the journal's own events back.
    ///
    /// # Errors
    /// The event cannot be read; this process must not lead the journal.
    fn read_event(&self, raw: &RawEnvelope<'_>) -> Result<Self::Event, DecodeError>;

    /// What follows from an input: nothing if it changes nothing, at most 100 events of 512 KiB together; an
    /// input that leads to more, or to a panic, becomes a dead letter. An input that is decided on again,
    /// however much later, changes nothing more: it may have been put back although it was decided on.
    fn decide(&self, state: &Self::State, input: &Self::Input, meta: &Meta) -> Vec<Self::Event>;

    /// What follows from time having passed. Called about once a second by the leader, with the
    /// broker's time, whatever the leader's own clock shows. Each event comes with the trace it belongs to; what
    /// is beyond the first 100 is asked for again at the next tick. A tick that panics, or whose events are too
    /// large, decides nothing and is counted; inputs are decided on all the same.
    fn tick(&self, state: &Self::State, now: Timestamp) -> Vec<(Self::Event, TraceId)>;

    /// Folds an event into the state.
    fn evolve(&self, state: &mut Self::State, event: &Self::Event, meta: &Meta);
}
