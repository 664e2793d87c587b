//! What came of a load, as the callers saw it.

use std::time::Duration;

use events::OrderId;
use hdrhistogram::Histogram;

use super::{lull::Lull, surprises::Surprises};

/// Longest latency that is told apart, in microseconds: ten minutes.
const LONGEST: u64 = 600_000_000;

/// What came of a load.
#[derive(Debug, Default)]
pub struct Results {
    /// The orders that callers were told are accepted, in the order of the answers; each once.
    pub accepted: Vec<OrderId>,
    /// How many of those their callers saw confirmed.
    pub confirmed: u64,
    /// One of those that were confirmed, to look at.
    pub example: Option<OrderId>,
    /// From the moment an order was due until it was accepted.
    pub acceptance: Latency,
    /// From the moment an order was due until its caller could read that it is confirmed or cancelled.
    pub decision: Latency,
    /// Between one order accepted and the next.
    pub accepting: Lull,
    /// Between one order that a caller could read to be confirmed and the next.
    pub confirming: Lull,
    /// Requests that were sent again because the fleet was away or asked for patience.
    pub retries: u64,
    /// From the first order to the last one, whatever became of them.
    pub placing: Duration,
    /// From the first order to the last decision.
    pub elapsed: Duration,
    /// Answers that should not have been.
    pub surprises: Surprises,
}

/// How long things took. Counted from when they were due, so a fleet that keeps callers waiting is not
/// flattered by the calls it prevented.
#[derive(Debug, Clone)]
pub struct Latency(Histogram<u64>);

impl Default for Latency {
    fn default() -> Self {
        #[expect(clippy::expect_used, reason = "the bounds are constants that suit each other")]
        let histogram = Histogram::new_with_bounds(1, LONGEST, 3).expect("valid bounds");
        Self(histogram)
    }
}

impl Latency {
    pub(crate) fn record(&mut self, took: Duration) {
        self.0.saturating_record(u64::try_from(took.as_micros()).unwrap_or(LONGEST));
    }

    /// How many there were.
    #[must_use]
    pub fn count(&self) -> u64 {
        self.0.len()
    }

    /// The time within which this share of them was done, 0.5 for the median.
    #[must_use]
    pub fn quantile(&self, share: f64) -> Duration {
        Duration::from_micros(self.0.value_at_quantile(share))
    }

    /// The longest.
    #[must_use]
    pub fn max(&self) -> Duration {
        Duration::from_micros(self.0.max())
    }
}

impl Results {
    /// How many orders have ended, one way or the other.
    #[must_use]
    pub fn decided(&self) -> u64 {
        self.decision.count()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn quantiles_are_what_was_recorded() {
        let mut latency = Latency::default();
        (1..=100).for_each(|millis| latency.record(Duration::from_millis(millis)));
        let near = |took: Duration, millis: u64| took.as_millis().abs_diff(u128::from(millis)) <= 1;
        assert!(
            near(latency.quantile(0.5), 50) && near(latency.quantile(0.99), 99) && near(latency.max(), 100)
        );
        assert_eq!(latency.count(), 100);
    }
}
