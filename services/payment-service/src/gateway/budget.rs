//! The retry budget: how much of the load on the gateway may be repetitions, so that a gateway that answers only in
//! part is not given more to do because of it.
//!
//! Every call earns a fifth of a retry, and every second earns ten, so that a quiet shop can retry at all. What is not
//! spent is kept, up to [`MOST`]. Pure: the time is an argument.

use std::time::Duration;

use tokio::time::Instant;

/// What one retry costs. The unit is small so that all shares are whole numbers.
const RETRY: u64 = 1_000;
/// What one call earns: one retry in five calls.
const PER_CALL: u64 = RETRY / 5;
/// What one millisecond earns: ten retries a second.
const PER_MILLISECOND: u64 = 10 * RETRY / 1_000;
/// What can be kept: as much as ten seconds earn.
const MOST: u64 = 10_000 * PER_MILLISECOND;

/// What is left for retries.
#[derive(Debug)]
pub(super) struct RetryBudget {
    left: u64,
    /// Up to when time has been credited.
    credited: Instant,
}

impl RetryBudget {
    /// A full one.
    pub(super) fn new(now: Instant) -> Self {
        Self { left: MOST, credited: now }
    }

    /// Credits a call that is made.
    pub(super) fn earn(&mut self) {
        self.left = (self.left + PER_CALL).min(MOST);
    }

    /// Takes one retry out, or says when there is one at the latest.
    pub(super) fn spend(&mut self, now: Instant) -> Result<(), Duration> {
        self.credit(now);
        if let Some(left) = self.left.checked_sub(RETRY) {
            self.left = left;
            return Ok(());
        }
        Err(Duration::from_millis((RETRY - self.left).div_ceil(PER_MILLISECOND)))
    }

    fn credit(&mut self, now: Instant) {
        let elapsed = u64::try_from(now.saturating_duration_since(self.credited).as_millis()).unwrap_or(MOST);
        self.left = self.left.saturating_add(elapsed.saturating_mul(PER_MILLISECOND)).min(MOST);
        // Whole milliseconds only: the rest is credited next time.
        self.credited += Duration::from_millis(elapsed);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const KEPT: usize = 100;

    fn spent(budget: &mut RetryBudget, now: Instant) -> usize {
        std::iter::from_fn(|| budget.spend(now).ok()).count()
    }

    #[test]
    fn a_full_budget_is_ten_seconds_worth_and_says_when_there_is_more() {
        let now = Instant::now();
        let mut budget = RetryBudget::new(now);
        assert_eq!(spent(&mut budget, now), KEPT);
        let wait = budget.spend(now).unwrap_err();
        assert_eq!(wait, Duration::from_millis(100));
        assert_eq!(spent(&mut budget, now + wait), 1);
        assert_eq!(spent(&mut budget, now + Duration::from_secs(3_600)), KEPT, "no more than that is kept");
    }

    #[test]
    fn one_retry_in_five_calls() {
        let now = Instant::now();
        let mut budget = RetryBudget::new(now);
        spent(&mut budget, now);
        for _call in 0..200 {
            budget.earn();
        }
        assert_eq!(spent(&mut budget, now), 40);
    }

    #[test]
    fn no_time_is_lost_between_two_looks() {
        let now = Instant::now();
        let mut budget = RetryBudget::new(now);
        spent(&mut budget, now);
        let looks = (1..=2_000).map(|step| now + Duration::from_micros(500) * step);
        assert_eq!(looks.filter(|look| budget.spend(*look).is_ok()).count(), 10);
    }
}
