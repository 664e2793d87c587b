//! A broker, the service on it, and what happens to orders.

use events::{
    EventData, RawEnvelope, ids,
    notifications::NotificationEvent,
    orders::{CancelReason, OrderCancelled, OrderConfirmed},
    payments::PaymentRefunded,
};
use messaging::{
    headers::Headers,
    log::{Log, Message, Stored},
    trace::TraceContext,
};
use notification_service::Config;
use runtime::Process;
use service::{
    BrokerArgs, ReachArgs,
    testing::{SOON, Streams, TRACE, euros, event, order},
};
use testkit::{Broker, eventually};
use uuid::Uuid;

/// A broker that is set up, and a process for the service.
pub(crate) struct Rig {
    pub(crate) broker: Broker,
    pub(crate) streams: Streams,
    pub(crate) process: Process,
}

impl Rig {
    pub(crate) async fn idle() -> Self {
        let broker = testkit::broker().await;
        let streams = Streams::set_up(&broker.url()).await;
        Self { broker, streams, process: Process::for_tests("notification-service") }
    }

    pub(crate) async fn started() -> Self {
        let rig = Self::idle().await;
        rig.start().await;
        rig
    }

    pub(crate) async fn start(&self) {
        notification_service::start(self.config(), self.process.clone()).await.unwrap();
    }

    pub(crate) fn config(&self) -> Config {
        let broker =
            BrokerArgs { reach: ReachArgs::open(self.broker.url()), instance: "notification-1".to_owned() };
        Config { broker, concurrency: 8, max_attempts: 8 }
    }

    /// Publishes an event as journals do: without an id of its own in the headers, so that it is stored each time.
    pub(crate) async fn publish<D: EventData>(&self, data: &D) -> Uuid {
        let id = ids::derive(&["test", D::TYPE, &data.aggregate_id()]);
        let mut headers = Headers::new();
        TraceContext::unsampled(TRACE).inject(&mut headers);
        let Message { subject, payload, .. } = event(id, data);
        self.store(&subject, headers, payload.into()).await;
        id
    }

    pub(crate) async fn store(&self, subject: &str, headers: Headers, body: Vec<u8>) {
        let message = Message { subject: subject.to_owned(), headers, payload: body.into() };
        self.streams.log.publish(&message, None).await.unwrap();
    }

    /// Waits until so many deliveries are settled: then whatever a repetition leads to is there too.
    pub(crate) async fn settled(&self, inputs: u64) {
        eventually(SOON, "everything to be settled", async || {
            let families = self.process.registry().gather();
            let family = families.iter().find(|family| family.name() == "messaging_process_duration_seconds");
            let metrics = family.map(|family| family.get_metric()).unwrap_or_default();
            let settled: u64 = metrics.iter().map(|metric| metric.get_histogram().get_sample_count()).sum();
            if settled >= inputs { Ok(()) } else { Err(format!("{settled} of {inputs}")) }
        })
        .await;
    }

    pub(crate) async fn notifications(&self) -> Vec<Stored> {
        self.streams.all("NOTIFICATIONS").await
    }

    /// Stops the service, which must leave nothing behind, and gives the messages nobody could handle.
    pub(crate) async fn stop(self) -> Vec<Stored> {
        assert!(self.process.stop().await, "everything in hand was finished");
        self.streams.all("DEAD_LETTERS").await
    }
}

pub(crate) fn decode(message: &Stored) -> NotificationEvent {
    NotificationEvent::decode(&RawEnvelope::parse(&message.payload).unwrap()).unwrap()
}

pub(crate) fn confirmed(number: u128, customer: &str) -> OrderConfirmed {
    OrderConfirmed {
        order_id: order(number),
        customer_id: customer.to_owned(),
        total: euros(4_497),
        charge_id: "ch_1".to_owned(),
    }
}

pub(crate) fn cancelled(number: u128) -> OrderCancelled {
    OrderCancelled {
        order_id: order(number),
        customer_id: "c-1".to_owned(),
        reason: CancelReason::OutOfStock,
        detail: None,
        total: euros(4_497),
        returned: Vec::new(),
    }
}

pub(crate) fn refunded(number: u128) -> PaymentRefunded {
    PaymentRefunded {
        order_id: order(number),
        customer_id: "c-1".to_owned(),
        charge_id: "ch_1".to_owned(),
        refund_id: "re_1".to_owned(),
        amount: euros(4_497),
    }
}
