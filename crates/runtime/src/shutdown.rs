//! The two stages of stopping: soft (take no new work, finish what is in hand) and hard (abandon it).

use tokio_util::sync::CancellationToken;

/// Tells everybody that the process is stopping. Cheap to clone; all clones are the same shutdown.
#[derive(Clone, Debug, Default)]
pub struct Shutdown {
    soft: CancellationToken,
    hard: CancellationToken,
}

impl Shutdown {
    /// Cancelled when the process should take no new work and finish what it has begun.
    pub fn soft(&self) -> &CancellationToken {
        &self.soft
    }

    /// Cancelled when the grace period is over: whatever is still unfinished is abandoned. Never before [`Self::soft`].
    pub fn hard(&self) -> &CancellationToken {
        &self.hard
    }

    /// Whether stopping has begun.
    pub fn requested(&self) -> bool {
        self.soft.is_cancelled()
    }

    /// Asks the process to stop in order. The first caller's `reason` is logged; later calls do nothing.
    pub fn request(&self, reason: &str) {
        if !self.requested() {
            tracing::info!(reason, "shutdown requested");
        }
        self.soft.cancel();
    }

    /// Ends the grace period.
    pub(crate) fn abandon(&self) {
        self.soft.cancel();
        self.hard.cancel();
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn stages_come_in_order() {
        let shutdown = Shutdown::default();
        assert!(!shutdown.requested());

        shutdown.clone().request("test");
        assert!(shutdown.soft().is_cancelled());
        assert!(!shutdown.hard().is_cancelled());

        shutdown.abandon();
        assert!(shutdown.hard().is_cancelled());
    }

    #[test]
    fn abandoning_implies_stopping() {
        let shutdown = Shutdown::default();
        shutdown.abandon();
        assert!(shutdown.requested());
    }
}
