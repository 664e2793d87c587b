//! Durable consumers: every message to one member, until somebody says it is done.

use messaging::log::{Consumer, Delivery, Log};
use testkit::eventually;

use crate::rig::{Rig, SOON, bodies, message, messages, nothing_comes, on_both, take, take_many};

const STREAM: &str = "ORDERS";
const DURABLE: &str = "notification-orders";

on_both!(
    a_delivery_says_what_it_is,
    a_consumer_keeps_to_its_subjects,
    members_share_the_messages,
    what_was_published_before_is_handed_out,
    what_is_done_never_comes_again,
    no_more_than_asked_for_is_on_its_way,
    a_member_that_asks_late_is_served,
    the_backlog_shrinks,
    two_consumers_of_a_stream_do_not_share,
    leaving_gives_what_was_on_its_way,
    leaving_with_nothing_on_its_way_gives_nothing,
    an_interrupted_wait_loses_nothing,
    an_unknown_consumer_gives_nothing,
    a_member_without_room_leaves_messages_to_others,
    what_is_put_back_comes_to_its_consumer_alone,
    the_broker_s_advisories_come_to_their_service,
);

async fn a_delivery_says_what_it_is(rig: &impl Rig) {
    let log = rig.client("test").await;
    log.publish(&message("orders.created", "noise"), None).await.unwrap();
    log.publish(&message("orders.confirmed", "one"), None).await.unwrap();
    let delivery = take(&mut log.consume(STREAM, DURABLE)).await;
    assert_eq!((delivery.stream(), delivery.deliveries(), delivery.backlog()), (STREAM, 1, 0));
    let stored = log.get(STREAM, 2).await.unwrap().unwrap();
    let handed = delivery.message();
    assert_eq!((handed.sequence, &handed.subject), (2, &stored.subject));
    assert_eq!((&handed.payload, handed.timestamp), (&stored.payload, stored.timestamp));
    assert_eq!(handed.headers, stored.headers);
}

async fn a_consumer_keeps_to_its_subjects(rig: &impl Rig) {
    let log = rig.client("test").await;
    log.publish(&message("orders.created", "noise"), None).await.unwrap();
    log.publish(&message("orders.confirmed", "one"), None).await.unwrap();
    log.publish(&message("orders.cancelled", "two"), None).await.unwrap();
    let taken = take_many(&mut log.consume(STREAM, DURABLE), 2).await;
    assert_eq!(bodies(taken.iter().map(Delivery::message)), ["one", "two"]);
}

async fn members_share_the_messages(rig: &impl Rig) {
    let (log, second) = (rig.client("one").await, rig.client("other").await);
    let (mut one, mut other) = (log.consume(STREAM, DURABLE), second.consume(STREAM, DURABLE));
    log.publish_batch(&messages("orders.confirmed", 20), None).await.unwrap();
    let (some, rest) = tokio::join!(take_many(&mut one, 10), take_many(&mut other, 10));
    let mut sequences: Vec<_> = some.iter().chain(&rest).map(|taken| taken.message().sequence).collect();
    sequences.sort_unstable();
    assert_eq!(sequences, (1..=20).collect::<Vec<_>>());
}

async fn what_was_published_before_is_handed_out(rig: &impl Rig) {
    let log = rig.client("test").await;
    log.publish_batch(&messages("orders.confirmed", 3), None).await.unwrap();
    let taken = take_many(&mut log.consume(STREAM, DURABLE), 3).await;
    assert_eq!(taken.iter().map(|t| t.message().sequence).collect::<Vec<_>>(), [1, 2, 3]);
}

async fn what_is_done_never_comes_again(rig: &impl Rig) {
    rig.shorten_ack_wait(DURABLE).await;
    let log = rig.client("test").await;
    let mut consumer = log.consume(STREAM, DURABLE);
    log.publish_batch(&messages("orders.confirmed", 2), None).await.unwrap();
    let taken = take_many(&mut consumer, 2).await;
    taken[0].ack().await.unwrap();
    let again = take(&mut consumer).await;
    assert_eq!((again.message().sequence, again.deliveries()), (2, 2));
    again.ack().await.unwrap();
    let over = tokio::time::timeout(2 * crate::rig::SHORT, consumer.next(5)).await;
    assert!(over.is_err(), "something came again");
}

async fn no_more_than_asked_for_is_on_its_way(rig: &impl Rig) {
    let (log, second) = (rig.client("one").await, rig.client("other").await);
    let (mut greedy, mut other) = (log.consume(STREAM, DURABLE), second.consume(STREAM, DURABLE));
    nothing_comes_of(&mut greedy, 10).await;
    log.publish_batch(&messages("orders.confirmed", 6), None).await.unwrap();
    take_many(&mut greedy, 6).await;
    nothing_comes_of(&mut greedy, 10).await;
    log.publish_batch(&messages("orders.cancelled", 20), None).await.unwrap();
    assert_eq!(take_many(&mut other, 10).await.len(), 10, "they are left to the other");
}

async fn a_member_that_asks_late_is_served(rig: &impl Rig) {
    let (log, writer) = (rig.client("test").await, rig.client("writer").await);
    let mut consumer = log.consume(STREAM, DURABLE);
    nothing_comes(&mut consumer).await;
    let publish = async { writer.publish(&message("orders.confirmed", "late"), None).await.unwrap() };
    let (taken, _) = tokio::join!(take(&mut consumer), publish);
    assert_eq!(bodies([taken.message()]), ["late"]);
}

async fn the_backlog_shrinks(rig: &impl Rig) {
    let log = rig.client("test").await;
    log.publish_batch(&messages("orders.created", 3), None).await.unwrap();
    log.publish_batch(&messages("orders.confirmed", 4), None).await.unwrap();
    let mut consumer = log.consume(STREAM, DURABLE);
    for left in [3, 2, 1, 0] {
        assert_eq!(take(&mut consumer).await.backlog(), left);
    }
}

async fn two_consumers_of_a_stream_do_not_share(rig: &impl Rig) {
    let log = rig.client("test").await;
    log.publish(&message("orders.confirmed", "one"), None).await.unwrap();
    log.publish(&message("orders.refund_requested", "two"), None).await.unwrap();
    let taken = take(&mut log.consume(STREAM, DURABLE)).await;
    let refund = take(&mut log.consume(STREAM, "payment-refund")).await;
    assert_eq!(bodies([taken.message(), refund.message()]), ["one", "two"]);
}

async fn leaving_gives_what_was_on_its_way(rig: &impl Rig) {
    let log = rig.client("test").await;
    let mut consumer = log.consume(STREAM, DURABLE);
    nothing_comes_of(&mut consumer, 8).await;
    log.publish_batch(&messages("orders.confirmed", 5), None).await.unwrap();
    let rest = tokio::time::timeout(SOON, consumer.leave()).await.unwrap();
    assert_eq!(rest.iter().map(|t| t.message().sequence).collect::<Vec<_>>(), [1, 2, 3, 4, 5]);
    // Handed back, they come at once to another member.
    for delivery in &rest {
        delivery.hand_back(std::time::Duration::ZERO).await.unwrap();
    }
    let again = take_many(&mut log.consume(STREAM, DURABLE), 5).await;
    assert!(again.iter().all(|delivery| delivery.deliveries() == 2));
}

async fn nothing_comes_of<C: Consumer>(consumer: &mut C, most: usize) {
    assert!(tokio::time::timeout(crate::rig::QUIET, consumer.next(most)).await.is_err());
}

async fn leaving_with_nothing_on_its_way_gives_nothing(rig: &impl Rig) {
    let log = rig.client("test").await;
    assert!(log.consume(STREAM, DURABLE).leave().await.is_empty());
    log.publish(&message("orders.confirmed", "one"), None).await.unwrap();
    let mut consumer = log.consume(STREAM, DURABLE);
    take(&mut consumer).await.ack().await.unwrap();
    assert!(tokio::time::timeout(SOON, consumer.leave()).await.unwrap().is_empty());
}

async fn an_interrupted_wait_loses_nothing(rig: &impl Rig) {
    let log = rig.client("test").await;
    let mut consumer = log.consume(STREAM, DURABLE);
    let mut taken = Vec::new();
    for n in 1..=30 {
        log.publish(&message("orders.confirmed", &n.to_string()), None).await.unwrap();
        let impatient = tokio::time::timeout(std::time::Duration::from_millis(1), consumer.next(3)).await;
        taken.extend(impatient.into_iter().flatten());
    }
    let rest = take_many(&mut consumer, 30 - taken.len()).await;
    let sequences: Vec<_> = taken.iter().chain(&rest).map(|delivery| delivery.message().sequence).collect();
    assert_eq!(sequences, (1..=30).collect::<Vec<_>>());
    assert!(rest.iter().all(|delivery| delivery.deliveries() == 1));
}

async fn an_unknown_consumer_gives_nothing(rig: &impl Rig) {
    let log = rig.client("test").await;
    log.publish(&message("orders.confirmed", "one"), None).await.unwrap();
    nothing_comes(&mut log.consume(STREAM, "nobody")).await;
    nothing_comes(&mut log.consume("REQUESTS", DURABLE)).await;
}

async fn a_member_without_room_leaves_messages_to_others(rig: &impl Rig) {
    let (log, second) = (rig.client("one").await, rig.client("other").await);
    let mut idle = log.consume(STREAM, DURABLE);
    log.publish(&message("orders.confirmed", "first"), None).await.unwrap();
    let _in_hand = take(&mut idle).await;
    log.publish_batch(&messages("orders.confirmed", 5), None).await.unwrap();
    let mut other = second.consume(STREAM, DURABLE);
    let taken = take_many(&mut other, 5).await;
    assert_eq!(taken.len(), 5);
    eventually(SOON, "the broker to say so", async || log.extent(STREAM).await).await;
}

async fn what_is_put_back_comes_to_its_consumer_alone(rig: &impl Rig) {
    let log = rig.client("test").await;
    log.publish(&message("redrive.payment-charge", "one"), None).await.unwrap();
    let delivery = take(&mut log.consume("REDRIVE", "payment-charge-redrive")).await;
    assert_eq!((bodies([delivery.message()]), delivery.stream()), (vec!["one".to_owned()], "REDRIVE"));
    nothing_comes(&mut log.consume("REDRIVE", "payment-refund-redrive")).await;
}

async fn the_broker_s_advisories_come_to_their_service(rig: &impl Rig) {
    let log = rig.client("test").await;
    log.publish(&message("orders.confirmed", "one"), None).await.unwrap();
    take(&mut log.consume(STREAM, DURABLE)).await.terminate("hopeless").await.unwrap();
    let told = take(&mut log.consume("ADVISORIES", "notification-advisories")).await;
    assert!(told.message().subject.ends_with("MSG_TERMINATED.ORDERS.notification-orders"));
    nothing_comes(&mut log.consume("ADVISORIES", "payment-advisories")).await;
}
