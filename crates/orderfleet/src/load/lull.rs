//! How long something that should happen all the time did not.

use std::time::Duration;

use tokio::time::Instant;

/// The longest time until the first, or between one and the next.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Lull {
    last: Option<Instant>,
    longest: Duration,
}

impl Lull {
    /// From now on it should happen.
    pub(super) fn begins(&mut self, now: Instant) {
        self.last = Some(now);
    }

    /// It has happened again.
    pub(super) fn ends(&mut self, now: Instant) {
        if let Some(last) = self.last.replace(now) {
            self.longest = self.longest.max(now.saturating_duration_since(last));
        }
    }

    /// The longest so far that has ended; that before the first time counts, too.
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
        lull.begins(start);
        let mut longest_after = |millis| {
            lull.ends(start + Duration::from_millis(millis));
            lull.longest().as_millis()
        };
        assert_eq!([10, 25, 90, 100].map(&mut longest_after), [10, 15, 65, 65]);
        // Two callers may tell of the same moment in either order.
        assert_eq!(longest_after(99), 65);
    }

    #[test]
    fn what_begins_late_was_missed_from_the_start() {
        let (start, mut lull) = (Instant::now(), Lull::default());
        lull.begins(start);
        lull.ends(start + Duration::from_secs(20));
        assert_eq!(lull.longest(), Duration::from_secs(20));
    }
}
