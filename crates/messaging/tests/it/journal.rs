//! The journal protocol: one writer at a time, nothing lost, nothing doubled, whoever dies when.

use std::time::{Duration, Instant};

use messaging::{
    commit::{CommitConfig, GroupCommit},
    headers::EPOCH,
    log::{Log, PublishError},
};
use testkit::eventually;
use tokio_util::task::TaskTracker;

use crate::support::{Replica, SOON, WHAT_TIME, add, connect, fleet, journal_numbers, metrics};

async fn publish(log: &impl Log, numbers: std::ops::RangeInclusive<u64>) -> u64 {
    let commit = GroupCommit::spawn(
        log.clone(),
        CommitConfig::for_stream("REQUESTS"),
        &metrics(),
        &TaskTracker::new(),
    );
    for number in numbers.clone() {
        commit.publish(add(number)).await.unwrap();
    }
    numbers.sum()
}

#[tokio::test]
async fn decides_each_input_once() {
    let (_broker, js) = fleet().await;
    let replica = Replica::start(js.clone(), "a");
    replica.leads().await;
    let total = publish(&js, 100..=199).await;
    replica.reaches(total).await;
    let numbers: Vec<u64> = journal_numbers(&js).await.into_iter().map(|(_, number)| number).collect();
    assert_eq!(numbers, (100..=199).collect::<Vec<_>>());
}

#[tokio::test]
async fn exactly_one_of_two_leads_and_the_other_can_read() {
    let (broker, js) = fleet().await;
    let a = Replica::start(connect(&broker, "a").await, "a");
    let b = Replica::start(connect(&broker, "b").await, "b");
    eventually(SOON, "one leader", async || a.is_leading() != b.is_leading()).await;
    let total = publish(&js, 20..=40).await;
    a.reaches(total).await;
    b.reaches(total).await;
    assert_ne!(a.is_leading(), b.is_leading());
}

#[tokio::test]
async fn a_leader_that_vanishes_is_followed_within_the_lease_and_nothing_is_decided_twice() {
    let (broker, js) = fleet().await;
    let a = Replica::start(connect(&broker, "a").await, "a");
    a.leads().await;
    let b = Replica::start(connect(&broker, "b").await, "b");
    let half = publish(&js, 100..=200).await;
    a.reaches(half).await;
    a.vanish().await;
    let gone = Instant::now();
    let total = half + publish(&js, 201..=300).await;
    b.leads().await;
    assert!(gone.elapsed() < Duration::from_secs(5), "{:?}", gone.elapsed());
    b.reaches(total).await;
    assert!(b.sum().await.times.values().all(|times| *times == 1));
}

#[tokio::test]
async fn a_leader_that_is_told_to_stop_hands_over_at_once() {
    let (broker, js) = fleet().await;
    let a = Replica::start(connect(&broker, "a").await, "a");
    a.leads().await;
    let b = Replica::start(connect(&broker, "b").await, "b");
    let total = publish(&js, 100..=200).await;
    b.reaches(total).await;
    let asked = Instant::now();
    a.retire().await;
    b.leads().await;
    assert!(asked.elapsed() < Duration::from_millis(500), "{:?}", asked.elapsed());
    b.reaches(total).await;
}

#[tokio::test]
async fn a_stale_writer_cannot_append() {
    let (broker, js) = fleet().await;
    let a = Replica::start(connect(&broker, "a").await, "a");
    a.leads().await;
    let before = js.extent("ORDERS").await.unwrap().last;
    let b = Replica::start_with(connect(&broker, "b").await, "b", |config| {
        // Takes over from a leader that is alive, as if it had been stopped for a while.
        config.lease = Duration::ZERO;
    });
    b.leads().await;
    let stale = js
        .publish_batch(
            &[add(1), add(2)].map(|mut message| {
                message.subject = "orders.created".to_owned();
                message
            }),
            Some(before),
        )
        .await;
    assert!(matches!(stale, Err(PublishError::WrongLastSequence)), "{stale:?}");
    let total = publish(&js, 100..=150).await;
    eventually(SOON, "the sum", async || b.handle.read(move |sum| sum.total == total).await.unwrap_or(false))
        .await;
    let numbers = journal_numbers(&js).await;
    assert_eq!(numbers.len(), 51, "each once: {numbers:?}");
    let mut newest = 0;
    for sequence in 1..=js.extent("ORDERS").await.unwrap().last {
        let message = js.get("ORDERS", sequence).await.unwrap().unwrap();
        let epoch: u64 = message.headers.get(EPOCH).unwrap().parse().unwrap();
        assert!(epoch >= newest, "an older epoch wrote at {sequence}");
        newest = epoch;
    }
    assert!(newest >= 2);
}

#[tokio::test]
async fn nothing_is_lost_when_the_broker_is_killed_under_load() {
    let (broker, js) = fleet().await;
    let replica = Replica::start(connect(&broker, "a").await, "a");
    replica.leads().await;
    let trouble = async {
        for _ in 0..3 {
            eventually(SOON, "some progress", async || js.extent("ORDERS").await.is_ok_and(|e| e.last > 20))
                .await;
            broker.kill().await.unwrap();
            broker.restart().await.unwrap();
        }
    };
    let (total, ()) = tokio::join!(publish(&js, 100..=1_500), trouble);
    replica.reaches(total).await;
    assert!(replica.sum().await.times.values().all(|times| *times == 1));
}

#[tokio::test]
async fn a_poisoned_input_is_parked_and_the_rest_goes_on() {
    let (_broker, js) = fleet().await;
    let replica = Replica::start(js.clone(), "a");
    replica.leads().await;
    js.publish(&add(13), None).await.unwrap();
    let mut nonsense = add(77);
    nonsense.payload = "{not json".into();
    js.publish(&nonsense, None).await.unwrap();
    let total = publish(&js, 20..=30).await;
    replica.reaches(total).await;
    assert_eq!(js.extent("DEAD_LETTERS").await.unwrap().last, 2);
    let causes: Vec<_> = [1, 2].into_iter().collect();
    let mut found = Vec::new();
    for sequence in causes {
        let letter = js.get("DEAD_LETTERS", sequence).await.unwrap().unwrap();
        found.push(letter.headers.get("Fleet-Cause").unwrap().to_owned());
    }
    found.sort();
    assert_eq!(found, ["panicked", "undecodable"]);
}

#[tokio::test]
async fn starts_from_a_snapshot_and_the_tail_and_past_an_unreadable_one() {
    let (_broker, js) = fleet().await;
    let often = |config: &mut messaging::journal::JournalConfig| config.snapshot_messages = 100;
    let first = Replica::start_with(js.clone(), "a", often);
    first.leads().await;
    let total = publish(&js, 100..=500).await;
    first.reaches(total).await;
    eventually(SOON, "two snapshots", async || js.snapshots("ORDERS").await.is_ok_and(|all| all.len() >= 2))
        .await;
    let total = total + publish(&js, 501..=550).await;
    first.reaches(total).await;
    first.retire().await;

    let second = Replica::start_with(js.clone(), "a", often);
    second.leads().await;
    second.reaches(total).await;
    second.retire().await;

    let newest = js.snapshots("ORDERS").await.unwrap()[0];
    js.save_snapshot("ORDERS", newest + 1, b"garbage".to_vec()).await.unwrap();
    let third = Replica::start_with(js.clone(), "a", often);
    third.leads().await;
    let total = total + publish(&js, 551..=560).await;
    third.reaches(total).await;
    assert!(third.sum().await.times.values().all(|times| *times == 1));
}

#[tokio::test]
async fn positions_without_events_are_written_down() {
    let (_broker, js) = fleet().await;
    let replica = Replica::start(js.clone(), "a");
    replica.leads().await;
    let mut nothing = add(0);
    for round in 0..5 {
        nothing.headers.set("Nats-Msg-Id", format!("nothing-{round}"));
        js.publish(&nothing, None).await.unwrap();
    }
    let mut status = replica.handle.status();
    let written = status.wait_for(|status| status.positions.get("REQUESTS") == 5);
    tokio::time::timeout(SOON, written).await.expect("a checkpoint in time").unwrap();
}

#[tokio::test]
async fn a_message_of_a_foreign_writer_is_parked_and_does_not_stop_the_journal() {
    let (broker, js) = fleet().await;
    let a = Replica::start(connect(&broker, "a").await, "a");
    a.leads().await;
    let b = Replica::start(connect(&broker, "b").await, "b");
    let mut total = publish(&js, 100..=150).await;
    a.reaches(total).await;
    let mut nonsense = add(1);
    nonsense.subject = "orders.created".to_owned();
    nonsense.payload = "{not json".into();
    js.publish(&nonsense, None).await.unwrap();
    let mut forged = add(2);
    forged.subject = "orders.control".to_owned();
    js.publish(&forged, None).await.unwrap();
    total += publish(&js, 151..=200).await;
    eventually(SOON, "the sum", async || a.handle.read(move |sum| sum.total == total).await.unwrap_or(false))
        .await;
    b.reaches(total).await;
    eventually(SOON, "two dead letters", async || js.extent("DEAD_LETTERS").await.is_ok_and(|e| e.last >= 2))
        .await;
}

/// A leader's clock that runs ahead must not make everything expire.
#[tokio::test]
async fn time_is_the_brokers_time() {
    let (_broker, js) = fleet().await;
    let day = Duration::from_secs(86_400);
    let replica = Replica::start_with(js.clone(), "a", |config| {
        let clock = config.clock.clone();
        config.clock = std::sync::Arc::new(move || clock().after(day));
    });
    replica.leads().await;
    let asked = js.publish(&add(WHAT_TIME), None).await.unwrap().sequence;
    let asked = js.get("REQUESTS", asked).await.unwrap().unwrap().timestamp;
    let told = eventually(SOON, "the time", async || replica.sum().await.told_time()).await;
    let apart = told.since(asked).max(asked.since(told));
    assert!(apart < day / 2, "the leader's own clock was believed: {apart:?}");
}
