//! Leaders that stop between any two steps of a commit, for good or for a while.

use std::time::Duration;

use events::{RawEnvelope, ids};
use messaging::{headers::POSITIONS, journal::Positions, log::Log};
use testkit::eventually;

use crate::{
    journal_faults::{Fault, Faulty, beats},
    support::{Replica, SOON, add, connect, fleet},
};

async fn publish(log: &impl Log, numbers: impl IntoIterator<Item = u64>) {
    for number in numbers {
        log.publish(&add(number), None).await.unwrap();
    }
}

/// The journal holds the outcome of every request up to its positions, in their order, and nothing else, under
/// ids that follow from the requests.
async fn check_journal(js: &impl Log) {
    let (mut decided, mut consumed) = (0, 0);
    for sequence in 1..=js.extent("ORDERS").await.unwrap().last {
        let message = js.get("ORDERS", sequence).await.unwrap().unwrap();
        let event = RawEnvelope::parse(&message.payload).unwrap();
        if event.kind != "orders.control" {
            decided += 1;
            let request = js.get("REQUESTS", decided).await.unwrap().unwrap();
            let request = RawEnvelope::parse(&request.payload).unwrap();
            assert_eq!(event.causation_id, request.id, "the outcome of another request at {sequence}");
            let id = ids::derive(&["ORDERS", &format!("REQUESTS:{decided}"), "0"]);
            assert_eq!(event.id, id, "an id that follows from something else at {sequence}");
        }
        if let Some(positions) = message.headers.get(POSITIONS) {
            consumed = positions.parse::<Positions>().unwrap().get("REQUESTS");
            assert_eq!(consumed, decided, "the positions at {sequence} are not those of its events");
        }
    }
    assert_eq!(consumed, js.extent("REQUESTS").await.unwrap().last, "something was not decided on");
}

#[tokio::test]
async fn a_leader_dies_before_its_commit_is_sent_or_before_it_hears_of_it() {
    for fault in [Fault::HoldBefore("orders."), Fault::HoldAfter("orders.")] {
        let (broker, js) = fleet().await;
        let log = Faulty::new(connect(&broker, "a").await);
        let a = Replica::start(log.clone(), "a");
        a.leads().await;
        publish(&js, 100..105).await;
        a.reaches((100..105).sum()).await;
        log.set(fault);
        publish(&js, 105..110).await;
        log.strikes().await;
        a.vanish().await;
        let b = Replica::start(connect(&broker, "b").await, "b");
        b.reaches((100..110).sum()).await;
        check_journal(&js).await;
    }
}

#[tokio::test]
async fn a_commit_whose_outcome_nobody_tells_is_stored_once() {
    let (broker, js) = fleet().await;
    let log = Faulty::new(connect(&broker, "a").await);
    let a = Replica::start(log.clone(), "a");
    a.leads().await;
    log.set(Fault::LoseAnswer("orders."));
    for number in 100..110 {
        publish(&js, [number]).await;
        a.reaches((100..=number).sum()).await;
    }
    assert!(log.struck() >= 10);
    check_journal(&js).await;
    assert_eq!(a.handle.status().borrow().epoch, 1, "it found out that it was its own commit");
}

/// What it was about to commit when it froze is refused when it thaws, as a whole; then it follows.
#[tokio::test]
async fn a_leader_that_freezes_in_its_commit_loses_it_to_who_took_over() {
    let (broker, js) = fleet().await;
    let log = Faulty::new(connect(&broker, "a").await);
    let a = Replica::start(log.clone(), "a");
    a.leads().await;
    let b = Replica::start(connect(&broker, "b").await, "b");
    log.set(Fault::HoldBefore("orders."));
    publish(&js, 100..105).await;
    log.strikes().await;
    log.set(Fault::Freeze);
    b.leads().await;
    publish(&js, 105..110).await;
    b.reaches((100..110).sum()).await;
    log.set(Fault::None);
    eventually(SOON, "it follows", async || !a.is_leading()).await;
    a.reaches((100..110).sum()).await;
    publish(&js, 110..115).await;
    b.reaches((100..115).sum()).await;
    check_journal(&js).await;
}

/// A fold that lacks what was committed last is no ground to stand on.
#[tokio::test]
async fn a_standby_that_has_fallen_behind_cannot_take_over() {
    let (broker, js) = fleet().await;
    let a = Replica::start(connect(&broker, "a").await, "a");
    a.leads().await;
    let log = Faulty::new(connect(&broker, "b").await);
    let b = Replica::start(log.clone(), "b");
    publish(&js, 100..105).await;
    b.reaches((100..105).sum()).await;
    log.set(Fault::HoldBefore("orders."));
    a.vanish().await;
    log.strikes().await;
    // Its fence is on its way; somebody else is faster, and decides.
    let c = Replica::start(connect(&broker, "c").await, "c");
    c.leads().await;
    publish(&js, 105..110).await;
    c.reaches((100..110).sum()).await;
    log.set(Fault::None);
    publish(&js, 110..115).await;
    b.reaches((100..115).sum()).await;
    check_journal(&js).await;
}

/// Whoever waits for a position, or reads the state, acts on it: it must not be taken back.
#[tokio::test]
async fn nothing_is_told_that_is_not_committed() {
    let (broker, js) = fleet().await;
    let log = Faulty::new(connect(&broker, "a").await);
    let a = Replica::start(log.clone(), "a");
    a.leads().await;
    log.set(Fault::HoldBefore("orders."));
    publish(&js, [100]).await;
    log.strikes().await;
    let before = js.extent("ORDERS").await.unwrap().last;
    let told = a.handle.status().borrow().clone();
    assert_eq!((told.sequence, told.positions.get("REQUESTS")), (before, 0));
    let read = tokio::time::timeout(Duration::from_millis(300), a.handle.read(|sum| sum.total)).await;
    assert!(read.is_err(), "{read:?}");
    log.set(Fault::None);
    a.reaches(100).await;
    // While one commit is under way the next input is decided on; its own commit is then held up.
    log.set(Fault::HoldAfter("orders."));
    publish(&js, [101]).await;
    log.strikes().await;
    publish(&js, [102]).await;
    beats(&js, 3, SOON).await;
    log.set(Fault::HoldBefore("orders."));
    log.strikes().await;
    let mut status = a.handle.status();
    let first = status.wait_for(|status| status.sequence == before + 2);
    let told = tokio::time::timeout(SOON, first).await.expect("the first commit in time").unwrap().clone();
    assert_eq!(told.positions.get("REQUESTS"), 2);
    log.set(Fault::None);
    a.reaches(303).await;
    let mut status = a.handle.status();
    let told = status.wait_for(|status| status.positions.get("REQUESTS") == 3);
    tokio::time::timeout(SOON, told).await.expect("the position in time").unwrap();
}
