//! A broker, a gateway, the service between them, and what is asked of it.

use std::{borrow::Cow, time::Duration};

use events::{
    Envelope, EventData, Money, OrderId, RawEnvelope, Timestamp, TraceId, inventory::StockReserved,
    orders::Quantity, payments::PaymentEvent,
};
use gateway_sim::{Options, TestGateway, spawn_for_tests};
use messaging::{
    jetstream::{ConnectOptions, JetStream},
    log::{Log, Message, Stored},
    topology::{self, TopologyOptions},
    trace::TraceContext,
};
use payment_service::Config;
use runtime::Process;
use service::BrokerArgs;
use testkit::{Broker, eventually};
use uuid::Uuid;

pub(crate) const SOON: Duration = Duration::from_secs(30);

/// A broker that is set up, a gateway, and a process for the service between them.
pub(crate) struct Rig {
    broker: Broker,
    pub(crate) log: JetStream,
    pub(crate) gateway: TestGateway,
    process: Process,
}

impl Rig {
    pub(crate) async fn started() -> Self {
        let rig = Self::idle().await;
        rig.start().await;
        rig
    }

    pub(crate) async fn idle() -> Self {
        let broker = testkit::broker().await;
        let options =
            ConnectOptions { urls: broker.url(), service: "test".to_owned(), instance: "test".to_owned() };
        let log = JetStream::connect(options).await.unwrap();
        log.connected().wait_for(|connected| *connected).await.unwrap();
        let options = TopologyOptions { max_bytes: 64 << 20, ..TopologyOptions::default() };
        topology::setup(&log, &options).await.unwrap();

        let gateway = spawn_for_tests(Options::for_tests()).await.unwrap();
        Self { broker, log, gateway, process: Process::for_tests("payment-service") }
    }

    pub(crate) async fn start(&self) {
        let config = Config {
            broker: BrokerArgs { nats_url: self.broker.url(), instance: "payment-1".to_owned() },
            gateway_url: self.gateway.base_url().to_owned(),
            gateway_timeout: 5,
            concurrency: 16,
            max_attempts: 8,
            breaker_failures: 5,
            breaker_open: 1,
            breaker_open_max: 2,
        };
        payment_service::start(config, self.process.clone()).await.unwrap();
    }

    /// Publishes an event by hand, `times` over, as different messages of the stream.
    pub(crate) async fn publish<D: EventData>(&self, data: &D, times: u128) {
        for time in 0..times {
            let envelope = Envelope {
                id: events::ids::derive(&["test", D::TYPE, &data.aggregate_id(), &time.to_string()]),
                kind: Cow::Borrowed(D::TYPE),
                version: D::VERSION,
                aggregate_id: Cow::Owned(data.aggregate_id()),
                timestamp: Timestamp(1_700_000_000_000_000),
                trace_id: TraceId([5; 16]),
                causation_id: Uuid::nil(),
                data,
            };
            let message = Message::event(&envelope, &TraceContext::unsampled(envelope.trace_id));
            self.log.publish(&message, None).await.unwrap();
        }
    }

    /// Waits for so many messages in PAYMENTS.
    pub(crate) async fn payments(&self, count: u64) -> Vec<Stored> {
        eventually(SOON, "the payments", async || {
            let last = self.log.extent("PAYMENTS").await.map_err(|error| error.to_string())?.last;
            if last >= count { Ok(()) } else { Err(format!("{last} of {count}")) }
        })
        .await;
        let mut found = Vec::new();
        for sequence in 1..=self.log.extent("PAYMENTS").await.unwrap().last {
            found.push(self.log.get("PAYMENTS", sequence).await.unwrap().unwrap());
        }
        found
    }

    /// Stops the service, which must leave nothing behind, and gives what became of the messages nobody could handle.
    pub(crate) async fn stop(self) -> u64 {
        assert!(self.process.stop().await, "everything in hand was finished");
        self.log.extent("DEAD_LETTERS").await.unwrap().last
    }
}

pub(crate) fn decode(message: &Stored) -> PaymentEvent {
    PaymentEvent::decode(&RawEnvelope::parse(&message.payload).unwrap()).unwrap()
}

pub(crate) fn euros(amount: i64) -> Money {
    Money { amount, currency: "EUR".parse().unwrap() }
}

pub(crate) fn reserved(order: u128, payment_method: &str) -> StockReserved {
    StockReserved {
        order_id: OrderId(Uuid::from_u128(order)),
        customer_id: "c-1".to_owned(),
        lines: vec![Quantity { sku: "A".to_owned(), quantity: 1 }],
        total: euros(4_497),
        payment_method: payment_method.to_owned(),
    }
}
