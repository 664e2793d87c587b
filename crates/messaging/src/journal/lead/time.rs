//! The broker's time, which is the one time of all replicas.

use std::pin::Pin;

use events::Timestamp;
use tokio::time::Instant;

use super::Leader;
use crate::{
    journal::Decider,
    log::{Log, patience::ASK_AGAIN},
};

type Asking = Pin<Box<dyn Future<Output = (Timestamp, Instant)> + Send>>;

/// Told once by the message with which this process began to lead, and since then by the time that has passed.
pub(super) enum BrokerClock {
    Asking(Asking),
    /// What it showed, and when.
    Told(Timestamp, Instant),
}

impl BrokerClock {
    /// Asks when the message was stored that this process has just written.
    pub(super) fn ask<L: Log>(log: L, journal: &'static str, sequence: u64) -> Self {
        let written = Instant::now();
        Self::Asking(Box::pin(async move {
            loop {
                if let Ok(Some(message)) = log.get(journal, sequence).await {
                    return (message.timestamp, written);
                }
                tokio::time::sleep(ASK_AGAIN).await;
            }
        }))
    }

    /// Waits for the answer; for ever if it has come.
    pub(super) async fn told(&mut self) {
        match self {
            Self::Asking(asking) => {
                let (at, since) = asking.await;
                *self = Self::Told(at, since);
            }
            Self::Told(..) => std::future::pending().await,
        }
    }

    /// The time; `None` until it is told.
    pub(super) fn now(&self) -> Option<Timestamp> {
        match self {
            Self::Asking(_) => None,
            Self::Told(at, since) => Some(at.after(since.elapsed())),
        }
    }
}

impl<L: Log, D: Decider> Leader<'_, L, D> {
    /// Notes how old an input was that has just been decided on, once the broker could be asked for the time.
    pub(super) fn note_age(&self, stored: Timestamp) {
        if let Some(now) = self.clock.now() {
            self.journal.metrics.handled(self.journal.config.stream, now.since(stored));
        }
    }
}
