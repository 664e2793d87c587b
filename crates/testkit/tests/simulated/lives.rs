//! Processes die and stop, at any step.

use std::time::Duration;

use messaging::log::{Beat, Beats, Consumer, Delivery, Log, Reader};
use testkit::simulated::{NetFaults, SimLog};

use crate::support::{DURABLE, STREAM, broker, count, hangs, in_hand, message, pass, take, take_after};

const SECOND: Duration = Duration::from_secs(1);
const LONG: Duration = Duration::from_secs(3_600);

/// Nothing this process waits for comes.
async fn waits_in_vain(log: &SimLog) -> bool {
    let (mut reader, mut consumer, mut beats) =
        (log.read(STREAM, &[], 0), log.consume(STREAM, DURABLE), log.beats(STREAM));
    hangs(LONG, log.publish(&message("vain"), None)).await
        && hangs(LONG, log.extent(STREAM)).await
        && hangs(LONG, reader.next_batch(1)).await
        && hangs(LONG, consumer.next(1)).await
        && hangs(LONG, consumer.leave()).await
        && hangs(LONG, beats.next()).await
        && hangs(LONG, log.beat(STREAM, &Beat { instance: String::new(), epoch: 1, sequence: 1 })).await
}

#[tokio::test(start_paused = true)]
async fn nothing_comes_back_to_the_dead_and_nothing_comes_of_what_they_do() {
    let broker = broker(NetFaults::none());
    broker.publish_raw(message("one")).unwrap();
    let log = broker.client("doomed");
    assert!(hangs(SECOND, log.death()).await);
    log.crash();
    assert!(log.is_dead() && !hangs(SECOND, log.death()).await);
    assert!(waits_in_vain(&log).await);
    assert_eq!(count(&broker), 1);
    assert!(broker.client("next life").publish(&message("two"), None).await.is_ok());
}

#[tokio::test(start_paused = true)]
async fn what_the_dead_had_in_hand_comes_again() {
    let broker = broker(NetFaults::none());
    let (doomed, other) = (broker.client("doomed"), broker.client("other"));
    let (_consumer, delivery) = in_hand(&broker, &doomed).await;
    pass(10 * SECOND).await;
    doomed.crash();
    assert!(hangs(SECOND, delivery.ack()).await);
    let (again, later) = take_after(&mut other.consume(STREAM, DURABLE)).await;
    assert_eq!((again.deliveries(), later), (2, 19 * SECOND));
}

/// Whether the message was stored when death came after so many steps.
async fn stored_by_a_process_that_dies_after(steps: u64) -> bool {
    let broker = broker(NetFaults::none());
    let log = broker.client("doomed");
    log.crash_after(steps);
    assert!(hangs(LONG, log.publish(&message("one"), None)).await, "nobody hears the answer");
    count(&broker) == 1
}

#[tokio::test(start_paused = true)]
async fn death_comes_before_a_request_or_between_effect_and_answer() {
    assert!(!stored_by_a_process_that_dies_after(0).await);
    assert!(stored_by_a_process_that_dies_after(1).await);
    let broker = broker(NetFaults::none());
    let log = broker.client("doomed");
    log.crash_after(2);
    assert!(log.publish(&message("one"), None).await.is_ok());
    assert!(hangs(LONG, log.publish(&message("two"), None)).await);
    assert_eq!(count(&broker), 1);
}

#[tokio::test(start_paused = true)]
async fn what_the_dead_had_sent_arrives_or_not() {
    let mut arrived = 0;
    let broker = broker(NetFaults { latency_ms: (50, 50), ..NetFaults::none() });
    for n in 0..40 {
        let (log, before) = (broker.client("doomed"), count(&broker));
        assert!(hangs(SECOND / 100, log.publish(&message(&n.to_string()), None)).await);
        log.crash();
        pass(SECOND).await;
        arrived += count(&broker) - before;
    }
    assert!((8..32).contains(&arrived), "{arrived}");
}

#[tokio::test(start_paused = true)]
async fn a_stopped_process_goes_on_where_it_was() {
    let broker = broker(NetFaults::none());
    let (log, other) = (broker.client("stopped"), broker.client("other"));
    let (mut reader, mut beats) = (log.read(STREAM, &[], 0), log.beats(STREAM));
    assert!(hangs(SECOND, reader.next_batch(1)).await && hangs(SECOND, beats.next()).await);
    log.freeze();
    broker.publish_raw(message("one")).unwrap();
    other.beat(STREAM, &Beat { instance: "other".to_owned(), epoch: 1, sequence: 1 }).await;
    assert!(hangs(10 * SECOND, reader.next_batch(1)).await && hangs(10 * SECOND, beats.next()).await);
    log.thaw();
    assert_eq!(reader.next_batch(1).await.len(), 1);
    assert_eq!(beats.next().await.instance, "other", "it was waiting in the socket");
}

#[tokio::test(start_paused = true)]
async fn what_a_stopped_process_wanted_to_do_it_does_later() {
    let broker = broker(NetFaults::none());
    let log = broker.client("stopped");
    log.freeze();
    assert!(hangs(10 * SECOND, log.publish(&message("one"), None)).await);
    assert_eq!(count(&broker), 0);
    log.thaw();
    assert_eq!(count(&broker), 1);
}

#[tokio::test(start_paused = true)]
async fn an_answer_waits_for_a_stopped_process() {
    let broker = broker(NetFaults { latency_ms: (100, 100), ..NetFaults::none() });
    let log = broker.client("stopped");
    let message = message("one");
    let stop = async {
        pass(SECOND / 20).await;
        log.freeze();
        pass(2 * SECOND).await;
        assert_eq!(count(&broker), 1, "it was sent");
        log.thaw();
    };
    let started = tokio::time::Instant::now();
    let (outcome, ()) = tokio::join!(log.publish(&message, None), stop);
    assert!(outcome.is_ok() && started.elapsed() > 2 * SECOND);
}

#[tokio::test(start_paused = true)]
async fn a_stopped_member_loses_its_messages_to_another() {
    let broker = broker(NetFaults::none());
    let (log, other) = (broker.client("stopped"), broker.client("other"));
    let (_consumer, delivery) = in_hand(&broker, &log).await;
    log.freeze();
    let again = take(&mut other.consume(STREAM, DURABLE)).await;
    assert_eq!(again.deliveries(), 2);
    assert!(hangs(SECOND, delivery.ack()).await);
    log.thaw();
    assert!(broker.consumer_state(DURABLE).unacked.is_empty(), "its answer counts all the same");
}
