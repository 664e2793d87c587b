//! How long something that should happen all the time did not.

use std::time::Duration;

use tokio::time::Instant;

/// The longest time between one and the next.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Lull {
    last: Option<Instant>,
    longest: Duration,
}

impl Lull {
    /// It has happened again.
    pub(super) fn ends(&mut self, now: Instant) {
        if let Some(last) = self.last.replace(now) {
            self.longest = self.longest.max(now.saturating_duration_since(last));
        }
    }

    /// The longest so far; zero before it has happened twice.
    #[must_use]
    pub fn longest(&self) -> Duration {
        self.longest
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_longest_counts_wherever_it_is() {
        let (start, mut lull) = (Instant::now(), Lull::default());
        let mut longest_after = |millis| {
            lull.ends(start + Duration::from_millis(millis));
            lull.longest().as_millis()
        };
        assert_eq!([10, 25, 90, 100].map(&mut longest_after), [0, 15, 65, 65]);
        // Two callers may tell of the same moment in either order.
        assert_eq!(longest_after(99), 65);
    }
}
