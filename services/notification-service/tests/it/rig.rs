//! A broker, the service on it, and what happens to orders.

use std::{borrow::Cow, time::Duration};

use events::{
    Envelope, EventData, Money, OrderId, RawEnvelope, Timestamp, TraceId,
    notifications::NotificationEvent,
    orders::{CancelReason, OrderCancelled, OrderConfirmed},
    payments::PaymentRefunded,
};
use messaging::{
    headers::Headers,
    jetstream::{ConnectOptions, JetStream},
    log::{Log, Message, Stored},
    topology::{self, TopologyOptions},
    trace::TraceContext,
};
use notification_service::Config;
use runtime::Process;
use service::BrokerArgs;
use testkit::{Broker, eventually};
use uuid::Uuid;

pub(crate) const SOON: Duration = Duration::from_secs(30);

/// A broker that is set up, and a process for the service.
pub(crate) struct Rig {
    pub(crate) broker: Broker,
    pub(crate) log: JetStream,
    pub(crate) process: Process,
}

impl Rig {
    pub(crate) async fn idle() -> Self {
        let broker = testkit::broker().await;
        let options =
            ConnectOptions { urls: broker.url(), service: "test".to_owned(), instance: "test".to_owned() };
        let log = JetStream::connect(options).await.unwrap();
        log.connected().wait_for(|connected| *connected).await.unwrap();
        let options = TopologyOptions { max_bytes: 64 << 20, ..TopologyOptions::default() };
        topology::setup(&log, &options).await.unwrap();
        Self { broker, log, process: Process::for_tests("notification-service") }
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
        let broker = BrokerArgs { nats_url: self.broker.url(), instance: "notification-1".to_owned() };
        Config { broker, concurrency: 8, max_attempts: 8 }
    }

    /// Publishes an event as journals do: without an id of its own in the headers, so that it is stored each time.
    pub(crate) async fn publish<D: EventData>(&self, data: &D) -> Uuid {
        let id = events::ids::derive(&["test", D::TYPE, &data.aggregate_id()]);
        let envelope = Envelope {
            id,
            kind: Cow::Borrowed(D::TYPE),
            version: D::VERSION,
            aggregate_id: Cow::Owned(data.aggregate_id()),
            timestamp: Timestamp(1_700_000_000_000_000),
            trace_id: TraceId([5; 16]),
            causation_id: Uuid::nil(),
            data,
        };
        let mut headers = Headers::new();
        TraceContext::unsampled(envelope.trace_id).inject(&mut headers);
        self.store(D::TYPE, headers, envelope.to_body()).await;
        id
    }

    pub(crate) async fn store(&self, subject: &str, headers: Headers, body: Vec<u8>) {
        let message = Message { subject: subject.to_owned(), headers, payload: body.into() };
        self.log.publish(&message, None).await.unwrap();
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
        self.all("NOTIFICATIONS").await
    }

    pub(crate) async fn all(&self, stream: &str) -> Vec<Stored> {
        let mut found = Vec::new();
        for sequence in 1..=self.log.extent(stream).await.unwrap().last {
            found.push(self.log.get(stream, sequence).await.unwrap().unwrap());
        }
        found
    }

    /// Stops the service, which must leave nothing behind, and gives the messages nobody could handle.
    pub(crate) async fn stop(self) -> Vec<Stored> {
        assert!(self.process.stop().await, "everything in hand was finished");
        self.all("DEAD_LETTERS").await
    }
}

pub(crate) fn decode(message: &Stored) -> NotificationEvent {
    NotificationEvent::decode(&RawEnvelope::parse(&message.payload).unwrap()).unwrap()
}

pub(crate) fn euros(amount: i64) -> Money {
    Money { amount, currency: "EUR".parse().unwrap() }
}

pub(crate) fn order(number: u128) -> OrderId {
    OrderId(Uuid::from_u128(number))
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
