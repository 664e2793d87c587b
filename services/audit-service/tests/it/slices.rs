//! An examination in many slices finds what one in one go finds.

mod fates;

use std::{collections::BTreeMap, time::Duration};

use audit_service::{
    integrity::{Auditor, ExamineError, Pace, Report, Scope},
    trail::Trail,
};
use messaging::log::Stored;
use projection::testing::{self, Database, MemoryStreams};
use serde_json::Value;

use crate::rig::{Event, Rig};

/// Everything in one go.
const WHOLE: Pace = Pace::DEFAULT;
/// One chunk, or the first portion of it, and the time is over.
const SLICES: [Pace; 3] = [slice(3, 3), slice(5, 2), slice(1, 100)];
/// As far out as a stream may begin.
const FAR: u64 = 1_000_000_000_000;

const fn slice(chunk: usize, portion: usize) -> Pace {
    Pace { time: Duration::ZERO, chunk, portion }
}

/// What an examination says when all its reports are put together.
#[derive(Debug, Default, PartialEq)]
struct Found {
    intact: bool,
    complete: bool,
    /// Of each stream, how many messages there are and how many there must be.
    counts: BTreeMap<&'static str, (u64, u64)>,
    gaps: Vec<(&'static str, u64, u64)>,
    removed: Vec<(&'static str, u64, u64)>,
    strangers: u64,
    /// In each stream the first that was changed.
    broken: BTreeMap<&'static str, u64>,
}

impl Found {
    fn add(&mut self, report: &Report) {
        self.intact &= report.intact;
        self.complete &= report.complete;
        self.strangers = self.strangers.max(report.strangers);
        for stream in &report.streams {
            let (count, expected) = self.counts.entry(stream.stream).or_default();
            *count += stream.count;
            *expected += stream.expected;
            let gaps = stream.gaps.iter().map(|gap| (stream.stream, gap.from, gap.to));
            self.gaps.extend(gaps);
            self.gaps.dedup();
            self.removed.extend(stream.removed.iter().map(|hole| (stream.stream, hole.from, hole.to)));
        }
        for broken in report.verification.iter().flat_map(|verification| &verification.broken) {
            self.broken.entry(broken.stream).or_insert(broken.sequence);
        }
    }
}

/// Examines until it has finished; says what was found, and in how many reports.
async fn examine(rig: &Rig, streams: &MemoryStreams, pace: Pace, scope: Scope) -> (Found, usize) {
    let auditor = Auditor::new(Trail::new(rig.store.clone()), streams.clone(), pace);
    let mut found = Found { intact: true, complete: true, ..Found::default() };
    let (mut scope, mut reports) = (scope, 0);
    let mut reached = BTreeMap::new();
    loop {
        let report = auditor.examine(scope).await.unwrap();
        reports += 1;
        found.add(&report);
        for stream in &report.streams {
            let from = if scope.stream == Some(stream.stream) { scope.from } else { 1 };
            let before = reached.insert(stream.stream, stream.up_to);
            assert_eq!(stream.from, before.map_or(from, |before| before + 1), "{report:?}");
        }
        assert_eq!(report.finished, report.next.is_none());
        let Some(next) = report.next else { return (found, reports) };
        assert!(reports < 1_000, "it gets on");
        scope = scope.going_on(next);
    }
}

/// Finds the same in slices as in one go, and says what.
async fn the_same(rig: &Rig, streams: &MemoryStreams, slices: &[Pace]) -> Found {
    let (counted, once) = examine(rig, streams, WHOLE, Scope::COUNT).await;
    let (verified, _) = examine(rig, streams, WHOLE, Scope::VERIFY).await;
    assert_eq!(once, 1);
    for pace in slices.iter().copied() {
        let (found, reports) = examine(rig, streams, pace, Scope::COUNT).await;
        assert_eq!(found, counted, "{pace:?}");
        assert!(reports > 1, "{pace:?}");
        let (found, reports) = examine(rig, streams, pace, Scope::VERIFY).await;
        assert_eq!(found, verified, "{pace:?}");
        assert!(reports > 1, "{pace:?}");
    }
    verified
}

fn event(sequence: u64) -> Stored {
    let event =
        Event { kind: "orders.created", id: u128::from(sequence), cause: 0, aggregate: "LAMP", at: 5 };
    Stored { sequence, ..event.stored(Value::Null) }
}

/// Ten messages in one stream, and in another seven with gaps around the chunks of three: before the first, behind the
/// third, one in the midst, and one so large that a request could begin anywhere in it.
async fn filled(database: &Database) -> (Rig, MemoryStreams) {
    let streams = MemoryStreams::default();
    for sequence in 1..=10 {
        streams.push_at("ORDERS", event(sequence));
    }
    streams.push_at("PAYMENTS", event(FAR));
    let rig = Rig::over(database, &streams).await;
    for sequence in [1, 2, 5, 7, 8, 20] {
        streams.push_at("PAYMENTS", event(FAR + sequence));
    }
    rig.until("PAYMENTS", FAR + 20).await;
    (rig, streams)
}

/// Somebody's change to the trail, and what of it is to be found.
struct Harm {
    statement: &'static str,
    /// As `stream from-to`, and a place in `PAYMENTS` without what all have in common.
    removed: &'static [&'static str],
    broken: &'static [&'static str],
    strangers: u64,
}

const HARMS: [Harm; 10] = [
    Harm {
        statement: "DELETE FROM events WHERE stream = 'ORDERS' AND sequence BETWEEN 2 AND 5",
        removed: &["ORDERS 2-5"],
        broken: &["ORDERS 6"],
        strangers: 0,
    },
    // The last of a chunk of three, and then the first of the next.
    Harm {
        statement: "DELETE FROM events WHERE stream = 'ORDERS' AND sequence IN (3, 5)",
        removed: &["ORDERS 3-3", "ORDERS 5-5"],
        broken: &["ORDERS 4"],
        strangers: 0,
    },
    Harm {
        statement: "DELETE FROM events WHERE stream = 'ORDERS' AND sequence = 4",
        removed: &["ORDERS 4-4"],
        broken: &["ORDERS 5"],
        strangers: 0,
    },
    Harm {
        statement: "DELETE FROM events WHERE stream = 'ORDERS' AND sequence > 6",
        removed: &["ORDERS 7-10"],
        broken: &[],
        strangers: 0,
    },
    // Between gaps, so that three holes become one.
    Harm {
        statement: "DELETE FROM events WHERE stream = 'PAYMENTS' AND sequence % 10 IN (5, 7)",
        removed: &["PAYMENTS 5-5", "PAYMENTS 7-7"],
        broken: &["PAYMENTS 8"],
        strangers: 0,
    },
    Harm {
        statement: "DELETE FROM events WHERE stream = 'PAYMENTS'",
        removed: &["PAYMENTS 0-2", "PAYMENTS 5-5", "PAYMENTS 7-8", "PAYMENTS 20-20"],
        broken: &[],
        strangers: 0,
    },
    Harm {
        statement: "UPDATE events SET body = chain_hash WHERE stream = 'ORDERS' AND sequence = 7",
        removed: &[],
        broken: &["ORDERS 7"],
        strangers: 0,
    },
    Harm {
        statement: "UPDATE events SET sequence = sequence + 7 WHERE stream = 'ORDERS' AND sequence > 8",
        removed: &["ORDERS 9-10"],
        broken: &[],
        strangers: 2,
    },
    // Into a gap, so that there are as many as before.
    Harm {
        statement: "UPDATE events SET sequence = sequence - 5 WHERE stream = 'PAYMENTS' AND sequence % 10 = 8",
        removed: &["PAYMENTS 8-8"],
        broken: &["PAYMENTS 3"],
        strangers: 0,
    },
    Harm {
        statement: "UPDATE events SET stream = 'ZEBRAS' WHERE stream = 'ORDERS' AND sequence = 1",
        removed: &["ORDERS 1-1"],
        broken: &["ORDERS 2"],
        strangers: 1,
    },
];

/// What no other database takes: a value of another type, which has no place in the trail.
const MISFITS: [Harm; 3] = [
    Harm {
        statement: "UPDATE events SET stored_at = 'x' WHERE stream = 'ORDERS' AND sequence IN (3, 4)",
        removed: &["ORDERS 3-4"],
        broken: &["ORDERS 5"],
        strangers: 0,
    },
    Harm {
        statement: "UPDATE events SET sequence = 'three' WHERE stream = 'ORDERS' AND sequence = 3",
        removed: &["ORDERS 3-3"],
        broken: &["ORDERS 4"],
        strangers: 1,
    },
    Harm {
        statement: "UPDATE events SET stream = CAST(stream AS BLOB) WHERE stream = 'ORDERS' AND sequence < 3",
        removed: &["ORDERS 1-2"],
        broken: &["ORDERS 3"],
        strangers: 2,
    },
];

/// A sequence as it is told here.
fn near(sequence: u64) -> u64 {
    sequence.checked_sub(FAR).unwrap_or(sequence)
}

#[tokio::test]
async fn nothing_is_found_in_what_is_whole() {
    for database in testing::databases().await {
        let (rig, streams) = filled(&database).await;
        let found = the_same(&rig, &streams, &SLICES).await;
        assert_eq!((found.intact, found.complete, found.strangers), (true, false, 0));
        assert_eq!((found.counts["ORDERS"], found.counts["PAYMENTS"]), ((10, 10), (7, 7)));
        let gaps: Vec<_> = found.gaps.iter().map(|(_, from, to)| (near(*from), near(*to))).collect();
        assert_eq!(gaps, [(1, FAR - 1), (3, 4), (6, 6), (9, 19)]);
        // Chunks of three: four of the one stream, three of the other.
        let (_, reports) = examine(&rig, &streams, SLICES[0], Scope::VERIFY).await;
        assert_eq!(reports, 4 + 3);
        rig.stop().await;
    }
}

#[tokio::test]
async fn an_examination_may_begin_within_a_gap() {
    for database in testing::databases().await {
        let (rig, streams) = filled(&database).await;
        for pace in SLICES.into_iter().chain([WHOLE]) {
            for (from, count) in
                [(7, 7), (FAR - 1, 7), (FAR + 4, 4), (FAR + 15, 1), (FAR + 20, 1), (FAR + 21, 0)]
            {
                let scope = Scope { stream: Some("PAYMENTS"), from, verify: true };
                let (found, _) = examine(&rig, &streams, pace, scope).await;
                assert!(found.intact, "{pace:?} from {from}: {found:?}");
                assert_eq!(found.counts["PAYMENTS"], (count, count), "{pace:?} from {from}");
                assert!(!found.counts.contains_key("ORDERS"));
            }
        }
        rig.stop().await;
    }
}

/// Two trails put together prove nothing: whoever goes on beyond the end of this one was told so by another.
#[tokio::test]
async fn nobody_goes_on_beyond_the_end() {
    let database = testing::sqlite();
    let (rig, streams) = filled(&database).await;
    let auditor = Auditor::new(Trail::new(rig.store.clone()), streams.clone(), WHOLE);
    let beyond = Scope { stream: Some("PAYMENTS"), from: FAR + 22, verify: true };
    let refused = auditor.examine(beyond).await.unwrap_err();
    assert!(matches!(refused, ExamineError::Beyond { written, .. } if written == FAR + 20), "{refused}");
    rig.stop().await;
}

#[tokio::test]
async fn every_harm_is_found_in_slices_as_in_one_go() {
    for harm in &HARMS {
        for database in testing::databases().await {
            is_found(harm, &database, &SLICES).await;
        }
    }
    for harm in &MISFITS {
        // A chunk of nothing but misfits is told by itself.
        is_found(harm, &testing::sqlite(), &SLICES[..2]).await;
    }
}

async fn is_found(harm: &Harm, database: &Database, slices: &[Pace]) {
    let (rig, streams) = filled(database).await;
    rig.tamper(harm.statement).await;
    let found = the_same(&rig, &streams, slices).await;
    let hole = |(stream, from, to): &(&str, u64, u64)| format!("{stream} {}-{}", near(*from), near(*to));
    let removed: Vec<_> = found.removed.iter().map(hole).collect();
    assert_eq!(removed, harm.removed, "{}", harm.statement);
    let broken: Vec<_> = found.broken.iter().map(|(stream, at)| format!("{stream} {}", near(*at))).collect();
    assert_eq!(broken, harm.broken, "{}", harm.statement);
    assert_eq!((found.intact, found.strangers), (false, harm.strangers), "{}", harm.statement);
    rig.stop().await;
}
