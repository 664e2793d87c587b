//! What reaches the gateway, counted at its door: how many requests, when, and how many at once.

use std::collections::VecDeque;

use serde::{Deserialize, Serialize};
use tokio::time::Instant;

/// For how many seconds requests are counted one by one.
const KEPT: usize = 600;

/// Requests to `/v1` as the gateway sees them. They count from when they come in, whatever becomes of them.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
pub struct Traffic {
    /// Requests under way, those included whose caller has gone while the work goes on.
    pub in_flight: u64,
    /// The most requests that were under way at once since the fault switches last changed.
    pub peak: u64,
    /// Requests since the fault switches last changed.
    pub requests: u64,
    /// Requests that would move money, rather than look something up, since the fault switches last changed.
    pub payments: u64,
    /// Requests in the last 60 seconds.
    pub last_minute: u64,
    /// Requests in each of the last 600 seconds or fewer since the start, oldest first.
    pub seconds: Vec<u64>,
}

/// Counts what comes and goes.
pub(crate) struct Meter {
    start: Instant,
    in_flight: u64,
    peak: u64,
    requests: u64,
    payments: u64,
    /// The second, since the start, that the last of `seconds` counts.
    second: u64,
    seconds: VecDeque<u64>,
}

impl Meter {
    pub(crate) fn new(start: Instant) -> Self {
        Self { start, in_flight: 0, peak: 0, requests: 0, payments: 0, second: 0, seconds: [0].into() }
    }

    /// A request comes in.
    pub(crate) fn enter(&mut self, now: Instant, moves_money: bool) {
        self.turn(now);
        self.in_flight += 1;
        self.peak = self.peak.max(self.in_flight);
        self.requests += 1;
        self.payments += u64::from(moves_money);
        if let Some(count) = self.seconds.back_mut() {
            *count += 1;
        }
    }

    /// A request is done with.
    pub(crate) fn leave(&mut self) {
        self.in_flight -= 1;
    }

    /// Starts what is counted since the fault switches last changed anew.
    pub(crate) fn begin(&mut self) {
        (self.peak, self.requests, self.payments) = (self.in_flight, 0, 0);
    }

    pub(crate) fn read(&mut self, now: Instant) -> Traffic {
        self.turn(now);
        let &mut Self { in_flight, peak, requests, payments, .. } = self;
        let last_minute = self.seconds.iter().rev().take(60).sum();
        let seconds = self.seconds.iter().copied().collect();
        Traffic { in_flight, peak, requests, payments, last_minute, seconds }
    }

    /// Goes on to the present second.
    fn turn(&mut self, now: Instant) {
        let second = now.saturating_duration_since(self.start).as_secs();
        let passed = usize::try_from(second.saturating_sub(self.second)).unwrap_or(KEPT);
        self.seconds.extend(std::iter::repeat_n(0, passed.min(KEPT)));
        let too_many = self.seconds.len().saturating_sub(KEPT);
        self.seconds.drain(..too_many);
        self.second = self.second.max(second);
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;

    #[test]
    fn requests_are_counted_by_the_second_and_at_once() {
        let start = Instant::now();
        let at = |seconds| start + Duration::from_secs(seconds);
        let mut meter = Meter::new(start);
        meter.enter(at(0), true);
        meter.enter(at(0), false);
        meter.leave();
        meter.enter(at(2), true);
        let traffic = meter.read(at(3));
        let expected = Traffic {
            in_flight: 2,
            peak: 2,
            requests: 3,
            payments: 2,
            last_minute: 3,
            seconds: vec![2, 0, 1, 0],
        };
        assert_eq!(traffic, expected);
        assert_eq!(meter.read(at(60)).last_minute, 1, "the first second is over a minute ago");

        meter.leave();
        meter.begin();
        let traffic = meter.read(at(10_000));
        assert_eq!((traffic.in_flight, traffic.peak, traffic.requests), (1, 1, 0));
        assert_eq!((traffic.seconds.len(), traffic.seconds.iter().sum()), (KEPT, 0_u64));
    }
}
