//! A seed says everything: what happens, in which order, at which time.

use std::time::Duration;

use messaging::log::{Consumer, Delivery, Log, Reader};
use testkit::simulated::{NetFaults, SimBroker};
use tokio::task::JoinSet;

use crate::support::{DURABLE, STREAM, hangs, message};

const ROUGH: NetFaults = NetFaults {
    latency_ms: (1, 50),
    unknown_before: 0.1,
    unknown_after: 0.1,
    late: 0.05,
    lost_ack: 0.1,
    duplicate_delivery: 0.1,
    stall: 0.05,
    ..NetFaults::none()
};

/// A writer, a reader and two workers for a minute; what happened, and what is left.
async fn story(seed: u64) -> Vec<String> {
    let broker = SimBroker::new(seed, ROUGH);
    broker.set_trace(true);
    let mut tasks = JoinSet::new();
    let writer = broker.client("writer");
    tasks.spawn(async move {
        for n in 0..50 {
            while writer.publish(&message(&n.to_string()), None).await.is_err() {}
        }
    });
    let mut reader = broker.client("reader").read(STREAM, &[], 0);
    tasks.spawn(async move {
        loop {
            reader.next_batch(3).await;
        }
    });
    for name in ["worker-1", "worker-2"] {
        let mut consumer = broker.client(name).consume(STREAM, DURABLE);
        tasks.spawn(async move {
            loop {
                for delivery in consumer.next(4).await {
                    delivery.ack().await.unwrap();
                }
            }
        });
    }
    assert!(hangs(Duration::from_secs(300), std::future::pending::<()>()).await);
    let left = (broker.messages(STREAM).len(), broker.consumer_state(DURABLE));
    broker.note("test", || format!("{left:?}"));
    broker.trace()
}

#[tokio::test(start_paused = true)]
async fn the_same_seed_tells_the_same_story() {
    let (one, again) = (story(3).await, story(3).await);
    assert!(one.len() > 100, "{} lines", one.len());
    assert_eq!(one, again);
}

#[tokio::test(start_paused = true)]
async fn another_seed_tells_another() {
    assert_ne!(story(3).await, story(4).await);
}

#[tokio::test(start_paused = true)]
async fn the_trace_can_be_read() {
    let broker = SimBroker::new(1, NetFaults::none());
    let log = broker.client("order-service-1");
    log.publish(&message("unnoticed"), None).await.unwrap();
    broker.set_trace(true);
    log.publish(&message("one"), Some(1)).await.unwrap();
    log.set_faults(Some(NetFaults { unknown_after: 1.0, ..NetFaults::none() }));
    log.publish(&message("two"), None).await.unwrap_err();
    log.crash();
    let lines = broker.trace();
    assert_eq!(
        lines[0],
        "t=0.000s order-service-1 publish orders.refund_requested after 1 -> stored, the last as 2"
    );
    let unknown = "publish orders.refund_requested -> stored, the last as 3 (nobody is told)";
    assert_eq!(lines[1], format!("t=0.000s order-service-1 {unknown}"));
    assert!(lines[2].ends_with("order-service-1 dies") && lines.len() == 3, "{lines:?}");
}
