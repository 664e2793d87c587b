//! The whole service against a real broker and a gateway: each payment once, whatever is delivered twice.
#![expect(clippy::unwrap_used, reason = "a failed setup fails the test")]

use std::{borrow::Cow, time::Duration};

use events::{
    Envelope, EventData, Money, OrderId, RawEnvelope, Timestamp, TraceId,
    catalogue::PAYMENT_CHARGE,
    inventory::StockReserved,
    orders::{Quantity, RefundRequested},
    payments::{PaymentCaptured, PaymentDeclined, PaymentEvent, PaymentRefunded},
};
use gateway_sim::{Faults, Options, TestGateway, spawn_for_tests};
use messaging::{
    jetstream::{ConnectOptions, JetStream},
    log::{Consumer, Delivery, Log, Message, Stored},
    topology::{self, TopologyOptions},
    trace::TraceContext,
};
use payment_service::{
    Config,
    gateway::{ChargeOutcome, ChargeRequest, Gateway, HttpGateway},
};
use runtime::Process;
use service::BrokerConfig;
use testkit::{Broker, eventually};
use uuid::Uuid;

const SOON: Duration = Duration::from_secs(30);

/// A broker that is set up, a gateway, and a process for the service between them.
struct Rig {
    broker: Broker,
    log: JetStream,
    gateway: TestGateway,
    process: Process,
}

impl Rig {
    async fn started() -> Self {
        let rig = Self::idle().await;
        rig.start().await;
        rig
    }

    async fn idle() -> Self {
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

    async fn start(&self) {
        let config = Config {
            broker: BrokerConfig { nats_url: self.broker.url(), instance: "payment-1".to_owned() },
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
    async fn publish<D: EventData>(&self, data: &D, times: u128) {
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
    async fn payments(&self, count: u64) -> Vec<Stored> {
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
    async fn stop(self) -> u64 {
        assert!(self.process.stop().await, "everything in hand was finished");
        self.log.extent("DEAD_LETTERS").await.unwrap().last
    }
}

fn decode(message: &Stored) -> PaymentEvent {
    PaymentEvent::decode(&RawEnvelope::parse(&message.payload).unwrap()).unwrap()
}

fn euros(amount: i64) -> Money {
    Money { amount, currency: "EUR".parse().unwrap() }
}

fn reserved(order: u128, payment_method: &str) -> StockReserved {
    StockReserved {
        order_id: OrderId(Uuid::from_u128(order)),
        customer_id: "c-1".to_owned(),
        lines: vec![Quantity { sku: "A".to_owned(), quantity: 1 }],
        total: euros(4_497),
        payment_method: payment_method.to_owned(),
    }
}

#[tokio::test]
async fn a_charge_and_its_refund_happen_once_however_often_they_are_delivered() {
    let rig = Rig::started().await;
    rig.publish(&reserved(1, "tok_visa"), 3).await;
    let payments = rig.payments(3).await;
    let raw = RawEnvelope::parse(&payments[0].payload).unwrap();
    assert_eq!((raw.kind.as_ref(), raw.trace_id), (PaymentCaptured::TYPE, TraceId([5; 16])));
    assert!(payments[0].headers.get("traceparent").unwrap().contains(&raw.trace_id.to_string()));
    let events: Vec<_> = payments.iter().map(decode).collect();
    let PaymentEvent::Captured(captured) = &events[0] else { panic!("{:?}", events[0]) };
    assert_eq!(captured.amount, euros(4_497));
    assert!(events.iter().all(|event| *event == events[0]), "each delivery hears of the one charge");

    let refund = RefundRequested {
        order_id: captured.order_id,
        customer_id: "c-1".to_owned(),
        charge_id: captured.charge_id.clone(),
        amount: captured.amount,
    };
    rig.publish(&refund, 2).await;
    let payments = rig.payments(5).await;
    let PaymentEvent::Refunded(PaymentRefunded { charge_id, .. }) = decode(&payments[3]) else { panic!() };
    assert_eq!(charge_id, captured.charge_id);

    let ledger = rig.gateway.sim().summary();
    assert_eq!((ledger.captured, ledger.refunds, ledger.declined), (1, 1, 0));
    assert_eq!(rig.stop().await, 0);
}

#[tokio::test]
async fn the_same_message_published_twice_is_one_payment() {
    let rig = Rig::started().await;
    rig.publish(&reserved(1, "tok_visa"), 1).await;
    rig.publish(&reserved(1, "tok_visa"), 1).await;
    rig.publish(&reserved(2, "tok_expired_card"), 1).await;
    let mut payments: Vec<_> = rig.payments(2).await.iter().map(decode).collect();
    payments.sort_by_key(|payment| matches!(payment, PaymentEvent::Declined(_)));
    let [PaymentEvent::Captured(_), PaymentEvent::Declined(PaymentDeclined { code, .. })] = &payments[..]
    else {
        panic!("{payments:?}")
    };
    assert_eq!(code, "expired_card");
    assert_eq!(rig.gateway.sim().summary().captured, 1);
    assert_eq!(rig.stop().await, 0);
}

#[tokio::test]
async fn a_charge_whose_maker_crashed_is_found_by_the_next() {
    let rig = Rig::idle().await;
    let reserved = reserved(1, "tok_visa");
    rig.publish(&reserved, 1).await;

    // Somebody takes the message twice and charges the card, but never gets to say so.
    let mut crashing = rig.log.consume(PAYMENT_CHARGE.stream, PAYMENT_CHARGE.durable, 0);
    crashing.next().await.hand_back(Duration::ZERO).await.unwrap();
    let delivery = crashing.next().await;
    let gateway = HttpGateway::new(rig.gateway.base_url(), SOON).unwrap();
    let charge = ChargeRequest {
        order_id: reserved.order_id.0,
        amount: reserved.total.amount,
        currency: "EUR".to_owned(),
        payment_method: reserved.payment_method,
        customer_id: reserved.customer_id,
    };
    let ChargeOutcome::Captured { charge_id: first } = gateway.charge(&charge).await.unwrap() else {
        panic!()
    };
    delivery.hand_back(Duration::ZERO).await.unwrap();
    drop(crashing);

    rig.start().await;
    let PaymentEvent::Captured(PaymentCaptured { charge_id, .. }) = decode(&rig.payments(1).await[0]) else {
        panic!()
    };
    let ledger = rig.gateway.sim().summary();
    assert_eq!((charge_id, ledger.captured, ledger.replays), (first, 1, 0), "found, not asked for again");
    assert_eq!(rig.stop().await, 0);
}

#[tokio::test]
async fn an_outage_delays_payments_and_parks_none() {
    let rig = Rig::started().await;
    rig.gateway.sim().set_faults(Faults { outage: true, ..Faults::default() });
    for order in 1..=20 {
        rig.publish(&reserved(order, "tok_visa"), 1).await;
    }
    // Enough for the breaker to open, and for probes in vain after that.
    eventually(SOON, "probes", async || rig.gateway.sim().summary().requests > 22).await;
    rig.gateway.sim().set_faults(Faults::default());
    let payments = rig.payments(20).await;
    assert_eq!((payments.len(), rig.gateway.sim().summary().captured), (20, 20));
    assert_eq!(rig.stop().await, 0);
}
