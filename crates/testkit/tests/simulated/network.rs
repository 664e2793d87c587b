//! What the network does to requests, answers, deliveries and beats.

use std::time::Duration;

use messaging::log::{Beat, Beats, Consumer, Delivery, Log, PublishError, Reader};
use testkit::simulated::NetFaults;
use tokio::time::Instant;

use crate::support::{DURABLE, STREAM, broker, count, hangs, in_hand, message, pass, take, take_after};

const SECOND: Duration = Duration::from_secs(1);

#[tokio::test(start_paused = true)]
async fn everything_takes_its_time_both_ways() {
    let broker = broker(NetFaults { latency_ms: (10, 50), ..NetFaults::none() });
    let log = broker.client("test");
    let mut took = Vec::new();
    for n in 0..50 {
        let started = Instant::now();
        log.publish(&message(&n.to_string()), None).await.unwrap();
        took.push(started.elapsed().as_millis());
    }
    assert!(took.iter().all(|millis| (20..=100).contains(millis)), "{took:?}");
    assert!(took.iter().any(|millis| *millis != took[0]), "they differ");
}

#[tokio::test(start_paused = true)]
async fn a_request_lost_on_its_way_stores_nothing() {
    let broker = broker(NetFaults { unknown_before: 1.0, ..NetFaults::none() });
    let log = broker.client("test");
    let unknown = log.publish(&message("one"), None).await;
    assert!(matches!(unknown, Err(PublishError::Unknown(_))), "{unknown:?}");
    assert!(log.extent(STREAM).await.is_err() && log.get(STREAM, 1).await.is_err());
    assert!(log.save_snapshot(STREAM, 1, vec![1]).await.is_err());
    pass(60 * SECOND).await;
    assert_eq!(count(&broker), 0);
}

#[tokio::test(start_paused = true)]
async fn a_request_whose_answer_is_lost_has_its_effect() {
    let broker = broker(NetFaults { unknown_after: 1.0, ..NetFaults::none() });
    let log = broker.client("test");
    let unknown = log.publish_batch(&[message("one"), message("two")], Some(0)).await;
    assert!(matches!(unknown, Err(PublishError::Unknown(_))), "{unknown:?}");
    assert_eq!(count(&broker), 2);
    log.set_faults(Some(NetFaults::none()));
    let again = log.publish(&message("one"), None).await.unwrap();
    assert!(again.duplicate && again.sequence == 1);
}

#[tokio::test(start_paused = true)]
async fn a_late_request_takes_effect_after_its_sender_gave_up() {
    let late = NetFaults { late: 1.0, late_ms: (8_000, 9_000), ..NetFaults::none() };
    let broker = broker(late);
    let log = broker.client("test");
    let unknown = log.publish(&message("one"), None).await;
    assert!(matches!(unknown, Err(PublishError::Unknown(_))), "{unknown:?}");
    assert_eq!(count(&broker), 0);
    pass(9 * SECOND).await;
    assert_eq!(count(&broker), 1);
}

#[tokio::test(start_paused = true)]
async fn what_comes_of_a_request_is_sometimes_this_and_sometimes_that() {
    let broker = broker(NetFaults { unknown_before: 0.3, unknown_after: 0.3, ..NetFaults::none() });
    let log = broker.client("test");
    let (mut known, mut stored_unknown, mut lost) = (0, 0, 0);
    for n in 0..200 {
        let before = count(&broker);
        let outcome = log.publish(&message(&n.to_string()), None).await;
        match (outcome.is_ok(), count(&broker) > before) {
            (true, true) => known += 1,
            (false, true) => stored_unknown += 1,
            (false, false) => lost += 1,
            (true, false) => panic!("acknowledged, but not stored"),
        }
    }
    assert!(known > 40 && stored_unknown > 20 && lost > 30, "{known} {stored_unknown} {lost}");
}

#[tokio::test(start_paused = true)]
async fn what_was_sent_arrives_whether_or_not_its_sender_waits() {
    let broker = broker(NetFaults { latency_ms: (100, 100), ..NetFaults::none() });
    let log = broker.client("test");
    assert!(hangs(Duration::from_millis(10), log.publish(&message("one"), None)).await);
    assert_eq!(count(&broker), 0);
    pass(SECOND).await;
    assert_eq!(count(&broker), 1);
}

#[tokio::test(start_paused = true)]
async fn what_one_process_sends_arrives_in_order() {
    let broker = broker(NetFaults { latency_ms: (0, 500), ..NetFaults::none() });
    let log = broker.client("test");
    let names: Vec<String> = (0..30).map(|n| n.to_string()).collect();
    let messages: Vec<_> = names.iter().map(|name| message(name)).collect();
    futures_util::future::join_all(messages.iter().map(|message| log.publish(message, None))).await;
    let stored: Vec<_> = broker.messages(STREAM).iter().map(|m| m.payload.clone()).collect();
    assert_eq!(stored, names.iter().map(|name| name.clone().into_bytes()).collect::<Vec<_>>());
}

#[tokio::test(start_paused = true)]
async fn a_lost_answer_brings_the_message_back() {
    let broker = broker(NetFaults { lost_ack: 1.0, ..NetFaults::none() });
    let (mut consumer, delivery) = in_hand(&broker, &broker.client("test")).await;
    delivery.ack().await.unwrap();
    let (again, later) = take_after(&mut consumer).await;
    assert_eq!((again.deliveries(), later), (2, 30 * SECOND));
}

#[tokio::test(start_paused = true)]
async fn a_lost_sign_of_life_postpones_nothing() {
    let broker = broker(NetFaults::none());
    let log = broker.client("test");
    let (mut consumer, delivery) = in_hand(&broker, &log).await;
    pass(20 * SECOND).await;
    log.set_faults(Some(NetFaults { lost_ack: 1.0, ..NetFaults::none() }));
    delivery.in_progress().await.unwrap();
    assert_eq!(take_after(&mut consumer).await.1, 10 * SECOND);
}

#[tokio::test(start_paused = true)]
async fn a_message_in_hand_is_handed_out_twice() {
    let broker = broker(NetFaults { duplicate_delivery: 1.0, ..NetFaults::none() });
    let (mut consumer, first) = in_hand(&broker, &broker.client("test")).await;
    let (second, later) = take_after(&mut consumer).await;
    assert_eq!((first.deliveries(), second.deliveries()), (1, 2));
    assert!(later < SECOND, "{later:?}");
    first.ack().await.unwrap();
    assert!(hangs(120 * SECOND, consumer.next(1)).await, "one answer settles both");
}

#[tokio::test(start_paused = true)]
async fn a_lost_beat_is_not_heard() {
    let broker = broker(NetFaults { lost_beat: 0.5, ..NetFaults::none() });
    let (leader, follower) = (broker.client("leader"), broker.client("follower"));
    let mut beats = follower.beats(STREAM);
    assert!(hangs(SECOND, beats.next()).await);
    let mut heard = 0;
    for sequence in 0..100 {
        leader.beat(STREAM, &Beat { instance: "leader".to_owned(), epoch: 1, sequence }).await;
        heard += usize::from(!hangs(SECOND, beats.next()).await);
    }
    assert!((25..75).contains(&heard), "{heard}");
}

#[tokio::test(start_paused = true)]
async fn one_reader_sees_later_what_another_has_seen() {
    let broker = broker(NetFaults { stall: 0.3, ..NetFaults::none() });
    let (one, other) = (broker.client("one"), broker.client("other"));
    let (mut ahead, mut behind) = (one.read(STREAM, &[], 0), other.read(STREAM, &[], 0));
    let (mut one_first, mut other_first) = (0, 0);
    for n in 0..50 {
        broker.publish_raw(message(&n.to_string())).unwrap();
        let started = Instant::now();
        let (one, other) = tokio::join!(async { (ahead.next_batch(1).await, started.elapsed()).1 }, async {
            (behind.next_batch(1).await, started.elapsed()).1
        },);
        one_first += usize::from(one < other);
        other_first += usize::from(other < one);
    }
    assert!(one_first > 3 && other_first > 3, "{one_first} {other_first}");
}

#[tokio::test(start_paused = true)]
async fn a_delivery_may_be_long_on_its_way() {
    let broker = broker(NetFaults { stall: 1.0, stall_ms: (31_000, 32_000), ..NetFaults::none() });
    let log = broker.client("test");
    broker.publish_raw(message("one")).unwrap();
    let mut consumer = log.consume(STREAM, DURABLE);
    assert!(hangs(30 * SECOND, consumer.next(1)).await);
    assert_eq!(take(&mut consumer).await.deliveries(), 1, "it was due again before it arrived");
}
