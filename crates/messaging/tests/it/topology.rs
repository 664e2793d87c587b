//! Setting the broker up, again and again.

use std::time::Duration;

use events::catalogue::{CONSUMERS, PAYMENT_REFUND};
use messaging::topology::{self, Action, TopologyError, TopologyOptions};

use crate::{support::connect, worker_rig::change};

fn small() -> TopologyOptions {
    TopologyOptions { max_bytes: 64 << 20, ..TopologyOptions::default() }
}

#[tokio::test]
async fn setting_up_twice_changes_nothing_and_a_real_difference_is_mended() {
    let broker = testkit::broker().await;
    let js = connect(&broker, "setup").await;
    let missing = topology::verify(&js, &["ORDERS"], &CONSUMERS).await;
    assert!(matches!(missing, Err(TopologyError::NotSetUp(_) | TopologyError::Broker { .. })), "{missing:?}");

    for _look in 1..=2 {
        let planned = topology::compare(&js, &small()).await.unwrap();
        assert!(
            planned.iter().all(|change| change.action == Action::Created),
            "looking creates nothing: {planned:?}"
        );
    }
    let first = topology::setup(&js, &small()).await.unwrap();
    assert!(first.iter().all(|change| change.action == Action::Created), "{first:?}");
    let second = topology::setup(&js, &small()).await.unwrap();
    assert!(second.iter().all(|change| change.action == Action::Unchanged), "{second:?}");
    let larger = TopologyOptions { max_bytes: 128 << 20, ..small() };
    let third = topology::setup(&js, &larger).await.unwrap();
    let updated = third.iter().filter(|change| matches!(change.action, Action::Updated(_))).count();
    assert_eq!(updated, 11, "every stream and bucket, and nothing else: {third:?}");
    let fourth = topology::setup(&js, &larger).await.unwrap();
    assert!(fourth.iter().all(|change| change.action == Action::Unchanged), "{fourth:?}");
    topology::verify(&js, &["REQUESTS", "ORDERS", "DEAD_LETTERS"], &CONSUMERS).await.unwrap();
}

#[tokio::test]
async fn buckets_of_snapshots_get_the_copies_and_the_room_that_streams_get() {
    let broker = testkit::broker().await;
    let js = connect(&broker, "setup").await;
    topology::setup(&js, &small()).await.unwrap();
    let bucket = async |options: &TopologyOptions| {
        let changes = topology::compare(&js, options).await.unwrap();
        changes.into_iter().find(|change| change.what == "bucket journal-snapshots-ORDERS").unwrap().action
    };
    let copied = TopologyOptions { replicas: 3, ..small() };
    assert_eq!(bucket(&copied).await, Action::Updated(vec!["replicas is 1, should be 3".to_owned()]));
    let larger = TopologyOptions { max_bytes: 128 << 20, ..small() };
    assert!(matches!(bucket(&larger).await, Action::Updated(_)));
    topology::setup(&js, &larger).await.unwrap();
    assert_eq!(bucket(&larger).await, Action::Unchanged);
}

#[tokio::test]
async fn what_would_lose_messages_is_refused() {
    let broker = testkit::broker().await;
    let js = connect(&broker, "setup").await;
    topology::setup(&js, &small()).await.unwrap();
    let shorter = TopologyOptions { max_age: Duration::from_secs(60), ..small() };
    let refused = topology::setup(&js, &shorter).await;
    assert!(matches!(refused, Err(TopologyError::Destructive { .. })), "{refused:?}");
    // The limit that could have been raised was not, either: all or nothing.
    let larger = TopologyOptions { max_bytes: 128 << 20, ..shorter };
    assert!(topology::setup(&js, &larger).await.is_err());
    let now = topology::compare(&js, &small()).await.unwrap();
    assert!(now.iter().all(|change| change.action == Action::Unchanged), "{now:?}");
}

#[tokio::test]
async fn a_consumer_with_a_limit_of_deliveries_is_not_worked_on() {
    let broker = testkit::broker().await;
    let js = connect(&broker, "setup").await;
    topology::setup(&js, &small()).await.unwrap();
    change(&broker, &PAYMENT_REFUND, |config| config.max_deliver = 3).await;
    let refused = topology::verify(&js, &["ORDERS"], &CONSUMERS).await.unwrap_err().to_string();
    assert!(refused.contains("payment-refund: max_deliver is 3"), "{refused}");
    topology::setup(&js, &small()).await.unwrap();
    topology::verify(&js, &["ORDERS"], &CONSUMERS).await.unwrap();
}
