//! The read model on every database: the same rows whichever stream was read first, and nobody left waiting.

mod look_ups;

use std::{borrow::Cow, time::Duration};

use events::{
    Envelope, EventData, Money, OrderId, Timestamp, TraceId,
    catalogue::{INVENTORY, ORDERS, PAYMENTS, REQUESTS},
    inventory::StockReserved,
    orders::{CancelReason, Line, OrderCancelled, OrderConfirmed, OrderCreated, RefundRequested},
    payments::PaymentRefunded,
};
use messaging::{
    headers::{Headers, POSITIONS},
    log::Stored,
};
use projection::{
    Handle, Projector, ProjectorConfig, Store,
    testing::{self, MemoryStreams},
};
use prometheus::Registry;
use testkit::eventually;
use tokio::{sync::watch, task::JoinSet};
use tokio_util::sync::CancellationToken;

use super::{OrdersProjection, change::Stage};
use crate::{
    metrics::Metrics,
    read_model::{Filter, Order, ReadModel},
    waiters::Waiters,
};

const SOON: Duration = Duration::from_secs(30);

/// The read model of some streams, being kept.
struct Rig {
    streams: MemoryStreams,
    orders: ReadModel,
    waiters: Waiters,
    reflected: watch::Receiver<u64>,
    handle: Handle,
    registry: Registry,
    stop: CancellationToken,
    running: JoinSet<()>,
}

impl Rig {
    async fn start(url: &str) -> Self {
        Self::start_on(url, MemoryStreams::default()).await
    }

    /// With what stands in these streams already.
    async fn start_on(url: &str, streams: MemoryStreams) -> Self {
        let store = Store::open(url).await.unwrap();
        let (registry, waiters) = (Registry::new(), Waiters::default());
        let (reflects, reflected) = watch::channel(0);
        let metrics = Metrics::register(&registry).unwrap();
        let projection = OrdersProjection::new(waiters.clone(), reflects, metrics);
        let own = projection::Metrics::register(&registry).unwrap();
        let config = ProjectorConfig::PROMPT;
        let (projector, handle) = Projector::new(store.clone(), streams.clone(), projection, config, &own);
        let stop = CancellationToken::new();
        let mut running = JoinSet::new();
        let until = stop.clone();
        running.spawn(async move { projector.run(until).await.unwrap() });
        let orders = ReadModel::new(store);
        Self { streams, orders, waiters, reflected, handle, registry, stop, running }
    }

    /// Adds an event and waits until it is applied.
    async fn push<D: EventData>(&self, stream: &str, data: &D) {
        self.push_with(stream, data, Headers::new()).await;
    }

    async fn push_with<D: EventData>(&self, stream: &str, data: &D, headers: Headers) {
        self.push_raw(stream, D::TYPE, body(data, self.now()), headers).await;
    }

    /// Time goes on with every event, wherever it is stored.
    fn now(&self) -> Timestamp {
        let events: u64 = [ORDERS, INVENTORY, PAYMENTS].map(|def| self.streams.last(def.name)).iter().sum();
        at(i64::try_from(events).unwrap())
    }

    async fn push_raw(&self, stream: &str, subject: &str, payload: Vec<u8>, headers: Headers) {
        let (subject, payload) = (subject.to_owned(), payload.into());
        let message = Stored { sequence: 0, timestamp: self.now(), subject, headers, payload };
        let sequence = self.streams.push(stream, message);
        let applied = tokio::time::timeout(SOON, self.handle.passed(stream, sequence)).await;
        assert_eq!(applied, Ok(true), "{stream} {sequence} was applied");
    }

    async fn order(&self, id: u128) -> Option<Order> {
        self.orders.find(order(id)).await.unwrap()
    }

    /// How many orders came to an outcome, and how many seconds they took altogether.
    fn completed(&self, outcome: &str) -> (u64, f64) {
        let families = self.registry.gather();
        let family = families.iter().find(|family| family.name() == "order_completion_duration_seconds");
        let mut metrics = family.into_iter().flat_map(|family| family.get_metric());
        let metric = metrics.find(|metric| metric.get_label()[0].value() == outcome);
        metric.map_or((0, 0.0), |metric| {
            let histogram = metric.get_histogram();
            (histogram.get_sample_count(), histogram.get_sample_sum())
        })
    }

    async fn stop(mut self) {
        self.stop.cancel();
        while let Some(ended) = self.running.join_next().await {
            ended.unwrap();
        }
    }
}

fn body<D: EventData>(data: &D, timestamp: Timestamp) -> Vec<u8> {
    let envelope = Envelope {
        id: uuid::Uuid::nil(),
        kind: Cow::Borrowed(D::TYPE),
        version: D::VERSION,
        aggregate_id: Cow::Owned(data.aggregate_id()),
        timestamp,
        trace_id: TRACE,
        causation_id: uuid::Uuid::nil(),
        data,
    };
    envelope.to_body()
}

const TRACE: TraceId = TraceId([7; 16]);

fn at(second: i64) -> Timestamp {
    Timestamp(1_700_000_000_000_000 + second * 1_000_000)
}

fn order(id: u128) -> OrderId {
    OrderId(uuid::Uuid::from_u128(id))
}

fn money() -> Money {
    Money { amount: 3998, currency: "EUR".parse().unwrap() }
}

fn created(id: u128) -> OrderCreated {
    OrderCreated {
        order_id: order(id),
        customer_id: "c-1".to_owned(),
        lines: vec![Line { sku: "LAMP".to_owned(), quantity: 2, unit_price: 1999 }],
        total: money(),
        payment_method: "pm".to_owned(),
        fingerprint: "f".to_owned(),
    }
}

fn reserved(id: u128) -> StockReserved {
    let (customer_id, payment_method) = ("c-1".to_owned(), "pm".to_owned());
    StockReserved { order_id: order(id), customer_id, lines: Vec::new(), total: money(), payment_method }
}

fn confirmed(id: u128) -> OrderConfirmed {
    let (customer_id, charge_id) = ("c-1".to_owned(), "ch".to_owned());
    OrderConfirmed { order_id: order(id), customer_id, total: money(), charge_id }
}

fn cancelled(id: u128, detail: &str) -> OrderCancelled {
    OrderCancelled {
        order_id: order(id),
        customer_id: "c-1".to_owned(),
        reason: CancelReason::Customer,
        detail: Some(detail.to_owned()),
        total: money(),
        returned: Vec::new(),
    }
}

fn refund(id: u128) -> RefundRequested {
    let (customer_id, charge_id) = ("c-1".to_owned(), "ch".to_owned());
    RefundRequested { order_id: order(id), customer_id, charge_id, amount: money() }
}

fn refunded(id: u128) -> PaymentRefunded {
    PaymentRefunded {
        order_id: order(id),
        customer_id: "c-1".to_owned(),
        charge_id: "ch".to_owned(),
        refund_id: "re".to_owned(),
        amount: money(),
    }
}

async fn push_orders(rig: &Rig, id: u128) {
    rig.push(ORDERS.name, &created(id)).await;
    rig.push(ORDERS.name, &confirmed(id)).await;
    rig.push(ORDERS.name, &cancelled(id, "too blue")).await;
    rig.push(ORDERS.name, &refund(id)).await;
}

#[tokio::test]
async fn the_row_is_the_same_whichever_stream_comes_first() {
    for database in testing::databases().await {
        let rig = Rig::start(database.url()).await;
        let mut rows = Vec::new();
        for (id, sequence) in ["OIP", "OPI", "IOP", "IPO", "POI", "PIO"].into_iter().enumerate() {
            let id = id as u128;
            for stream in sequence.chars() {
                match stream {
                    'O' => push_orders(&rig, id).await,
                    'I' => rig.push(INVENTORY.name, &reserved(id)).await,
                    _ => rig.push(PAYMENTS.name, &refunded(id)).await,
                }
            }
            rows.push(rig.order(id).await.unwrap());
        }
        for (id, row) in rows.iter().enumerate() {
            let id = id as u128;
            let expected = Order {
                order_id: order(id),
                place: i64::try_from(id).unwrap() * 4 + 1,
                customer_id: "c-1".to_owned(),
                lines: r#"[{"sku":"LAMP","quantity":2,"unit_price":1999}]"#.to_owned(),
                total: money(),
                fingerprint: "f".to_owned(),
                created_at: row.created_at,
                trace_id: TRACE,
                stage: Stage::Cancelled,
                reason: Some("customer".to_owned()),
                detail: Some("too blue".to_owned()),
                charge_id: Some("ch".to_owned()),
                refund_due: 3998,
                refunded: 3998,
                refund_id: Some("re".to_owned()),
                // Six events, a second apart.
                updated_at: at(i64::try_from(id).unwrap() * 6 + 5),
                version: 6,
            };
            assert_eq!(*row, expected);
        }
        rig.stop().await;
    }
}

/// The broker forgets the ids of events in time. What is stored again after that is told again.
#[tokio::test]
async fn a_refund_that_is_told_again_is_counted_once() {
    for database in testing::databases().await {
        let rig = Rig::start(database.url()).await;
        push_orders(&rig, 1).await;
        let other = PaymentRefunded { refund_id: "other".to_owned(), ..refunded(1) };
        for told in [refunded(1), refunded(1), other.clone(), refunded(1), other] {
            rig.push(PAYMENTS.name, &told).await;
        }
        assert_eq!(rig.order(1).await.unwrap().refunded, 2 * 3998);
        rig.stop().await;
    }
}

#[tokio::test]
async fn what_came_in_advance_is_not_shown_before_the_order_exists() {
    let database = testing::sqlite();
    let rig = Rig::start(database.url()).await;
    rig.push(INVENTORY.name, &reserved(1)).await;
    assert_eq!(rig.order(1).await, None);
    assert_eq!(rig.orders.list(&Filter::default(), 10).await.unwrap(), []);
    rig.push(ORDERS.name, &created(1)).await;
    assert_eq!(rig.order(1).await.unwrap().stage, Stage::AwaitingPayment);
    rig.stop().await;
}

#[tokio::test]
async fn those_who_wait_are_woken_and_told_how_far_the_requests_are_reflected() {
    let database = testing::sqlite();
    let rig = Rig::start(database.url()).await;
    let (one, other) = (rig.waiters.register(order(1)), rig.waiters.register(order(2)));
    rig.push(ORDERS.name, &created(1)).await;
    assert_eq!(rig.waiters.awaited().len(), 2, "an open order wakes nobody");

    let mut positions = Headers::new();
    positions.set(POSITIONS, "PAYMENTS=3,REQUESTS=12");
    rig.push_with(ORDERS.name, &confirmed(1), positions).await;
    tokio::time::timeout(SOON, one.settled()).await.unwrap();
    let mut reflected = rig.reflected.clone();
    tokio::time::timeout(SOON, reflected.wait_for(|reflected| *reflected == 12)).await.unwrap().unwrap();
    assert_eq!(rig.orders.reflected(REQUESTS.name).await.unwrap(), 12);

    // A copy of what somebody else has written tells nothing of the journal.
    let mut forged = Headers::new();
    forged.set(POSITIONS, "REQUESTS=1000");
    rig.push_raw(ORDERS.name, "dead_letters.audit-service", b"{}".to_vec(), forged).await;
    assert_eq!((*reflected.borrow(), rig.orders.reflected(REQUESTS.name).await.unwrap()), (12, 12));

    // What is settled is known to the database too, for those whom another process has to wake.
    assert_eq!(rig.orders.settled(&[order(1), order(2)]).await.unwrap(), [order(1)]);
    assert_eq!(rig.waiters.awaited(), [order(2)]);
    drop(other);
    rig.stop().await;
}

#[tokio::test]
async fn what_cannot_be_read_or_stored_stops_nothing() {
    for database in testing::databases().await {
        let rig = Rig::start(database.url()).await;
        rig.push(ORDERS.name, &created(1)).await;
        for (subject, body) in [
            (OrderCreated::TYPE, &b"no JSON"[..]),
            (OrderCreated::TYPE, b"{}"),
            ("orders.control", b"{}"),
            ("orders.invented", b"{}"),
        ] {
            rig.push_raw(ORDERS.name, subject, body.to_vec(), Headers::new()).await;
        }
        rig.push(ORDERS.name, &cancelled(1, "zero \0 byte")).await;
        let shown = rig.order(1).await.unwrap();
        assert_eq!((shown.stage, shown.detail.as_deref()), (Stage::Cancelled, Some("zero \u{fffd} byte")));
        eventually(SOON, "the count of what was left out", async || {
            let families = rig.registry.gather();
            let skipped = families.iter().find(|family| family.name() == "order_read_model_skipped_total");
            skipped.map(|family| family.get_metric()[0].get_counter().get_value()) == Some(2.0)
        })
        .await;
        rig.stop().await;
    }
}

#[tokio::test]
async fn each_order_is_timed_once_until_its_first_outcome_is_stored() {
    for database in testing::databases().await {
        let rig = Rig::start(database.url()).await;
        // Accepted in second 0, confirmed in second 2; that it is cancelled later is no second outcome.
        rig.push(ORDERS.name, &created(1)).await;
        rig.push(INVENTORY.name, &reserved(1)).await;
        rig.push(ORDERS.name, &confirmed(1)).await;
        rig.push(ORDERS.name, &cancelled(1, "too blue")).await;
        // Accepted in second 4, cancelled in second 5.
        rig.push(ORDERS.name, &created(2)).await;
        rig.push(ORDERS.name, &cancelled(2, "too late")).await;
        // What is told of the last batch may come a moment after its rows.
        eventually(SOON, "the times of both orders", async || rig.completed("cancelled").0 == 1).await;
        assert_eq!((rig.completed("confirmed"), rig.completed("cancelled")), ((1, 2.0), (1, 1.0)));
        rig.stop().await;
    }
}

#[tokio::test]
async fn an_order_whose_whole_life_is_one_batch_is_timed_too() {
    let (database, streams) = (testing::sqlite(), MemoryStreams::default());
    let add = |subject: &str, payload: Vec<u8>, timestamp| {
        let (subject, payload) = (subject.to_owned(), payload.into());
        streams
            .push(ORDERS.name, Stored { sequence: 0, timestamp, subject, headers: Headers::new(), payload })
    };
    add(OrderCreated::TYPE, body(&created(1), at(0)), at(0));
    // The request that an event follows from may be older than the event.
    let last = add(OrderConfirmed::TYPE, body(&confirmed(1), at(2)), at(3));
    let rig = Rig::start_on(database.url(), streams).await;
    assert!(rig.handle.passed(ORDERS.name, last).await);
    eventually(SOON, "the time of the order", async || rig.completed("confirmed") == (1, 3.0)).await;
    rig.stop().await;
}
