//! Rules that panic or overdo it: what they cannot cope with is parked, and everything else goes on.

use std::{collections::BTreeMap, time::Duration};

use events::RawEnvelope;
use messaging::log::Log;
use testkit::eventually;

use crate::journal_faults::beats;
use crate::support::{
    Replica, SOON, TICKS, TICKS_A_LOT, TICKS_BREAK, TICKS_PANIC, TOO_LARGE, TOO_MANY, UNFOLDABLE, UNLUCKY,
    UNREADABLE, UNSPEAKABLE, add, fleet,
};

#[tokio::test]
async fn whatever_an_input_does_to_the_rules_it_is_parked_and_the_rest_goes_on() {
    let (_broker, js) = fleet().await;
    let replica = Replica::start(js.clone(), "a");
    replica.leads().await;
    let causes = [
        (UNREADABLE, "reading it panicked: "),
        (UNLUCKY, "deciding on it panicked: an unlucky number"),
        (UNSPEAKABLE, "writing its outcome panicked: "),
        (UNFOLDABLE, "folding its outcome panicked: "),
        (TOO_MANY, "101 events follow from it, at most 100 may"),
        (TOO_LARGE, "bytes, at most 524288 are stored together"),
    ];
    for (after, (number, _)) in (100..).zip(causes) {
        js.publish(&add(number), None).await.unwrap();
        js.publish(&add(after), None).await.unwrap();
    }
    replica.reaches((100..106).sum()).await;
    assert!(replica.sum().await.times.values().all(|times| *times == 1));
    assert_eq!(js.extent("DEAD_LETTERS").await.unwrap().last, 6);
    for (sequence, (number, error)) in (1..).zip(causes) {
        let letter = js.get("DEAD_LETTERS", sequence).await.unwrap().unwrap();
        assert_eq!(letter.payload, add(number).payload);
        assert_eq!(letter.headers.get("Fleet-Cause"), Some("panicked"), "{number}");
        assert_eq!(letter.headers.get("Fleet-Consumer"), Some("ORDERS"));
        let said = letter.headers.get("Fleet-Error").unwrap();
        assert!(said.contains(error), "{number}: {said}");
    }
    // The state is rebuilt only where it may be in pieces.
    assert_eq!(replica.handle.status().borrow().epoch, 2);
}

/// The number stands in the stream as it says, so readers by subject would take it for something else.
#[tokio::test]
async fn an_input_whose_type_is_not_its_subject_is_parked() {
    let (_broker, js) = fleet().await;
    let replica = Replica::start(js.clone(), "a");
    replica.leads().await;
    let mut lie = add(50);
    lie.subject = "requests.order.cancel".to_owned();
    js.publish(&lie, None).await.unwrap();
    js.publish(&add(51), None).await.unwrap();
    replica.reaches(51).await;
    let letter = js.get("DEAD_LETTERS", 1).await.unwrap().unwrap();
    assert_eq!(letter.headers.get("Fleet-Cause"), Some("undecodable"));
    assert_eq!(letter.headers.get("Fleet-Original-Subject"), Some("requests.order.cancel"));
}

#[tokio::test]
async fn a_tick_that_panics_stops_no_input() {
    let (_broker, js) = fleet().await;
    let replica = Replica::start(js.clone(), "a");
    replica.leads().await;
    js.publish(&add(TICKS_PANIC), None).await.unwrap();
    replica.fails_ticks(2).await;
    js.publish(&add(100), None).await.unwrap();
    replica.reaches(TICKS_PANIC + 100).await;
    assert_eq!(replica.handle.status().borrow().epoch, 1, "the state is in order, so it is kept");
}

#[tokio::test]
async fn a_tick_whose_outcome_cannot_be_folded_stops_no_input() {
    let (_broker, js) = fleet().await;
    let replica = Replica::start(js.clone(), "a");
    replica.leads().await;
    js.publish(&add(TICKS_BREAK), None).await.unwrap();
    replica.fails_ticks(1).await;
    eventually(SOON, "a new turn", async || replica.handle.status().borrow().epoch == 2).await;
    js.publish(&add(100), None).await.unwrap();
    replica.reaches(TICKS_BREAK + 100).await;
    let heard = beats(&js, 6, Duration::from_secs(5)).await;
    assert!(heard.iter().all(|beat| beat.epoch == 2), "it is not rebuilt at every tick: {heard:?}");
    assert!(replica.sum().await.times.values().all(|times| *times == 1));
}

#[tokio::test]
async fn what_is_too_much_for_one_tick_is_decided_at_the_next() {
    let (_broker, js) = fleet().await;
    let replica = Replica::start(js.clone(), "a");
    replica.leads().await;
    js.publish(&add(TICKS_A_LOT), None).await.unwrap();
    replica.reaches(TICKS_A_LOT + u64::from(TICKS) * (TICKS_A_LOT + 1)).await;
    let mut per_tick = BTreeMap::<_, usize>::new();
    for sequence in 1..=js.extent("ORDERS").await.unwrap().last {
        let message = js.get("ORDERS", sequence).await.unwrap().unwrap();
        let event = RawEnvelope::parse(&message.payload).unwrap();
        if event.kind == "orders.created" {
            *per_tick.entry(event.timestamp).or_default() += 1;
        }
    }
    assert!(per_tick.values().all(|events| *events <= 100), "{per_tick:?}");
    assert_eq!(js.extent("DEAD_LETTERS").await.unwrap().last, 0);
}
