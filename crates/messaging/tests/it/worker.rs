//! Workers: what becomes of a message, by what its handler says of it.

use std::{
    sync::{
        Arc,
        atomic::{AtomicU64, Ordering},
    },
    time::Duration,
};

use messaging::{jetstream::JetStream, log::Log, worker::Outcome};
use testkit::eventually;

use crate::{
    support::{Added, connect, fleet},
    worker_rig::{Member, has_outcomes, input, letters, outcomes},
};

/// Does as the number says: 2 fails twice first, 3 always fails, 4 is refused, 5 panics, 6 is held three
/// times, anything else succeeds.
fn obedient(js: &JetStream) -> Member {
    let held = Arc::new(AtomicU64::new(0));
    Member::start(js, move |call| {
        let held = Arc::clone(&held);
        async move {
            match call.number {
                2 if call.attempt <= 2 => Outcome::Retry("not yet".into()),
                3 => Outcome::Retry("never".into()),
                4 => Outcome::Reject("no".into()),
                5 => panic!("as told"),
                6 if held.fetch_add(1, Ordering::SeqCst) < 3 => {
                    Outcome::Hold { reason: "down".to_owned(), retry_in: Duration::from_millis(10) }
                }
                number => Outcome::Publish(vec![Added { number }]),
            }
        }
    })
}

#[tokio::test]
async fn success_retry_and_hold_end_in_one_outcome_each() {
    let (_broker, js) = fleet().await;
    let member = obedient(&js);
    for number in [1, 2, 6] {
        js.publish(&input(number), None).await.unwrap();
    }
    has_outcomes(&js, 3).await;
    assert_eq!(js.extent("DEAD_LETTERS").await.unwrap().last, 0);
    assert_eq!(member.calls().len(), 1 + 3 + 4);
}

#[tokio::test]
async fn exhausted_rejected_panicking_and_undecodable_messages_are_parked() {
    let (_broker, js) = fleet().await;
    let _member = obedient(&js);
    for number in [3, 4, 5] {
        js.publish(&input(number), None).await.unwrap();
    }
    let mut nonsense = input(9);
    nonsense.payload = vec![0xff, 0xfe].into();
    js.publish(&nonsense, None).await.unwrap();
    js.publish(&input(1), None).await.unwrap();
    has_outcomes(&js, 1).await;
    let mut causes = Vec::new();
    for letter in letters(&js, 4).await {
        assert_eq!(letter.subject, "dead_letters.test");
        assert_eq!(letter.headers.get("Fleet-Original-Stream"), Some("ORDERS"));
        causes.push(letter.headers.get("Fleet-Cause").unwrap().to_owned());
    }
    causes.sort();
    assert_eq!(causes, ["exhausted", "panicked", "rejected", "undecodable"]);
}

#[tokio::test]
async fn stopping_finishes_what_is_in_hand_and_another_worker_does_the_rest() {
    let (broker, js) = fleet().await;
    let first = obedient(&connect(&broker, "first").await);
    for number in 100..=400 {
        js.publish(&input(number), None).await.unwrap();
    }
    first.called(10).await;
    first.retire().await;
    let _second = obedient(&connect(&broker, "second").await);
    has_outcomes(&js, 301).await;
}

#[tokio::test]
async fn outcomes_survive_a_broker_that_is_killed_under_load() {
    let (broker, js) = fleet().await;
    let _member = obedient(&connect(&broker, "worker").await);
    for number in 100..=300 {
        js.publish(&input(number), None).await.unwrap();
    }
    broker.kill().await.unwrap();
    broker.restart().await.unwrap();
    js.connected().wait_for(|connected| *connected).await.unwrap();
    eventually(Duration::from_secs(60), "all outcomes", async || {
        js.extent("ORDERS").await.is_ok_and(|extent| extent.last == 402)
    })
    .await;
    assert_eq!(outcomes(&js).await, 201);
}
