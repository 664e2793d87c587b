//! A broker, a gateway, the service between them, and what is asked of it.

use std::collections::BTreeMap;

use events::{
    EventData, RawEnvelope, Timestamp, ids, inventory::StockReserved, orders::Quantity,
    payments::PaymentEvent,
};
use gateway_sim::{Operation, Options, TestGateway, spawn_for_tests};
use messaging::log::{Log, Stored};
use payment_service::Config;
use runtime::Process;
use service::{
    BrokerArgs, ReachArgs,
    testing::{SOON, Streams, euros, event, order},
};
use testkit::{Broker, eventually};

/// A broker that is set up, a gateway, and a process for the service between them.
pub(crate) struct Rig {
    pub(crate) broker: Broker,
    pub(crate) streams: Streams,
    pub(crate) gateway: TestGateway,
    pub(crate) process: Process,
    /// Seconds; the service's `--gateway-timeout`.
    pub(crate) timeout: u64,
    /// Seconds; the service's `--gateway-settle`.
    pub(crate) settle: u64,
    pub(crate) max_attempts: u64,
}

impl Rig {
    pub(crate) async fn started() -> Self {
        let rig = Self::idle().await;
        rig.start().await;
        rig
    }

    pub(crate) async fn idle() -> Self {
        let broker = testkit::broker().await;
        let streams = Streams::set_up(&broker.url()).await;
        let gateway = spawn_for_tests(Options::for_tests()).await.unwrap();
        Self { broker, streams, gateway, process: process(), timeout: 5, settle: 1, max_attempts: 8 }
    }

    /// Ends the service without giving it time for what it has in hand, and begins another in its place.
    pub(crate) async fn replace(&mut self) {
        self.process.shutdown().request("test");
        self.process.shutdown().hard().cancel();
        self.process.stop().await;
        self.process = process();
        self.start().await;
    }

    pub(crate) async fn start(&self) {
        let config = Config {
            broker: BrokerArgs {
                reach: ReachArgs::open(self.broker.url()),
                instance: "payment-1".to_owned(),
            },
            gateway_url: self.gateway.base_url().to_owned(),
            gateway_ca_file: None,
            gateway_timeout: self.timeout,
            gateway_settle: self.settle,
            look_first: false,
            concurrency: 16,
            max_attempts: self.max_attempts,
            breaker_failures: 5,
            breaker_open: 1,
            breaker_open_max: 2,
        };
        payment_service::start(config, self.process.clone()).await.unwrap();
    }

    /// Publishes an event `times` over, as different messages of the stream.
    pub(crate) async fn publish<D: EventData>(&self, data: &D, times: usize) {
        let now = Timestamp(i64::try_from(self.process.clock().unix_micros()).unwrap());
        for _time in 0..times {
            let count = self.streams.last("INVENTORY").await + self.streams.last("ORDERS").await;
            let mut message = event(ids::derive(&["test", D::TYPE, &count.to_string()]), data);
            // Of today: what is older than the gateway's memory is looked up before it is paid for the first time.
            let mut body: serde_json::Value = serde_json::from_slice(&message.payload).unwrap();
            body["timestamp"] = serde_json::json!(now);
            message.payload = body.to_string().into();
            self.streams.log.publish(&message, None).await.unwrap();
        }
    }

    /// Waits for so many messages in PAYMENTS.
    pub(crate) async fn payments(&self, count: usize) -> Vec<Stored> {
        eventually(SOON, "the payments", async || {
            let found = self.streams.all("PAYMENTS").await;
            if found.len() >= count { Ok(found) } else { Err(format!("{} of {count}", found.len())) }
        })
        .await
    }

    /// How often each order's card was charged, by the gateway's books: the orders and their captures.
    pub(crate) fn captures(&self) -> BTreeMap<String, usize> {
        let mut captures = BTreeMap::new();
        for entry in self.gateway.sim().entries() {
            if matches!(entry.operation, Operation::Capture { .. }) {
                *captures.entry(entry.order_id.clone()).or_default() += 1;
            }
        }
        captures
    }

    /// Stops the service, which must leave nothing behind, and gives what became of the messages nobody could handle.
    pub(crate) async fn stop(self) -> u64 {
        assert!(self.process.stop().await, "everything in hand was finished");
        self.streams.last("DEAD_LETTERS").await
    }
}

fn process() -> Process {
    Process::for_tests("payment-service")
}

pub(crate) fn decode(message: &Stored) -> PaymentEvent {
    PaymentEvent::decode(&RawEnvelope::parse(&message.payload).unwrap()).unwrap()
}

pub(crate) fn reserved(number: u128, payment_method: &str) -> StockReserved {
    StockReserved {
        order_id: order(number),
        customer_id: "c-1".to_owned(),
        lines: vec![Quantity { sku: "A".to_owned(), quantity: 1 }],
        total: euros(4_497),
        payment_method: payment_method.to_owned(),
    }
}
