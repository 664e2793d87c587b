//! Group commit: what callers hear, and that nothing is stored twice or lost.

use std::{collections::BTreeSet, time::Duration};

use futures_util::future::join_all;
use messaging::{
    commit::{CommitConfig, CommitError, GroupCommit},
    log::Log,
    metrics::Metrics,
};
use prometheus::{Registry, TextEncoder};
use testkit::eventually;
use tokio_util::task::TaskTracker;

use crate::support::{SOON, add, fleet, metrics};

fn requests(log: impl Log, tracker: &TaskTracker) -> GroupCommit {
    GroupCommit::spawn(log, CommitConfig::for_stream("REQUESTS"), &metrics(), tracker)
}

#[tokio::test]
async fn everybody_hears_the_sequence_of_their_own_message() {
    let (_broker, js) = fleet().await;
    let commit = requests(js.clone(), &TaskTracker::new());
    let acks = join_all((1..=3_000).map(|n| commit.publish(add(n)))).await;
    for (n, ack) in (1..=3_000).zip(acks).filter(|(n, _)| n % 97 == 0) {
        let stored = js.get("REQUESTS", ack.unwrap().sequence).await.unwrap().unwrap();
        assert_eq!(stored.payload, add(n).payload);
    }
    assert_eq!(js.extent("REQUESTS").await.unwrap().last, 3_000);
}

#[tokio::test]
async fn duplicates_among_and_across_batches_are_stored_once_and_told_so() {
    let (_broker, js) = fleet().await;
    let commit = requests(js.clone(), &TaskTracker::new());
    commit.publish(add(1)).await.unwrap();
    let acks = join_all((0..200).map(|n| commit.publish(add(n % 20 + 1)))).await;
    let acks: Vec<_> = acks.into_iter().map(Result::unwrap).collect();
    let fresh = acks.iter().filter(|ack| !ack.duplicate).count();
    assert_eq!(fresh, 19, "one of the twenty was there before");
    assert_eq!(acks.iter().map(|ack| ack.sequence).collect::<BTreeSet<_>>().len(), 20);
    assert_eq!(js.extent("REQUESTS").await.unwrap().last, 20);
}

#[tokio::test]
async fn nothing_is_lost_or_doubled_when_the_broker_is_killed_under_load() {
    let (broker, js) = fleet().await;
    let commit = requests(js.clone(), &TaskTracker::new());
    let publishing = async {
        // Two thousand a second, so that both crashes fall into the middle of it.
        let mut pace = tokio::time::interval(Duration::from_micros(500));
        let mut under_way = Vec::new();
        for n in 1..=2_000 {
            pace.tick().await;
            let commit = commit.clone();
            under_way.push(Box::pin(async move { commit.publish(add(n)).await }));
            let _not_yet = futures_util::poll!(under_way.last_mut().unwrap());
        }
        join_all(under_way).await
    };
    let trouble = async {
        for stored in [200, 800] {
            eventually(SOON, "progress", async || {
                js.extent("REQUESTS").await.is_ok_and(|e| e.last >= stored)
            })
            .await;
            broker.kill().await.unwrap();
            broker.restart().await.unwrap();
        }
    };
    let (acks, ()) = tokio::join!(publishing, trouble);
    let sequences: BTreeSet<_> = acks.into_iter().map(|ack| ack.unwrap().sequence).collect();
    assert_eq!(sequences.len(), 2_000, "each message has a place of its own");
    assert_eq!(js.extent("REQUESTS").await.unwrap().last, 2_000, "and there are no others");
}

#[tokio::test]
async fn a_caller_hears_in_time_that_the_broker_is_away() {
    let (broker, js) = fleet().await;
    let patience = Duration::from_millis(300);
    let config = CommitConfig { patience, ..CommitConfig::for_stream("REQUESTS") };
    let commit = GroupCommit::spawn(js, config, &metrics(), &TaskTracker::new());
    broker.kill().await.unwrap();
    let outcome = tokio::time::timeout(Duration::from_secs(10), commit.publish(add(1))).await.unwrap();
    assert!(matches!(outcome, Err(CommitError::Unavailable(_))), "{outcome:?}");
}

#[tokio::test]
async fn a_full_queue_is_refused_at_once() {
    let (broker, js) = fleet().await;
    let config = CommitConfig { queue: 1, in_flight: 1, ..CommitConfig::for_stream("REQUESTS") };
    let commit = GroupCommit::spawn(js, config, &metrics(), &TaskTracker::new());
    broker.pause().unwrap();
    let attempts = join_all((0..50).map(|n| {
        let commit = commit.clone();
        async move {
            let outcome = tokio::time::timeout(Duration::from_secs(2), commit.try_publish(add(n))).await;
            matches!(outcome, Ok(Err(CommitError::Overloaded)))
        }
    }))
    .await;
    broker.resume().unwrap();
    assert!(attempts.iter().filter(|overloaded| **overloaded).count() >= 40);
}

#[tokio::test]
async fn a_full_stream_is_told_apart_from_a_broker_that_is_away() {
    let (_broker, js) = fleet().await;
    let (registry, tracker) = (Registry::new(), TaskTracker::new());
    let metrics = Metrics::register(&registry).unwrap();
    let commit = GroupCommit::spawn(js, CommitConfig::for_stream("REQUESTS"), &metrics, &tracker);
    let mut refused = None;
    for n in 0..200 {
        let mut message = add(n);
        message.payload = vec![b' '; 900_000].into();
        if let Err(error) = commit.publish(message).await {
            refused = Some(error);
            break;
        }
    }
    assert!(matches!(refused, Some(CommitError::Full)), "{refused:?}");
    let told = TextEncoder::new().encode_to_string(&registry.gather()).unwrap();
    let counted = r#"messaging_publish_refusals_total{reason="full",stream="REQUESTS"} 1"#;
    assert!(told.contains(counted), "{told}");
}

#[tokio::test]
async fn the_task_ends_when_its_handles_do_and_everything_is_settled() {
    let (_broker, js) = fleet().await;
    let tracker = TaskTracker::new();
    let commit = requests(js, &tracker);
    let outcome = commit.publish(add(1));
    tracker.close();
    outcome.await.unwrap();
    drop(commit);
    tokio::time::timeout(Duration::from_secs(5), tracker.wait()).await.unwrap();
}

#[tokio::test]
async fn one_message_that_is_too_large_costs_nobody_else_anything() {
    let (_broker, js) = fleet().await;
    let config = CommitConfig { patience: Duration::from_secs(3), ..CommitConfig::for_stream("REQUESTS") };
    let commit = GroupCommit::spawn(js, config, &metrics(), &TaskTracker::new());
    let mut large = add(2);
    large.payload = vec![b'x'; 2 << 20].into();
    let outcomes = join_all([add(1), large, add(3)].map(|m| commit.publish(m))).await;
    assert!(outcomes[0].is_ok() && outcomes[2].is_ok(), "{outcomes:?}");
    assert!(matches!(outcomes[1], Err(CommitError::Refused(_))), "{outcomes:?}");
}
