//! What is asked or sent again until the broker answers, and the pauses in between.

use std::time::Duration;

use tokio::time::sleep;

use super::{Log, Stored};

/// Pause before a broker that did not answer is asked again.
pub(crate) const ASK_AGAIN: Duration = Duration::from_millis(500);

/// One message, asked for until the broker answers; `None` if there is none at that sequence.
pub(crate) async fn get_patiently(log: &impl Log, stream: &str, sequence: u64) -> Option<Stored> {
    loop {
        match log.get(stream, sequence).await {
            Ok(message) => return message,
            Err(_away) => sleep(ASK_AGAIN).await,
        }
    }
}

/// Pauses of which each is twice the one before, up to the longest.
#[derive(Debug)]
pub(crate) struct Doubling {
    pub(crate) next: Duration,
    pub(crate) longest: Duration,
}

impl Doubling {
    pub(crate) async fn pause(&mut self) {
        sleep(self.next).await;
        self.next = (self.next * 2).min(self.longest);
    }
}
