//! What a leader cannot decide on becomes a dead letter.
//!
//! That takes as long as the broker does, and for longer if the dead letters are full. Meanwhile the leader goes on
//! beating, committing what it has decided, and listening for the end. But it decides on nothing more, because
//! the position moves past an input only once that is decided on or parked.

use std::pin::Pin;

use events::{RawEnvelope, Timestamp};
use tokio::time::Instant;
use tracing::error;
use uuid::Uuid;

use super::Leader;
use crate::{
    dead_letter::{Cause, DeadLetters, Failure, attempts_before},
    journal::{
        Decider,
        control::{Control, Place},
    },
    log::{Log, Stored, patience::get_patiently},
    topology::REDRIVE,
};

/// A message that is being parked.
pub(super) struct Parking {
    /// Gives the id in its envelope, if that can be read.
    parked: Pin<Box<dyn Future<Output = Option<Uuid>> + Send>>,
    stream: &'static str,
    sequence: u64,
    /// Which input it was when it was parked before.
    original: Option<Place>,
}

/// Waits until the message is parked; for ever if there is none.
pub(super) async fn parked(parking: &mut Option<Parking>) -> Option<Uuid> {
    match parking {
        Some(parking) => (&mut parking.parked).await,
        None => std::future::pending().await,
    }
}

impl<L: Log, D: Decider> Leader<'_, L, D> {
    /// Begins to park an input. It is read again unless it is at hand.
    pub(super) fn park_input(
        &mut self,
        (stream, sequence): (&'static str, u64),
        original: Option<Place>,
        message: Option<Stored>,
        cause: Cause,
        error: String,
    ) {
        let parking = self.park(stream, sequence, message, cause, error);
        self.parking = Some(Parking { original, ..parking });
    }

    /// The input is parked: that was its outcome.
    pub(super) fn input_parked(&mut self, id: Option<Uuid>) {
        if let Some(Parking { stream, sequence, original, .. }) = self.parking.take() {
            let input = Place { stream: stream.to_owned(), sequence };
            // First what it was before, for it bears the same id.
            if let Some(original) = original {
                self.decided_after_all(original, None);
            }
            self.say(&Control::Parked { epoch: self.folded.epoch, input, id });
            self.pass(stream, sequence);
        }
    }

    /// Begins to park the next message that stands in the stream without being part of the journal.
    pub(super) fn park_foreign(&mut self) {
        if self.parking_foreign.is_none()
            && let Some(sequence) = self.journal.foreign.first().copied()
        {
            let error = "it was not written by the journal's writer".to_owned();
            let parking = self.park(self.journal.config.stream, sequence, None, Cause::Foreign, error);
            self.parking_foreign = Some(parking);
        }
    }

    /// It is parked. The journal's position in its own stream tells those who lead later.
    pub(super) fn foreign_parked(&mut self) {
        if let Some(done) = self.parking_foreign.take() {
            self.journal.foreign.remove(&done.sequence);
            self.pass(done.stream, done.sequence);
        }
    }

    /// An input was decided on: neither it nor a copy of it that was stored under the same id is parked any more. The
    /// rules forget in time what they have decided; this does not.
    pub(super) fn no_longer_parked(&mut self, original: Option<Place>, id: Uuid) {
        if let Some(input) = original.or_else(|| self.folded.parked.copy_of(id).cloned()) {
            self.decided_after_all(input, Some(id));
        }
    }

    fn decided_after_all(&mut self, input: Place, id: Option<Uuid>) {
        self.say(&Control::PutBack { epoch: self.folded.epoch, input, id });
    }

    /// Moves a position. It is written down with the next event, or when none has come for a while.
    pub(super) fn pass(&mut self, stream: &str, sequence: u64) {
        self.folded.positions.set(stream, sequence);
        self.unwritten_since.get_or_insert_with(Instant::now);
    }

    fn park(
        &self,
        stream: &'static str,
        sequence: u64,
        message: Option<Stored>,
        cause: Cause,
        error: String,
    ) -> Parking {
        let (log, dead_letters) = (self.journal.log.clone(), self.journal.dead_letters.clone());
        let (consumer, now) = (self.journal.config.stream, (self.journal.config.clock)());
        let parked = async move {
            let message = match message {
                Some(message) => Some(message),
                None => get_patiently(&log, stream, sequence).await,
            };
            match message {
                Some(message) => {
                    park(&dead_letters, consumer, stream, &message, cause, error, now).await;
                    RawEnvelope::parse(&message.payload).ok().map(|envelope| envelope.id)
                }
                None => {
                    error!(stream, sequence, error, "a message aged out before it could be parked");
                    None
                }
            }
        };
        Parking { parked: Box::pin(parked), stream, sequence, original: None }
    }
}

async fn park(
    dead_letters: &DeadLetters,
    consumer: &str,
    stream: &str,
    message: &Stored,
    cause: Cause,
    error: String,
    first_failure: Timestamp,
) {
    // Only what was put back was tried before, and says how often.
    let before = if stream == REDRIVE { attempts_before(message) } else { 0 };
    let attempts = before.saturating_add(1);
    let failure = Failure { message, stream, consumer, cause, error, attempts, first_failure };
    dead_letters.park(&failure).await;
}
