//! How long to wait for company before committing.
//!
//! A commit costs the server about the same whatever its size, so at a middling load it pays to wait a
//! few milliseconds and store more messages at once. At a low load waiting buys nothing and costs
//! latency; at a high load messages gather by themselves while the commit before is under way.

use std::time::Duration;

use tokio::time::Instant;

/// The lingering rule, and what it has seen of the arrivals.
#[derive(Debug, Clone)]
pub struct Linger {
    /// Messages per second below which nobody waits.
    pub from_rate: f64,
    /// The longest wait.
    pub at_most: Duration,
    /// Messages that are company enough.
    pub enough: usize,
    rate: f64,
    seen: Option<Instant>,
}

impl Default for Linger {
    fn default() -> Self {
        Self::new(400.0, Duration::from_millis(8), 400)
    }
}

/// Time in which the estimate forgets about two thirds of the past.
const MEMORY: Duration = Duration::from_millis(250);

impl Linger {
    /// A rule that has seen nothing yet.
    #[must_use]
    pub fn new(from_rate: f64, at_most: Duration, enough: usize) -> Self {
        Self { from_rate, at_most, enough, rate: 0.0, seen: None }
    }

    /// Takes note of arrivals.
    pub fn note(&mut self, messages: usize, now: Instant) {
        let Some(seen) = self.seen.replace(now) else { return };
        let elapsed = now.duration_since(seen).as_secs_f64().max(1e-6);
        #[expect(clippy::cast_precision_loss, reason = "a count of at most some thousands")]
        let current = messages as f64 / elapsed;
        let weight = 1.0 - (-elapsed / MEMORY.as_secs_f64()).exp();
        self.rate += weight * (current - self.rate);
    }

    /// How long to wait with so many messages in hand.
    #[must_use]
    pub fn wait(&self, pending: usize) -> Duration {
        if self.rate < self.from_rate || pending >= self.enough { Duration::ZERO } else { self.at_most }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at_rate(per_second: u32) -> Linger {
        let mut linger = Linger::default();
        let (start, gap) = (Instant::now(), Duration::from_secs(1) / per_second);
        (0..per_second).for_each(|n| linger.note(1, start + gap * n));
        linger
    }

    #[test]
    fn nobody_waits_at_a_low_load() {
        assert_eq!(at_rate(100).wait(1), Duration::ZERO);
    }

    #[test]
    fn company_is_awaited_at_a_middling_load_but_not_beyond_enough() {
        let linger = at_rate(2_000);
        assert_eq!(linger.wait(1), linger.at_most);
        assert_eq!(linger.wait(linger.enough), Duration::ZERO);
    }

    #[test]
    fn a_burst_is_soon_forgotten() {
        let mut linger = at_rate(5_000);
        let later = Instant::now() + Duration::from_secs(10);
        linger.note(1, later);
        assert_eq!(linger.wait(1), Duration::ZERO);
    }
}
