//! What a leader cannot decide on becomes a dead letter.

use std::time::Duration;

use super::Turn;
use crate::{
    dead_letter::{Cause, Failure},
    journal::Decider,
    log::{Log, Stored},
};

/// Pause before a broker that did not answer is asked again.
const ASK_AGAIN: Duration = Duration::from_millis(200);

impl<L: Log, D: Decider> Turn<'_, L, D> {
    /// Parks what stands in the stream without being part of the journal.
    pub(super) async fn park_foreign(&mut self) {
        while let Some(message) = self.journal.foreign.front().cloned() {
            let stream = self.journal.config.stream;
            let error = "it was not written by the journal's writer".to_owned();
            self.park(stream, &message, Cause::Foreign, error).await;
            self.journal.foreign.pop_front();
        }
    }

    pub(super) async fn park(&mut self, stream: &str, message: &Stored, cause: Cause, error: String) {
        let consumer = self.journal.config.stream;
        let first_failure = (self.journal.config.clock)();
        self.journal
            .dead_letters
            .park(&Failure { message, stream, consumer, cause, error, attempts: 1, first_failure })
            .await;
    }

    pub(super) async fn park_poisoned(&mut self, stream: &str, sequence: u64) {
        loop {
            match self.journal.log.get(stream, sequence).await {
                Ok(Some(message)) => {
                    let error = "the decider panicked on it".to_owned();
                    return self.park(stream, &message, Cause::Panicked, error).await;
                }
                Ok(None) => return,
                Err(_away) => tokio::time::sleep(ASK_AGAIN).await,
            }
        }
    }
}
