//! Where backups end, told on small histories.

use events::{Envelope, Timestamp, TraceId};
use messaging::headers::Headers;
use serde_json::{Value, json};

use super::*;

/// An event with an id of its own, and what caused it.
fn event(stream: &str, kind: &str, sequence: u64, cause: Uuid) -> Stored {
    written(kind, sequence, cause, &id(stream, sequence), &json!({}))
}

fn written(kind: &str, sequence: u64, cause: Uuid, id: &Uuid, data: &Value) -> Stored {
    let envelope = Envelope {
        id: *id,
        kind: kind.into(),
        version: 1,
        aggregate_id: "a".into(),
        timestamp: Timestamp(0),
        trace_id: TraceId::default(),
        causation_id: cause,
        data,
    };
    let (subject, headers) = (kind.to_owned(), Headers::new());
    Stored { sequence, timestamp: Timestamp(0), subject, headers, payload: envelope.to_body().into() }
}

fn id(stream: &str, sequence: u64) -> Uuid {
    events::ids::derive(&[stream, &sequence.to_string()])
}

/// A message of a journal's writer; the last one of its commit says how far the inputs were read.
fn committed(mut message: Stored, positions: Option<&str>) -> Stored {
    message.headers.set(EPOCH, "1");
    if let Some(positions) = positions {
        message.headers.set(POSITIONS, positions);
    }
    message
}

fn order(sequence: u64, positions: Option<&str>) -> Stored {
    committed(event("ORDERS", "orders.created", sequence, Uuid::nil()), positions)
}

fn stock(sequence: u64, positions: Option<&str>) -> Stored {
    committed(event("INVENTORY", "inventory.reserved", sequence, Uuid::nil()), positions)
}

fn lasts(of: &[(&str, u64)]) -> Lasts {
    of.iter().map(|(stream, last)| ((*stream).to_owned(), *last)).collect()
}

fn arrivals(of: &[(&str, Stored)]) -> Arrivals {
    let mut arrivals = Arrivals::default();
    of.iter().for_each(|(stream, message)| arrivals.note(stream, message));
    arrivals
}

#[test]
fn a_quiet_fleet_is_cut_where_it_stands() {
    let from = lasts(&[("ORDERS", 5), ("REQUESTS", 3)]);
    assert_eq!(Arrivals::default().cut(&from), Ok(from));
}

/// Orders and stock read each other: each is cut after what the other has read of it.
#[test]
fn journals_that_read_each_other_agree() {
    let seen = arrivals(&[
        ("ORDERS", order(1, Some("INVENTORY=0,REQUESTS=1"))),
        ("INVENTORY", stock(1, Some("ORDERS=1"))),
        ("ORDERS", order(2, Some("INVENTORY=1,REQUESTS=2"))),
        ("INVENTORY", stock(2, Some("ORDERS=2"))),
        ("ORDERS", order(3, Some("INVENTORY=2,REQUESTS=3"))),
        ("REQUESTS", event("REQUESTS", "requests.order.place", 1, Uuid::nil())),
        ("REQUESTS", event("REQUESTS", "requests.order.place", 2, Uuid::nil())),
        ("REQUESTS", event("REQUESTS", "requests.order.place", 3, Uuid::nil())),
    ]);
    // INVENTORY was looked at last.
    let cut = seen.cut(&lasts(&[("ORDERS", 0), ("REQUESTS", 0), ("INVENTORY", 2)]));
    assert_eq!(cut, Ok(lasts(&[("ORDERS", 2), ("REQUESTS", 2), ("INVENTORY", 2)])));
}

#[test]
fn a_commit_is_whole_or_not_there() {
    let seen = arrivals(&[
        ("ORDERS", order(1, None)),
        ("ORDERS", order(2, None)),
        ("ORDERS", order(3, Some("REQUESTS=1"))),
        ("ORDERS", order(4, Some("REQUESTS=2"))),
        ("REQUESTS", event("REQUESTS", "requests.order.place", 1, Uuid::nil())),
    ]);
    let cut = seen.cut(&lasts(&[("ORDERS", 1), ("REQUESTS", 0)]));
    assert_eq!(cut, Ok(lasts(&[("ORDERS", 3), ("REQUESTS", 1)])));
}

#[test]
fn a_commit_whose_end_was_not_seen_is_looked_at_again() {
    let seen = arrivals(&[("ORDERS", order(1, None))]);
    assert_eq!(seen.cut(&lasts(&[("ORDERS", 1)])), Err(TooFew("ORDERS".to_owned())));
}

/// A fence says nothing about inputs, and what a stranger wrote belongs to no commit.
#[test]
fn a_fence_and_a_strangers_message_stand_for_themselves() {
    let fence = Control::Fence { instance: "a".to_owned(), epoch: 1 };
    let fence = written("orders.control", 1, Uuid::nil(), &id("ORDERS", 1), &json!(fence));
    let stranger = event("ORDERS", "orders.created", 2, Uuid::nil());
    let seen = arrivals(&[("ORDERS", committed(fence, None)), ("ORDERS", stranger)]);
    assert_eq!(seen.cut(&lasts(&[("ORDERS", 1)])), Ok(lasts(&[("ORDERS", 1)])));
    assert_eq!(seen.cut(&lasts(&[("ORDERS", 2)])), Ok(lasts(&[("ORDERS", 2)])));
}

/// Otherwise money that was taken would be told of an order that is yet to be placed, and nobody would listen.
#[test]
fn no_outcome_without_its_cause() {
    let seen = arrivals(&[
        ("INVENTORY", stock(7, Some("ORDERS=4"))),
        ("INVENTORY", stock(8, Some("ORDERS=5"))),
        ("PAYMENTS", event("PAYMENTS", "payments.captured", 3, id("INVENTORY", 8))),
        ("ORDERS", order(5, Some("REQUESTS=2"))),
    ]);
    let from = lasts(&[("INVENTORY", 6), ("PAYMENTS", 3), ("ORDERS", 4), ("REQUESTS", 2)]);
    let cut = lasts(&[("INVENTORY", 8), ("PAYMENTS", 3), ("ORDERS", 5), ("REQUESTS", 2)]);
    assert_eq!(seen.cut(&from), Ok(cut));
}

#[test]
fn letters_come_with_what_they_are_about_and_notes_of_letters_with_the_letters() {
    let mut letter = event("DEAD_LETTERS", "dead_letters.order-service", 1, Uuid::nil());
    letter.headers.set(ORIGINAL_STREAM, "REQUESTS");
    letter.headers.set(ORIGINAL_SEQUENCE, "9");
    let parked = json!({"control": "parked", "epoch": 1, "stream": "REQUESTS", "sequence": 9, "id": null});
    let parked = written("orders.control", 4, Uuid::nil(), &id("ORDERS", 4), &parked);
    let request = event("REQUESTS", "requests.order.place", 9, Uuid::nil());
    let mut again = event("REDRIVE", "redrive.ORDERS", 1, Uuid::nil());
    again.headers.set("Fleet-Letter", "1");
    let told = json!({
        "letter": 1, "consumer": "ORDERS", "cause": "panicked", "about": "a", "operator": "alice", "redrive": 1,
        "edited": false,
    });
    let told = written("dead_letters.redriven", 2, Uuid::nil(), &id("DEAD_LETTERS", 2), &told);
    let seen = arrivals(&[
        ("ORDERS", committed(parked, Some("REQUESTS=9"))),
        ("REQUESTS", request),
        ("DEAD_LETTERS", letter),
        ("DEAD_LETTERS", told),
        ("REDRIVE", again),
    ]);
    let from = |stream, last| {
        let mut from = lasts(&[("ORDERS", 3), ("REQUESTS", 8), ("DEAD_LETTERS", 0), ("REDRIVE", 0)]);
        from.insert(String::from(stream), last);
        from
    };
    let cut = |orders, requests, letters, redrive| {
        let lasts =
            [("ORDERS", orders), ("REQUESTS", requests), ("DEAD_LETTERS", letters), ("REDRIVE", redrive)];
        Ok(self::lasts(&lasts))
    };
    assert_eq!(seen.cut(&from("ORDERS", 4)), cut(4, 9, 1, 0));
    assert_eq!(seen.cut(&from("REDRIVE", 1)), cut(3, 9, 1, 1));
    assert_eq!(seen.cut(&from("DEAD_LETTERS", 2)), cut(3, 9, 2, 1));
}

#[test]
fn a_cause_that_was_not_looked_at_is_asked_for() {
    let seen = arrivals(&[("ORDERS", order(1, Some("REQUESTS=2")))]);
    let cut = seen.cut(&lasts(&[("ORDERS", 1), ("REQUESTS", 1)]));
    assert_eq!(cut, Err(TooFew("REQUESTS".to_owned())));
}

/// Somebody had it copied into the journal: it belongs to no commit, and has read nothing.
#[test]
fn a_copy_from_elsewhere_needs_nothing_of_the_journals() {
    for positions in [None, Some("REQUESTS=1000")] {
        let mut copy = committed(event("ORDERS", "orders.created", 2, Uuid::nil()), positions);
        copy.subject = "dead_letters.audit-service".to_owned();
        let seen = arrivals(&[("ORDERS", order(1, Some("REQUESTS=0"))), ("ORDERS", copy)]);
        let from = lasts(&[("ORDERS", 2), ("REQUESTS", 0)]);
        assert_eq!(seen.cut(&from), Ok(from), "{positions:?}");
    }
}
