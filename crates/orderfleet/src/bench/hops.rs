//! From one event of an order's life to the next, by the time at which the broker stored each.

use std::{collections::BTreeMap, time::Duration};

use events::Timestamp;

use super::figures::{Hop, Percentiles};
use crate::{client::TimelineEvent, load::Latency};

/// The life of an order that goes well, subject by subject.
const LIFE: [&str; 6] = [
    "requests.order.place",
    "orders.created",
    "inventory.reserved",
    "payments.captured",
    "orders.confirmed",
    "notifications.sent",
];

/// The hops of some orders.
#[derive(Debug, Default)]
pub(super) struct Hops([Latency; LIFE.len() - 1], Latency);

impl Hops {
    /// Takes in the life of one order, if it went well.
    pub(super) fn add(&mut self, events: &[TimelineEvent]) {
        let stored: BTreeMap<&str, Timestamp> =
            // Of several the first: the others come of other causes.
            events.iter().rev().map(|event| (event.subject.as_str(), event.stored_at)).collect();
        let Some(times) = LIFE.iter().map(|subject| stored.get(subject).copied()).collect::<Option<Vec<_>>>()
        else {
            return;
        };
        for (hop, pair) in self.0.iter_mut().zip(times.windows(2)) {
            hop.record(between(pair[0], pair[1]));
        }
        self.1.record(between(times[0], times[LIFE.len() - 1]));
    }

    /// What they come to, and the way from the first to the last.
    pub(super) fn figures(&self) -> Vec<Hop> {
        let hop = |from: usize, to: usize, took: &Latency| Hop {
            from: LIFE[from],
            to: LIFE[to],
            took_us: Percentiles::of(took),
        };
        let mut hops: Vec<_> = self.0.iter().enumerate().map(|(at, took)| hop(at, at + 1, took)).collect();
        hops.push(hop(0, LIFE.len() - 1, &self.1));
        hops
    }
}

fn between(earlier: Timestamp, later: Timestamp) -> Duration {
    later.since(earlier)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn event(subject: &str, micros: i64) -> TimelineEvent {
        TimelineEvent {
            stream: "ANY".to_owned(),
            sequence: 1,
            subject: subject.to_owned(),
            stored_at: Timestamp(micros),
            id: None,
            data: serde_json::Value::Null,
            headers: BTreeMap::new(),
        }
    }

    #[test]
    fn only_lives_that_went_well_count_and_their_first_events() {
        let mut hops = Hops::default();
        let mut life: Vec<_> =
            (1_i64..).zip(LIFE).map(|(place, subject)| event(subject, place * place * 1_000)).collect();
        hops.add(&life[..4]);
        life.push(event("notifications.sent", 99_000));
        hops.add(&life);
        let figures = hops.figures();
        let medians: Vec<_> =
            figures.iter().map(|hop| (hop.took_us.count, hop.took_us.p50 / 1_000)).collect();
        assert_eq!(medians, [(1, 3), (1, 5), (1, 7), (1, 9), (1, 11), (1, 35)]);
        assert_eq!((figures[5].from, figures[5].to), ("requests.order.place", "notifications.sent"));
    }
}
