//! How long to wait for company before committing.
//!
//! A commit costs the server about the same whatever its size, so it pays to wait a little and store more messages at
//! once: for a multiple of what commits take, so that a broker that is slow, or busy, gets fewer and larger ones. At a
//! low load waiting buys nothing and costs latency. How much it buys depends on how messages arrive, and what it costs
//! on who waits for them, hence three rules.

use std::time::Duration;

use tokio::time::Instant;

/// A lingering rule.
#[derive(Debug, Clone, Copy)]
pub struct Linger {
    /// Messages per second below which nobody waits.
    from_rate: f64,
    /// How many times as long as a commit takes to wait.
    times: f64,
    /// The longest wait.
    at_most: Duration,
    /// Messages that are company enough.
    pub(super) enough: usize,
}

/// For what arrives one by one, or from several streams.
impl Default for Linger {
    fn default() -> Self {
        Self { from_rate: 400.0, times: 4.0, at_most: Duration::from_millis(40), enough: 500 }
    }
}

/// How long to wait by a rule, from what was seen of the arrivals and the commits.
#[derive(Debug)]
pub struct Lingering {
    pub(super) rule: Linger,
    /// Messages per second.
    rate: f64,
    seen: Option<Instant>,
    took: Duration,
}

/// Time in which the estimate of the rate forgets about two thirds of the past.
const MEMORY: Duration = Duration::from_millis(250);
/// What the newest commit weighs in the estimate of how long they take.
const NEWEST: f64 = 0.1;

impl Linger {
    /// For what an order waits for and what follows from messages that were stored together: mostly it comes together, too.
    #[must_use]
    pub fn brief() -> Self {
        Self { times: 1.0, ..Self::default() }
    }

    /// For what no order waits for. What was done but not stored when a process dies is done again, so there is more of it.
    #[must_use]
    pub fn patient() -> Self {
        Self { times: 20.0, at_most: Duration::from_millis(100), ..Self::default() }
    }

    /// The same for workers who have no more than so many messages in hand at once. Half of them are enough: they wait for
    /// the commit before they take others, and some may be held up by something else.
    #[must_use]
    pub fn of_workers(self, concurrency: usize) -> Self {
        Self { enough: self.enough.min(concurrency.div_ceil(2)), ..self }
    }
}

impl Lingering {
    /// By this rule; nothing was seen yet.
    #[must_use]
    pub fn new(rule: Linger) -> Self {
        Self { rule, rate: 0.0, seen: None, took: Duration::ZERO }
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

    /// Takes note of how long a commit took.
    pub fn committed(&mut self, took: Duration) {
        self.took = self.took.mul_f64(1.0 - NEWEST) + took.mul_f64(NEWEST);
    }

    /// How long to wait with so many messages in hand.
    #[must_use]
    pub fn wait(&self, pending: usize) -> Duration {
        let rule = &self.rule;
        if self.rate < rule.from_rate || pending >= rule.enough {
            return Duration::ZERO;
        }
        self.took.mul_f64(rule.times).min(rule.at_most)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at_rate(per_second: u32) -> Lingering {
        busy(Linger::default(), per_second)
    }

    /// After a second of this rate, with commits of 2 ms.
    fn busy(rule: Linger, per_second: u32) -> Lingering {
        let mut linger = Lingering::new(rule);
        let (start, gap) = (Instant::now(), Duration::from_secs(1) / per_second);
        (0..per_second).for_each(|n| linger.note(1, start + gap * n));
        (0..100).for_each(|_| linger.committed(Duration::from_millis(2)));
        linger
    }

    #[test]
    fn nobody_waits_at_a_low_load() {
        assert_eq!(at_rate(100).wait(1), Duration::ZERO);
    }

    #[test]
    fn company_is_awaited_at_a_middling_load_but_not_beyond_enough() {
        let linger = at_rate(2_000);
        assert_eq!(linger.wait(1).as_secs_f64().mul_add(1e3, 0.5).floor(), 8.0);
        assert_eq!(linger.wait(linger.rule.enough), Duration::ZERO);
    }

    #[test]
    fn the_slower_the_broker_the_longer_but_not_for_ever() {
        let mut linger = at_rate(2_000);
        let quick = linger.wait(1);
        linger.committed(Duration::from_millis(10));
        assert!(linger.wait(1) > quick);
        linger.committed(Duration::from_secs(5));
        assert_eq!(linger.wait(1), linger.rule.at_most);
    }

    #[test]
    fn how_long_depends_on_how_messages_come_and_who_waits_for_them() {
        let [brief, usual, patient] = [Linger::brief(), Linger::default(), Linger::patient()]
            .map(|linger| busy(linger, 2_000).wait(1).as_secs_f64().mul_add(1e3, 0.5).floor());
        assert_eq!([brief, usual, patient], [2.0, 8.0, 40.0]);
    }

    #[test]
    fn nobody_waits_for_more_than_can_come() {
        let linger = busy(Linger::patient().of_workers(64), 2_000);
        assert!(linger.wait(31) > Duration::ZERO);
        assert_eq!(linger.wait(32), Duration::ZERO, "the others may be held up");
        assert_eq!(Linger::patient().of_workers(10_000).enough, Linger::default().enough);
        assert_eq!(busy(Linger::patient().of_workers(1), 2_000).wait(1), Duration::ZERO);
    }

    #[test]
    fn a_burst_is_soon_forgotten() {
        let mut linger = at_rate(5_000);
        let later = Instant::now() + Duration::from_secs(10);
        linger.note(1, later);
        assert_eq!(linger.wait(1), Duration::ZERO);
    }
}
