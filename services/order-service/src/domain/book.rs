//! The orders that are remembered: the fold of the ORDERS journal.

use std::collections::{BTreeMap, BTreeSet};

use events::{
    OrderId, Timestamp, TraceId,
    orders::{
        CancelReason, OrderCancelled, OrderConfirmed, OrderCreated, OrderEvent, Quantity, RefundRequested,
    },
};
use serde::{Deserialize, Serialize};

use super::{Order, Stage, Windows, packed::Packed};

/// How many orders one event may push out of memory: an event after a long silence costs no more than
/// any other, and still more is forgotten than can be added.
const FORGET_PER_EVENT: usize = 64;

/// The orders that are remembered.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(from = "Entries")]
pub struct Orders {
    packed: BTreeMap<OrderId, Packed>,
    /// The time of the latest request that was decided on.
    ///
    /// Memory is for requests that come late or again, so it is their stream that tells how much time has passed:
    /// the others may have been read further, what was put back is read beside it, and a tick is of a clock that may
    /// be ahead.
    latest: Timestamp,
    /// The awaiting ones by deadline.
    #[serde(skip)]
    deadlines: BTreeSet<(Timestamp, OrderId)>,
    /// The settled ones by when they are forgotten.
    #[serde(skip)]
    fading: BTreeSet<(Timestamp, OrderId)>,
}

/// How many orders there are in memory.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Counts {
    /// Awaiting stock or payment.
    pub awaiting: usize,
    /// Confirmed or cancelled, and still remembered.
    pub settled: usize,
}

/// What a snapshot holds: the indexes follow from it.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Entries {
    /// Not in version 1.
    #[serde(default)]
    packed: BTreeMap<OrderId, Packed>,
    /// In version 1 alone.
    #[serde(default)]
    orders: BTreeMap<OrderId, Order>,
    latest: Timestamp,
}

impl From<Entries> for Orders {
    fn from(Entries { packed, orders, latest }: Entries) -> Self {
        let mut book = Self { latest, ..Self::default() };
        for (id, order) in packed.iter().map(|(id, packed)| (*id, packed.order())) {
            book.by_due(&order).insert((order.due, id));
        }
        book.packed = packed;
        orders.into_iter().for_each(|(id, order)| book.put(id, order));
        book
    }
}

/// What can be seen from outside.
impl Orders {
    /// An order, while it is remembered.
    #[must_use]
    pub fn get(&self, id: OrderId) -> Option<Order> {
        self.packed.get(&id).map(Packed::order)
    }

    /// Whether an order is remembered.
    #[must_use]
    pub fn contains(&self, id: OrderId) -> bool {
        self.packed.contains_key(&id)
    }

    /// How many orders there are in memory.
    #[must_use]
    pub fn counts(&self) -> Counts {
        Counts { awaiting: self.deadlines.len(), settled: self.fading.len() }
    }

    /// The awaiting orders whose deadline has passed, oldest deadline first.
    pub(super) fn overdue(&self, now: Timestamp) -> impl Iterator<Item = (OrderId, Order)> {
        let overdue = self.deadlines.iter().take_while(move |(deadline, _)| *deadline <= now);
        overdue.filter_map(|(_, id)| Some((*id, self.get(*id)?)))
    }
}

/// The fold. An event about an order that is not there changes nothing.
impl Orders {
    /// Takes in an event of the journal that happened at `at`, in the trace `trace_id`; `put_back` if it follows from
    /// a message that was.
    pub fn apply(
        &mut self,
        event: &OrderEvent,
        at: Timestamp,
        put_back: bool,
        trace_id: TraceId,
        windows: Windows,
    ) {
        match event {
            OrderEvent::Created(created) => self.create(created, at, trace_id, windows),
            OrderEvent::Confirmed(confirmed) => self.confirm(confirmed, at, windows),
            OrderEvent::Cancelled(cancelled) => self.cancel(cancelled, at, windows),
            OrderEvent::RefundRequested(refund) => self.refund(refund, at, windows),
            OrderEvent::CancelRefused(_) => {}
        }
        if !put_back && follows_from_a_request(event) {
            self.latest = self.latest.max(at);
        }
        self.forget();
    }

    fn create(&mut self, created: &OrderCreated, at: Timestamp, trace_id: TraceId, windows: Windows) {
        if self.contains(created.order_id) {
            return;
        }
        let order = Order {
            customer_id: created.customer_id.clone(),
            total: created.total,
            trace_id,
            due: at.after(windows.deadline),
            stage: Stage::Awaiting { lines: created.lines.iter().map(Quantity::from).collect() },
        };
        self.put(created.order_id, order);
    }

    fn confirm(&mut self, confirmed: &OrderConfirmed, at: Timestamp, windows: Windows) {
        self.change(confirmed.order_id, |order| match &mut order.stage {
            Stage::Awaiting { lines } => {
                let (lines, charge_id) = (std::mem::take(lines), confirmed.charge_id.clone());
                order.stage = Stage::Confirmed { lines, at, charge_id, refunded: Vec::new() };
                order.due = at.after(windows.cancel.max(windows.repeat));
            }
            Stage::Confirmed { .. } | Stage::Cancelled { .. } => {}
        });
    }

    fn cancel(&mut self, cancelled: &OrderCancelled, at: Timestamp, windows: Windows) {
        let reason = cancelled.reason;
        self.change(cancelled.order_id, |order| {
            let (refunded, keep) = match &mut order.stage {
                Stage::Awaiting { .. } if may_be_charged(reason) => {
                    (Vec::new(), windows.late_payment.max(windows.repeat))
                }
                Stage::Awaiting { .. } => (Vec::new(), windows.repeat),
                Stage::Confirmed { refunded, .. } => (std::mem::take(refunded), windows.repeat),
                Stage::Cancelled { .. } => return,
            };
            order.stage = Stage::Cancelled { refunded };
            order.due = at.after(keep);
        });
    }

    fn refund(&mut self, refund: &RefundRequested, at: Timestamp, windows: Windows) {
        self.change(refund.order_id, |order| match &mut order.stage {
            Stage::Awaiting { .. } => {}
            Stage::Confirmed { refunded, .. } => refunded.push(refund.charge_id.clone()),
            Stage::Cancelled { refunded, .. } => {
                refunded.push(refund.charge_id.clone());
                order.due = at.after(windows.repeat);
            }
        });
    }

    fn forget(&mut self) {
        for _ in 0..FORGET_PER_EVENT {
            let Some(&(due, id)) = self.fading.first() else { return };
            if due >= self.latest {
                return;
            }
            self.fading.pop_first();
            self.packed.remove(&id);
        }
    }

    fn change(&mut self, id: OrderId, change: impl FnOnce(&mut Order)) {
        if let Some(mut order) = self.take(id) {
            change(&mut order);
            self.put(id, order);
        }
    }

    fn take(&mut self, id: OrderId) -> Option<Order> {
        let order = self.packed.remove(&id)?.order();
        self.by_due(&order).remove(&(order.due, id));
        Some(order)
    }

    fn put(&mut self, id: OrderId, order: Order) {
        self.by_due(&order).insert((order.due, id));
        self.packed.insert(id, Packed::new(&order));
    }

    /// The index in which an order stands.
    fn by_due(&mut self, order: &Order) -> &mut BTreeSet<(Timestamp, OrderId)> {
        match order.stage {
            Stage::Awaiting { .. } => &mut self.deadlines,
            Stage::Confirmed { .. } | Stage::Cancelled { .. } => &mut self.fading,
        }
    }
}

/// Whether the time of an event is that of a request.
fn follows_from_a_request(event: &OrderEvent) -> bool {
    match event {
        OrderEvent::Created(_) | OrderEvent::CancelRefused(_) => true,
        OrderEvent::Cancelled(cancelled) => cancelled.reason == CancelReason::Customer,
        OrderEvent::Confirmed(_) | OrderEvent::RefundRequested(_) => false,
    }
}

/// Whether a charge may still be under way for an order that was cancelled for this reason before it
/// was paid.
///
/// That it then fails after all is no event of this journal, so it cannot be remembered: such an order
/// waits until no capture can come any more.
fn may_be_charged(reason: CancelReason) -> bool {
    match reason {
        CancelReason::Customer | CancelReason::Expired => true,
        CancelReason::OutOfStock | CancelReason::UnknownSku | CancelReason::PaymentDeclined => false,
    }
}
