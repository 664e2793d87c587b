//! Messages, and waiting on the simulated clock.

use std::time::Duration;

use messaging::{
    headers::{Headers, MSG_ID},
    log::{Consumer, Log, Message},
};
use testkit::simulated::{NetFaults, SimBroker, SimConsumer, SimDelivery};

pub(crate) const STREAM: &str = "ORDERS";
pub(crate) const DURABLE: &str = "payment-refund";
pub(crate) const SUBJECT: &str = "orders.refund_requested";

pub(crate) fn broker(faults: NetFaults) -> SimBroker {
    SimBroker::new(7, faults)
}

pub(crate) fn message(id: &str) -> Message {
    let mut headers = Headers::new();
    headers.set(MSG_ID, id);
    Message { subject: SUBJECT.to_owned(), headers, payload: id.to_owned().into_bytes().into() }
}

pub(crate) fn count(broker: &SimBroker) -> usize {
    broker.messages(STREAM).len()
}

/// Whether it is still not over after so long.
pub(crate) async fn hangs<T>(within: Duration, work: impl Future<Output = T>) -> bool {
    tokio::time::timeout(within, work).await.is_err()
}

/// Lets the clock run.
pub(crate) async fn pass(time: Duration) {
    assert!(hangs(time, std::future::pending::<()>()).await);
}

/// A member with one message in its hands, which is in the stream from the start.
pub(crate) async fn in_hand(
    broker: &SimBroker,
    log: &impl Log<Consumer = SimConsumer>,
) -> (SimConsumer, SimDelivery) {
    broker.publish_raw(message("one")).unwrap();
    let mut consumer = log.consume(STREAM, DURABLE);
    let delivery = take(&mut consumer).await;
    (consumer, delivery)
}

pub(crate) async fn take(consumer: &mut SimConsumer) -> SimDelivery {
    let taken = tokio::time::timeout(Duration::from_secs(120), consumer.next(1)).await;
    taken.unwrap_or_else(|_| panic!("nothing came")).remove(0)
}

/// The next delivery, and how much later it comes than now.
pub(crate) async fn take_after(consumer: &mut SimConsumer) -> (SimDelivery, Duration) {
    let started = tokio::time::Instant::now();
    (take(consumer).await, started.elapsed())
}
