//! The broker is away, or one process is cut off from it, or its disk is full.

use std::time::Duration;

use messaging::log::{Attempts, Consumer, Delivery, Log, PublishError, Reader};
use testkit::simulated::NetFaults;

use crate::support::{DURABLE, STREAM, broker, count, hangs, in_hand, message, pass, take, take_after};

const SECOND: Duration = Duration::from_secs(1);
const OUTAGE: NetFaults = NetFaults { outage: true, ..NetFaults::none() };
const FULL: NetFaults = NetFaults { full: true, ..NetFaults::none() };

#[tokio::test(start_paused = true)]
async fn an_outage_is_felt_by_everything_and_ends() {
    let broker = broker(NetFaults::none());
    let log = broker.client("test");
    let (mut reader, mut consumer) = (log.read(STREAM, &[], 0), log.consume(STREAM, DURABLE));
    assert!(hangs(SECOND, consumer.next(1)).await && hangs(SECOND, reader.next_batch(1)).await);
    broker.set_faults(OUTAGE);
    assert!(matches!(log.publish(&message("one"), None).await, Err(PublishError::Unknown(_))));
    assert!(log.extent(STREAM).await.is_err() && log.snapshots(STREAM).await.is_err());
    broker.publish_raw(message("two")).unwrap();
    assert!(hangs(60 * SECOND, consumer.next(1)).await && hangs(60 * SECOND, reader.next_batch(1)).await);
    broker.set_faults(NetFaults::none());
    let (read, taken) = tokio::join!(reader.next_batch(1), take(&mut consumer));
    assert_eq!((&*read[0].payload, &*taken.message().payload), (&b"two"[..], &b"two"[..]));
}

#[tokio::test(start_paused = true)]
async fn a_request_may_wait_for_a_short_outage_but_not_for_a_long_one() {
    let broker = broker(NetFaults::none());
    let (mut short, mut long) = (0, 0);
    for (n, seconds) in (0..20).flat_map(|n| [(n, 1), (n + 100, 6)]) {
        broker.set_faults(OUTAGE);
        let (log, message) = (broker.client("test"), message(&n.to_string()));
        let heal = async {
            pass(seconds * SECOND).await;
            broker.set_faults(NetFaults::none());
        };
        let (outcome, ()) = tokio::join!(log.publish(&message, None), heal);
        if seconds == 1 {
            short += usize::from(outcome.is_ok())
        } else {
            long += usize::from(outcome.is_ok())
        }
    }
    assert!((3..18).contains(&short), "{short}");
    assert_eq!((long, count(&broker)), (0, short));
}

#[tokio::test(start_paused = true)]
async fn a_process_is_cut_off_alone() {
    let broker = broker(NetFaults::none());
    let (cut_off, other) = (broker.client("cut off"), broker.client("other"));
    cut_off.set_faults(Some(OUTAGE));
    let mut consumer = cut_off.consume(STREAM, DURABLE);
    let one = message("one");
    let (alone, answered) = tokio::join!(cut_off.extent(STREAM), other.publish(&one, None));
    assert!(alone.is_err() && answered.is_ok());
    assert!(hangs(SECOND, consumer.next(1)).await);
    assert_eq!(take(&mut other.consume(STREAM, DURABLE)).await.deliveries(), 1);
    cut_off.set_faults(None);
    assert!(cut_off.extent(STREAM).await.is_ok());
}

#[tokio::test(start_paused = true)]
async fn what_was_on_its_way_when_the_link_broke_comes_again() {
    let broker = broker(NetFaults { latency_ms: (100, 100), ..NetFaults::none() });
    let (log, other) = (broker.client("test"), broker.client("other"));
    let mut consumer = log.consume(STREAM, DURABLE);
    broker.publish_raw(message("one")).unwrap();
    assert!(hangs(SECOND / 20, consumer.next(1)).await);
    log.set_faults(Some(OUTAGE));
    let (again, later) = take_after(&mut other.consume(STREAM, DURABLE)).await;
    assert_eq!(again.deliveries(), 2);
    assert!(later > 29 * SECOND, "{later:?}");
}

#[tokio::test(start_paused = true)]
async fn a_full_disk_refuses_and_forgets_nothing() {
    let broker = broker(NetFaults::none());
    let log = broker.client("test");
    let (mut consumer, delivery) = in_hand(&broker, &log).await;
    broker.set_faults(FULL);
    assert!(matches!(log.publish(&message("two"), None).await, Err(PublishError::Full)));
    let batch = [message("two"), message("three")];
    assert!(matches!(log.publish_batch(&batch, None).await, Err(PublishError::Full)));
    assert!(log.publish(&message("one"), None).await.unwrap().duplicate, "what is stored is known");
    assert!(log.save_snapshot(STREAM, 1, vec![1]).await.is_err());
    assert!(log.save_attempts(DURABLE, 1, &Attempts::default()).await.is_err());
    delivery.ack().await.unwrap();
    broker.set_faults(NetFaults::none());
    assert!(hangs(60 * SECOND, consumer.next(1)).await, "it is done");
    assert!(!log.publish(&message("two"), None).await.unwrap().duplicate);
}

#[tokio::test(start_paused = true)]
async fn a_killed_broker_keeps_every_message_and_id() {
    let broker = broker(NetFaults::none());
    let log = broker.client("test");
    log.publish(&message("one"), None).await.unwrap();
    broker.kill();
    assert!(log.publish(&message("two"), None).await.is_err());
    broker.start();
    assert!(log.publish(&message("one"), None).await.unwrap().duplicate);
}

#[tokio::test(start_paused = true)]
async fn a_killed_broker_forgets_the_latest_of_its_consumers_and_no_more() {
    let broker = broker(NetFaults::none());
    let log = broker.client("test");
    let (mut consumer, first) = in_hand(&broker, &log).await;
    first.ack().await.unwrap();
    pass(SECOND).await;
    broker.publish_raw(message("two")).unwrap();
    let second = take(&mut consumer).await;
    broker.publish_raw(message("three")).unwrap();
    let _third = take(&mut consumer).await;
    second.ack().await.unwrap();
    broker.kill();
    pass(SECOND).await;
    broker.start();
    let (one, other) = (take(&mut consumer).await, take(&mut consumer).await);
    let mut again = [&one, &other].map(|delivery| (delivery.message().sequence, delivery.deliveries()));
    again.sort_unstable();
    assert_eq!(again, [(2, 1), (3, 1)], "that they were handed out is forgotten, and that one was done");
    assert!(second.is_first() && !one.is_first() && !other.is_first());
    one.ack().await.unwrap();
    other.ack().await.unwrap();
    assert!(hangs(120 * SECOND, consumer.next(1)).await);
}

#[tokio::test(start_paused = true)]
async fn a_killed_broker_still_counts_what_it_has_written_down() {
    let broker = broker(NetFaults::none());
    let (mut consumer, _in_hand) = in_hand(&broker, &broker.client("test")).await;
    pass(SECOND).await;
    broker.kill();
    broker.start();
    let (again, later) = take_after(&mut consumer).await;
    assert_eq!((again.deliveries(), later), (2, 29 * SECOND));
}
