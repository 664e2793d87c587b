//! What becomes of a delivery that nobody says is done.

use std::time::Duration;

use messaging::log::{Consumer, Delivery, Log};

use crate::rig::{
    QUIET, Rig, SHORT, SOON, bodies, message, messages, nothing_comes, on_both, read, take, take_many,
};

const STREAM: &str = "ORDERS";
const DURABLE: &str = "payment-refund";
const SUBJECT: &str = "orders.refund_requested";

on_both!(
    what_is_handed_back_comes_again_at_once,
    what_is_handed_back_goes_to_another_member,
    what_is_handed_back_for_later_comes_later,
    what_nobody_answers_comes_again,
    what_a_dead_member_had_comes_again,
    a_sign_of_life_postpones_the_return,
    every_delivery_is_counted,
    an_answer_to_an_earlier_delivery_counts,
    what_is_handed_back_comes_among_what_is_new,
    what_is_ended_never_comes_again,
    the_end_of_a_message_is_told,
    every_end_is_told,
);

async fn what_is_handed_back_comes_again_at_once(rig: &impl Rig) {
    let log = rig.client("test").await;
    log.publish(&message(SUBJECT, "one"), None).await.unwrap();
    let mut consumer = log.consume(STREAM, DURABLE);
    take(&mut consumer).await.hand_back(Duration::ZERO).await.unwrap();
    let again = take(&mut consumer).await;
    assert_eq!((bodies([again.message()]), again.deliveries()), (vec!["one".to_owned()], 2));
}

async fn what_is_handed_back_goes_to_another_member(rig: &impl Rig) {
    let (log, second) = (rig.client("one").await, rig.client("other").await);
    log.publish(&message(SUBJECT, "one"), None).await.unwrap();
    take(&mut log.consume(STREAM, DURABLE)).await.hand_back(Duration::ZERO).await.unwrap();
    assert_eq!(take(&mut second.consume(STREAM, DURABLE)).await.deliveries(), 2);
}

async fn what_is_handed_back_for_later_comes_later(rig: &impl Rig) {
    let log = rig.client("test").await;
    log.publish(&message(SUBJECT, "one"), None).await.unwrap();
    let mut consumer = log.consume(STREAM, DURABLE);
    take(&mut consumer).await.hand_back(2 * QUIET).await.unwrap();
    nothing_comes(&mut consumer).await;
    assert_eq!(take(&mut consumer).await.deliveries(), 2);
}

async fn what_nobody_answers_comes_again(rig: &impl Rig) {
    rig.shorten_ack_wait(DURABLE).await;
    let log = rig.client("test").await;
    log.publish(&message(SUBJECT, "one"), None).await.unwrap();
    let mut consumer = log.consume(STREAM, DURABLE);
    let _unanswered = take(&mut consumer).await;
    nothing_comes(&mut consumer).await;
    assert_eq!(take(&mut consumer).await.deliveries(), 2);
}

async fn what_a_dead_member_had_comes_again(rig: &impl Rig) {
    rig.shorten_ack_wait(DURABLE).await;
    let (log, second) = (rig.client("one").await, rig.client("other").await);
    log.publish_batch(&messages(SUBJECT, 4), None).await.unwrap();
    let mut doomed = log.consume(STREAM, DURABLE);
    let _in_hand = tokio::time::timeout(SOON, doomed.next(4)).await.unwrap();
    drop(doomed);
    let again = take_many(&mut second.consume(STREAM, DURABLE), 4).await;
    let mut sequences: Vec<_> = again.iter().map(|delivery| delivery.message().sequence).collect();
    sequences.sort_unstable();
    assert_eq!(sequences, [1, 2, 3, 4]);
    assert_eq!(again[0].deliveries(), 2);
}

async fn a_sign_of_life_postpones_the_return(rig: &impl Rig) {
    rig.shorten_ack_wait(DURABLE).await;
    let log = rig.client("test").await;
    log.publish(&message(SUBJECT, "one"), None).await.unwrap();
    let mut consumer = log.consume(STREAM, DURABLE);
    let busy = take(&mut consumer).await;
    for _ in 0..6 {
        nothing_comes(&mut consumer).await;
        busy.in_progress().await.unwrap();
    }
    busy.ack().await.unwrap();
    assert!(tokio::time::timeout(2 * SHORT, consumer.next(1)).await.is_err());
}

async fn every_delivery_is_counted(rig: &impl Rig) {
    let log = rig.client("test").await;
    log.publish(&message(SUBJECT, "one"), None).await.unwrap();
    let mut consumer = log.consume(STREAM, DURABLE);
    for deliveries in 1..=10 {
        let delivery = take(&mut consumer).await;
        assert_eq!(delivery.deliveries(), deliveries);
        delivery.hand_back(Duration::ZERO).await.unwrap();
    }
}

async fn an_answer_to_an_earlier_delivery_counts(rig: &impl Rig) {
    rig.shorten_ack_wait(DURABLE).await;
    let log = rig.client("test").await;
    log.publish(&message(SUBJECT, "one"), None).await.unwrap();
    let mut consumer = log.consume(STREAM, DURABLE);
    let first = take(&mut consumer).await;
    let _second = take(&mut consumer).await;
    first.ack().await.unwrap();
    assert!(tokio::time::timeout(2 * SHORT, consumer.next(1)).await.is_err());
}

/// Before or after what is new: the broker reads answers when it has time for them.
async fn what_is_handed_back_comes_among_what_is_new(rig: &impl Rig) {
    let log = rig.client("test").await;
    log.publish_batch(&messages(SUBJECT, 3), None).await.unwrap();
    let mut consumer = log.consume(STREAM, DURABLE);
    take(&mut consumer).await.hand_back(Duration::ZERO).await.unwrap();
    let rest = take_many(&mut consumer, 3).await;
    let mut seen: Vec<_> = rest.iter().map(|d| (d.message().sequence, d.deliveries())).collect();
    seen.sort_unstable();
    assert_eq!(seen, [(1, 2), (2, 1), (3, 1)]);
}

async fn what_is_ended_never_comes_again(rig: &impl Rig) {
    rig.shorten_ack_wait(DURABLE).await;
    let log = rig.client("test").await;
    log.publish(&message(SUBJECT, "one"), None).await.unwrap();
    let mut consumer = log.consume(STREAM, DURABLE);
    take(&mut consumer).await.terminate("hopeless").await.unwrap();
    assert!(tokio::time::timeout(2 * SHORT, consumer.next(1)).await.is_err());
}

async fn the_end_of_a_message_is_told(rig: &impl Rig) {
    let log = rig.client("test").await;
    log.publish(&message("orders.created", "noise"), None).await.unwrap();
    log.publish(&message(SUBJECT, "one"), None).await.unwrap();
    let mut consumer = log.consume(STREAM, DURABLE);
    take(&mut consumer).await.hand_back(Duration::ZERO).await.unwrap();
    take(&mut consumer).await.terminate("parked as DEAD_LETTERS:7").await.unwrap();
    let told = read(&mut log.read("ADVISORIES", &[], 0), 1).await;
    assert_eq!(told[0].subject, "$JS.EVENT.ADVISORY.CONSUMER.MSG_TERMINATED.ORDERS.payment-refund");
    let body: serde_json::Value = serde_json::from_slice(&told[0].payload).unwrap();
    assert_eq!(body["type"], "io.nats.jetstream.advisory.v1.terminated");
    assert_eq!((&body["stream"], &body["consumer"]), (&"ORDERS".into(), &"payment-refund".into()));
    assert_eq!((&body["stream_seq"], &body["deliveries"]), (&2.into(), &2.into()));
    assert_eq!(body["reason"], "parked as DEAD_LETTERS:7");
    let fields: Vec<_> = body.as_object().unwrap().keys().map(String::as_str).collect();
    let known = [
        "consumer",
        "consumer_seq",
        "deliveries",
        "id",
        "reason",
        "stream",
        "stream_seq",
        "timestamp",
        "type",
    ];
    assert_eq!(fields, known);
}

/// Also the end of one that has ended.
async fn every_end_is_told(rig: &impl Rig) {
    let log = rig.client("test").await;
    log.publish(&message(SUBJECT, "one"), None).await.unwrap();
    let delivery = take(&mut log.consume(STREAM, DURABLE)).await;
    delivery.ack().await.unwrap();
    delivery.terminate("too late").await.unwrap();
    let told = read(&mut log.read("ADVISORIES", &[], 0), 1).await;
    let body: serde_json::Value = serde_json::from_slice(&told[0].payload).unwrap();
    assert_eq!((&body["stream_seq"], &body["deliveries"]), (&1.into(), &1.into()));
}
