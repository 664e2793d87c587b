//! When a failed attempt is repeated, and how often.

use std::time::Duration;

use backoff::{ExponentialBackoff, ExponentialBackoffBuilder, backoff::Backoff};

/// Exponential backoff with full jitter, and a limit.
#[derive(Debug, Clone)]
pub struct RetryPolicy {
    /// Pause after the first failure, on average; doubles with each further one.
    pub first: Duration,
    /// The longest pause, on average.
    pub longest: Duration,
    /// Attempts after which a message is a dead letter.
    pub max_attempts: u64,
}

impl Default for RetryPolicy {
    fn default() -> Self {
        Self { first: Duration::from_millis(200), longest: Duration::from_secs(20), max_attempts: 8 }
    }
}

impl RetryPolicy {
    /// The pauses of one message, in order.
    pub(super) fn pauses(&self) -> Pauses {
        let backoff = ExponentialBackoffBuilder::new()
            .with_initial_interval(self.first)
            .with_max_interval(self.longest)
            .with_multiplier(2.0)
            // Anything between nothing and twice the interval: those who failed together come back apart.
            .with_randomization_factor(1.0)
            .with_max_elapsed_time(None)
            .build();
        Pauses(backoff, self.longest)
    }
}

/// The pauses of one message.
pub(super) struct Pauses(ExponentialBackoff, Duration);

impl Pauses {
    pub(super) fn next(&mut self) -> Duration {
        self.0.next_backoff().unwrap_or(self.1)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn pauses_grow_and_stay_below_twice_the_longest() {
        let policy = RetryPolicy::default();
        let mut pauses = policy.pauses();
        let drawn: Vec<_> = (0..50).map(|_| pauses.next()).collect();
        assert!(drawn[0] <= policy.first * 2);
        assert!(drawn.iter().all(|pause| *pause <= policy.longest * 2));
        assert!(drawn[20..].iter().sum::<Duration>() > policy.first * 60, "they have grown");
    }
}
