//! Those who call: they place orders, cancel some, put things in stock, and remember what they were told.

use std::{
    borrow::Cow,
    sync::{Arc, Mutex, PoisonError},
    time::Duration,
};

use events::{
    Envelope, EventData, OrderId, TraceId, ids,
    requests::{AdjustStock, CancelOrder, PlaceOrder, StockChange},
};
use messaging::{log::Message, trace::TraceContext};
use order_service::intake;
use serde_json::json;
use tokio_util::task::TaskTracker;
use uuid::Uuid;

use crate::{
    chance::{Chance, pass},
    post::NOBODY,
    role::Role,
    world::World,
};

/// What there is to buy; of the last there is never enough.
const SKUS: [&str; 4] = ["mug", "lamp", "chair", "diamond"];
/// From this number on orders are those that an operator mends.
pub(crate) const MENDED: u64 = 1_000;
/// How often a caller asks again who was told that it may or may not have been taken.
const PATIENCE: u64 = 12;

/// All callers.
pub(crate) struct Shoppers {
    world: Arc<World>,
    tasks: TaskTracker,
    accepted: Arc<Mutex<Vec<OrderId>>>,
}

impl Shoppers {
    pub(crate) fn new(world: &Arc<World>) -> Self {
        Self { world: Arc::clone(world), tasks: TaskTracker::new(), accepted: Arc::default() }
    }

    /// The orders of which a caller was told that they are accepted.
    pub(crate) fn accepted(&self) -> Vec<OrderId> {
        self.accepted.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }

    /// Begins to call; all of it happens within the plan's horizon.
    pub(crate) fn begin(&self) {
        for sku in SKUS {
            self.adjust(sku, if sku == "diamond" { StockChange::To(2) } else { StockChange::To(60) }, 0);
        }
        let horizon = u64::try_from(self.world.plan.horizon.as_millis()).unwrap_or(0);
        let chance = &self.world.chance;
        for _ in 0..chance.number(0..6) {
            let change = StockChange::By(i64::try_from(chance.number(0..20)).unwrap_or(0) - 8);
            self.adjust(chance.pick(&SKUS), change, chance.number(1_000..horizon));
        }
        for number in 0..self.world.plan.orders {
            self.order(number, chance.number(500..horizon));
        }
    }

    /// Waits until every caller has been told something, or has given up.
    pub(crate) async fn end(&self) {
        self.tasks.close();
        self.tasks.wait().await;
    }

    fn adjust(&self, sku: &'static str, change: StockChange, after_ms: u64) {
        let world = Arc::clone(&self.world);
        let number = world.chance.any().to_string();
        let adjustment_id = ids::derive(&["adjustment", sku, &number]);
        let wish = AdjustStock { adjustment_id, sku: sku.to_owned(), change, reason: None };
        self.tasks.spawn(async move {
            pass(Duration::from_millis(after_ms)).await;
            insist(&world, Role::Inventory, adjustment_id, &wish, "adjust").await;
        });
    }

    fn order(&self, number: u64, after_ms: u64) {
        let (world, accepted) = (Arc::clone(&self.world), Arc::clone(&self.accepted));
        let chance = world.chance.fork();
        self.tasks.spawn(async move {
            pass(Duration::from_millis(after_ms)).await;
            let Some(wish) = wish(&chance, number) else { return };
            let id = ids::derive(&[PlaceOrder::TYPE, &wish.order_id.to_string()]);
            if insist(&world, Role::Order, id, &wish, "place").await {
                accepted.lock().unwrap_or_else(PoisonError::into_inner).push(wish.order_id);
            }
            if chance.hits(0.15) {
                world.trace.sometimes("an order is placed twice under its key");
                insist(&world, Role::Order, id, &wish, "place again").await;
            }
            if chance.hits(0.3) {
                pass(chance.millis(0..20_000)).await;
                let cancel = CancelOrder { order_id: wish.order_id, reason: None };
                let id = ids::derive(&[CancelOrder::TYPE, &wish.order_id.to_string()]);
                insist(&world, Role::Order, id, &cancel, "cancel").await;
            }
        });
    }
}

/// The content of an order, read by the rules of the real service.
pub(crate) fn wish(chance: &Chance, number: u64) -> Option<PlaceOrder> {
    let customer = if chance.hits(0.08) { NOBODY.to_owned() } else { format!("c-{}", chance.number(0..8)) };
    let card = if chance.hits(0.12) { "tok_charge_declined" } else { "tok_visa" };
    let first = chance.number(0..SKUS.len() as u64);
    let lines: Vec<_> = (0..chance.number(1..3))
        .filter_map(|line| SKUS.get(usize::try_from((first + line) % SKUS.len() as u64).ok()?))
        .map(
            |sku| json!({"sku": sku, "quantity": chance.number(1..4), "unit_price": chance.number(1..5_000)}),
        )
        .collect();
    let body = json!({"customer_id": customer, "currency": "EUR", "lines": lines, "payment_method": card});
    let content = intake::read_order(body.to_string().as_bytes()).ok()?;
    let fingerprint = content.fingerprint();
    let intake::Content { customer_id, lines, total, payment_method } = content;
    let order_id = OrderId::from_key(&customer_id, &format!("cart {number}"));
    Some(PlaceOrder { order_id, customer_id, lines, total, payment_method, fingerprint })
}

/// Sends a request until it is stored for certain, as a patient caller does; says whether it was.
async fn insist<D: EventData>(world: &World, role: Role, id: Uuid, wish: &D, what: &str) -> bool {
    for attempt in 0..PATIENCE {
        if attempt > 0 {
            world.trace.sometimes("a caller asks again");
            pass(world.chance.millis(200..3_000)).await;
        }
        let Some(door) = world.door(role) else { continue };
        let message = request(id, wish, door.now);
        let asked = door.body.contain(async move { door.requests.try_publish(message).await });
        let outcome = tokio::time::timeout(Duration::from_secs(22), asked).await;
        let stored = matches!(&outcome, Ok(Some(Ok(_))));
        world.trace.note("caller", what, attempt, || {
            let told = match &outcome {
                Ok(Some(Ok(ack))) => format!("stored as {}", ack.sequence),
                Ok(Some(Err(error))) => error.to_string(),
                Ok(None) => "the connection broke".to_owned(),
                Err(_) => "no answer in time".to_owned(),
            };
            format!("{} -> {told}", wish.aggregate_id())
        });
        if stored {
            return true;
        }
    }
    world.trace.sometimes("a caller gives up");
    false
}

/// A request as a service sends it.
pub(crate) fn request<D: EventData>(id: Uuid, wish: &D, now: events::Timestamp) -> Message {
    let trace_id = TraceId(*id.as_bytes());
    let envelope = Envelope {
        id,
        kind: Cow::Borrowed(D::TYPE),
        version: D::VERSION,
        aggregate_id: Cow::Owned(wish.aggregate_id()),
        timestamp: now,
        trace_id,
        causation_id: Uuid::nil(),
        data: wish,
    };
    Message::event(&envelope, &TraceContext::unsampled(trace_id))
}
