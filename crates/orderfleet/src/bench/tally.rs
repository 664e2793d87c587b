//! What the callers of a bench have seen, written down as it happens.

use std::time::Duration;

use events::OrderId;
use hdrhistogram::Histogram;

use crate::load::{Latency, Surprises};

/// Everything that was seen.
#[derive(Debug, Default)]
pub(super) struct Tally {
    /// Each stage, in order.
    pub(super) stages: Vec<StageTally>,
    /// Each second since the first stage began.
    pub(super) seconds: Vec<Second>,
    /// The orders that callers were told are accepted, each once.
    pub(super) accepted: Vec<OrderId>,
    /// Those of the sample that were confirmed, and the stage in which they were due.
    pub(super) followed: Vec<(usize, OrderId)>,
    /// Requests that were sent again because the fleet was away or asked for patience.
    pub(super) retries: u64,
    /// Answers that should not have been.
    pub(super) surprises: Surprises,
}

/// What became of the orders that were due in one stage.
#[derive(Debug, Clone, Default)]
pub(super) struct StageTally {
    pub(super) due: u64,
    /// Never placed: too many others were under way for as long as the stage lasted.
    pub(super) not_placed: u64,
    /// From when an order was due until it was accepted.
    pub(super) acceptance: Latency,
    /// From when an order of the sample was due until its caller could read that it is confirmed.
    pub(super) confirmation: Latency,
}

/// One second of the bench.
#[derive(Debug, Default)]
pub(super) struct Second {
    /// Orders that were due in it.
    pub(super) due: u64,
    /// Orders that were accepted in it.
    pub(super) accepted: u64,
    /// How long those had taken.
    pub(super) acceptance: Sketch,
    /// How long it had taken until those of the sample could be read to be confirmed that were so in it.
    pub(super) confirmation: Sketch,
}

/// Latencies for a plot: two digits are enough, and small. In microseconds.
#[derive(Debug, Default)]
pub(super) struct Sketch(Option<Histogram<u64>>);

impl Sketch {
    fn record(&mut self, took: Duration) {
        if self.0.is_none() {
            self.0 = Histogram::new(2).ok();
        }
        if let Some(histogram) = &mut self.0 {
            // It grows with what is recorded.
            histogram.record(u64::try_from(took.as_micros()).unwrap_or(u64::MAX)).ok();
        }
    }

    /// The time within which this share of them was done; `None` if there was none.
    pub(super) fn quantile(&self, share: f64) -> Option<Duration> {
        let histogram = self.0.as_ref()?;
        Some(Duration::from_micros(histogram.value_at_quantile(share)))
    }
}

impl Tally {
    /// A stage begins.
    pub(super) fn begin_stage(&mut self) {
        self.stages.push(StageTally::default());
    }

    /// An order is due, so long after the first stage began.
    pub(super) fn due(&mut self, stage: usize, at: Duration) {
        self.stages[stage].due += 1;
        self.second(at).due += 1;
    }

    /// An order is accepted, `took` after it was due.
    pub(super) fn accepted(&mut self, stage: usize, at: Duration, took: Duration, order_id: OrderId) {
        self.accepted.push(order_id);
        self.stages[stage].acceptance.record(took);
        let second = self.second(at);
        second.accepted += 1;
        second.acceptance.record(took);
    }

    /// An order of the sample is confirmed, `took` after it was due.
    pub(super) fn confirmed(&mut self, stage: usize, at: Duration, took: Duration, order_id: OrderId) {
        self.followed.push((stage, order_id));
        self.stages[stage].confirmation.record(took);
        self.second(at).confirmation.record(took);
    }

    fn second(&mut self, at: Duration) -> &mut Second {
        let index = usize::try_from(at.as_secs()).unwrap_or(usize::MAX - 1);
        if self.seconds.len() <= index {
            self.seconds.resize_with(index + 1, Second::default);
        }
        &mut self.seconds[index]
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_order_counts_where_it_was_due_and_when_it_was_accepted() {
        let (mut tally, millis) = (Tally::default(), Duration::from_millis);
        tally.begin_stage();
        tally.begin_stage();
        tally.due(1, millis(900));
        tally.accepted(1, millis(2_100), millis(1_200), OrderId::from_key("ada", "1"));
        assert_eq!(tally.stages.iter().map(|stage| stage.due).collect::<Vec<_>>(), [0, 1]);
        assert_eq!((tally.stages[0].acceptance.count(), tally.stages[1].acceptance.count()), (0, 1));
        let seconds: Vec<_> = tally.seconds.iter().map(|second| (second.due, second.accepted)).collect();
        assert_eq!(seconds, [(1, 0), (0, 0), (0, 1)]);
        let median = tally.seconds[2].acceptance.quantile(0.5).map(|took| took.as_millis().abs_diff(1_200));
        assert!(median.is_some_and(|off| off < 20) && tally.seconds[1].acceptance.quantile(0.5).is_none());
    }
}
