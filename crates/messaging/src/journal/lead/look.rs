//! What a leader that writes nothing would not notice: that somebody else has written to its journal.
//!
//! A commit finds that out by failing. A quiet journal sees none, and a message that is no part of it would be parked by
//! whoever writes next, perhaps tomorrow. So the leader also looks now and then.

use std::{pin::Pin, time::Duration};

use super::Leader;
use crate::{journal::Decider, log::Log};

/// Time between two looks.
const LOOK: Duration = Duration::from_secs(5);

/// The next look: where the journal ends.
pub(super) type Look = Pin<Box<dyn Future<Output = u64> + Send>>;

/// Looks after a while, and again until the broker answers.
pub(super) fn look<L: Log>(log: L, journal: &'static str) -> Look {
    Box::pin(async move {
        loop {
            tokio::time::sleep(LOOK).await;
            if let Ok(extent) = log.extent(journal).await {
                return extent.last;
            }
        }
    })
}

impl<L: Log, D: Decider> Leader<'_, L, D> {
    /// Looks again later; says whether somebody else has written if the journal ends there. A commit under way finds
    /// out by itself, and may be what was seen.
    pub(super) fn looked(&mut self, last: u64) -> bool {
        self.look = look(self.journal.log.clone(), self.journal.config.stream);
        self.under_way.is_none() && last > self.committed
    }
}
