//! Messages in the journal that no leader has written: skipped, parked once, and no reason to stop.

use std::time::Duration;

use messaging::log::{Log, Message};
use testkit::eventually;

use crate::{
    journal_faults::{Fault, Faulty},
    support::{Replica, SOON, add, connect, fleet},
};

fn forged(number: u64) -> Message {
    let mut message = add(number);
    message.subject = "orders.created".to_owned();
    message
}

#[tokio::test]
async fn a_leader_takes_the_journal_again_at_once_after_a_foreign_message() {
    let (_broker, js) = fleet().await;
    let replica = Replica::start_with(js.clone(), "a", |config| config.lease = Duration::from_secs(600));
    replica.leads().await;
    for round in 0..3 {
        js.publish(&forged(1 + round), None).await.unwrap();
        js.publish(&add(20 + round), None).await.unwrap();
        replica.reaches((20..=20 + round).sum()).await;
    }
    eventually(SOON, "three letters", async || js.extent("DEAD_LETTERS").await.unwrap().last == 3).await;
    let letter = js.get("DEAD_LETTERS", 3).await.unwrap().unwrap();
    assert_eq!(letter.headers.get("Fleet-Cause"), Some("foreign"));
    assert_eq!(letter.headers.get("Fleet-Original-Stream"), Some("ORDERS"));
    assert_eq!(letter.payload, forged(3).payload);
}

#[tokio::test]
async fn a_foreign_message_is_parked_though_nothing_more_is_written() {
    let (_broker, js) = fleet().await;
    let replica = Replica::start(js.clone(), "a");
    replica.leads().await;
    js.publish(&forged(1), None).await.unwrap();
    eventually(SOON, "the letter", async || js.extent("DEAD_LETTERS").await.unwrap().last == 1).await;
    js.publish(&add(20), None).await.unwrap();
    replica.reaches(20).await;
}

#[tokio::test]
async fn inputs_are_decided_on_while_a_foreign_message_cannot_be_parked() {
    let (broker, js) = fleet().await;
    let log = Faulty::new(connect(&broker, "a").await);
    let a = Replica::start_with(log.clone(), "a", |config| config.snapshot_messages = 5);
    a.leads().await;
    log.set(Fault::Refuse("dead_letters."));
    js.publish(&forged(1), None).await.unwrap();
    let mut total = 0;
    for number in 20..40 {
        js.publish(&add(number), None).await.unwrap();
        total += number;
        a.reaches(total).await;
    }
    log.strikes().await;
    // Who started from a snapshot of now would never see the message.
    a.vanish().await;
    let b = Replica::start(connect(&broker, "b").await, "b");
    b.reaches(total).await;
    eventually(SOON, "the letter", async || js.extent("DEAD_LETTERS").await.unwrap().last == 1).await;
}

/// Beyond the deduplication window that would be a second letter.
#[tokio::test]
async fn what_one_leader_has_parked_the_next_one_does_not() {
    let (broker, js) = fleet().await;
    let a = Replica::start(connect(&broker, "a").await, "a");
    a.leads().await;
    let log = Faulty::new(connect(&broker, "b").await);
    let b = Replica::start(log.clone(), "b");
    js.publish(&forged(1), None).await.unwrap();
    js.publish(&add(20), None).await.unwrap();
    // Whichever of the two took the journal then.
    eventually(SOON, "the letter", async || js.extent("DEAD_LETTERS").await.unwrap().last == 1).await;
    let parked = async || b.handle.status().borrow().positions.get("ORDERS") > 0;
    eventually(SOON, "the position of it", parked).await;
    b.reaches(20).await;
    log.set(Fault::Refuse("dead_letters."));
    a.retire().await;
    b.leads().await;
    js.publish(&add(30), None).await.unwrap();
    b.reaches(50).await;
    assert_eq!(log.struck(), 0, "it was parked again");
}
