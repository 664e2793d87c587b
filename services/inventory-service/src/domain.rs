//! The stock and its rules: pure state, pure decisions, no clock but the time of the events.

mod adjustment;
mod recent;
#[cfg(test)]
mod tests;

use std::{
    collections::BTreeMap,
    ops::Bound::{Excluded, Unbounded},
    time::Duration,
};

use events::{
    OrderId, Timestamp,
    inventory::{
        AdjustRefused, InventoryEvent, Shortage, StockAdjusted, StockCommitted, StockRejected, StockReleased,
        StockReserved,
    },
    orders::{CancelReason, OrderCancelled, OrderConfirmed, OrderCreated, Quantity},
    requests::AdjustStock,
};
use serde::{Deserialize, Serialize};
use uuid::Uuid;

use self::recent::Recent;

pub use self::adjustment::{Adjustment, MAX_ON_HAND};

/// For how long, in event time, settled things are remembered so that a repetition changes nothing.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Windows {
    /// For orders that were rejected, committed or released. Open reservations are never forgotten.
    pub orders: Duration,
    /// For adjustments.
    pub adjustments: Duration,
}

impl Windows {
    /// Two minutes for orders, whose journal does not repeat itself; a day for adjustments, which callers do repeat,
    /// perhaps only after an outage.
    pub const DEFAULT: Self =
        Self { orders: Duration::from_secs(2 * 60), adjustments: Duration::from_secs(24 * 3_600) };
}

/// For how long an order is remembered, beyond the others, that was cancelled before its pieces were asked for: longer
/// than any stream keeps the message that could still ask for them.
const TOO_LATE: Duration = Duration::from_secs(30 * 24 * 3_600);

/// The pieces of one SKU.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Level {
    /// Pieces on the shelf, set aside or not.
    pub on_hand: u64,
    /// Pieces of those that are set aside for open orders; never more than `on_hand`.
    pub reserved: u64,
}

impl Level {
    /// Pieces that an order may still have.
    #[must_use]
    pub fn free(&self) -> u64 {
        self.on_hand.saturating_sub(self.reserved)
    }
}

/// How an order's claim on stock ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Settled {
    /// It never had one.
    Rejected,
    /// Its pieces were set aside, then freed.
    Released,
    /// Its pieces were sold.
    Committed,
    /// Its pieces were sold and came back.
    Returned,
}

/// What can be told of the stock at any time without walking through it.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Counts {
    /// SKUs that were ever stocked.
    pub skus: usize,
    /// Orders with pieces set aside.
    pub reservations: usize,
    /// What was decided since the journal began.
    pub tally: Tally,
}

/// How often each thing was decided that leaves no other trace, since the journal began.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Tally {
    /// Orders whose pieces could not be set aside.
    pub rejected: u64,
    /// Adjustments made.
    pub adjusted: u64,
    /// Adjustments refused.
    pub adjust_refused: u64,
}

/// The whole stock: the fold of the INVENTORY journal.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Stock {
    levels: BTreeMap<String, Level>,
    open: BTreeMap<OrderId, Vec<Quantity>>,
    settled: Recent<OrderId, Settled>,
    adjustments: Recent<Uuid, Adjustment>,
    tally: Tally,
    /// The latest event time seen.
    latest: Timestamp,
    /// That of the adjustments alone. Orders and requests are read from two streams, of which one may be far
    /// behind: how long ago an adjustment was asked for is told by the requests, and by nothing else. What was put back
    /// is read beside them.
    #[serde(default)]
    asked: Timestamp,
}

/// What can be seen from outside.
impl Stock {
    /// The level of one SKU; `None` when it was never stocked.
    #[must_use]
    pub fn level(&self, sku: &str) -> Option<Level> {
        self.levels.get(sku).copied()
    }

    /// Every SKU after the given one with its level, by SKU; all of them without one.
    pub fn levels(&self, after: Option<&str>) -> impl Iterator<Item = (&str, Level)> {
        let rest = self.levels.range::<str, _>((after.map_or(Unbounded, Excluded), Unbounded));
        rest.map(|(sku, level)| (sku.as_str(), *level))
    }

    /// The stock in a few numbers.
    #[must_use]
    pub fn counts(&self) -> Counts {
        Counts { skus: self.levels.len(), reservations: self.open.len(), tally: self.tally }
    }

    /// Every open reservation, by order.
    pub fn reservations(&self) -> impl Iterator<Item = (OrderId, &[Quantity])> {
        self.open.iter().map(|(order, lines)| (*order, lines.as_slice()))
    }

    /// What became of an adjustment, while it is remembered.
    #[must_use]
    pub fn adjustment(&self, id: Uuid) -> Option<Adjustment> {
        self.adjustments.get(&id).copied()
    }
}

/// The rules: what follows from an input. `None` when nothing does.
impl Stock {
    /// A new order gets all its lines set aside, or none.
    #[must_use]
    pub fn on_created(&self, order: &OrderCreated) -> Option<InventoryEvent> {
        if self.open.contains_key(&order.order_id) || self.settled.get(&order.order_id).is_some() {
            return None;
        }
        let shortages = self.shortages(order);
        if !shortages.is_empty() {
            return Some(StockRejected { order_id: order.order_id, shortages }.into());
        }
        let reserved = StockReserved {
            order_id: order.order_id,
            customer_id: order.customer_id.clone(),
            lines: order.lines.iter().map(Quantity::from).collect(),
            total: order.total,
            payment_method: order.payment_method.clone(),
        };
        Some(reserved.into())
    }

    /// A paid order's pieces are sold.
    #[must_use]
    pub fn on_confirmed(&self, order: &OrderConfirmed) -> Option<InventoryEvent> {
        let lines = self.open.get(&order.order_id)?.clone();
        Some(StockCommitted { order_id: order.order_id, lines }.into())
    }

    /// A cancelled order's pieces are free again, whether they were set aside or sold.
    ///
    /// What an order had set aside is known here. What it had bought is not, for sold orders are
    /// forgotten: the event says it.
    ///
    /// An order that is unknown here and bought nothing may be one whose creation was given up and is put back
    /// later. It is refused its pieces now, with nothing short, because nobody would free them again.
    #[must_use]
    pub fn on_cancelled(&self, order: &OrderCancelled) -> Option<InventoryEvent> {
        let order_id = order.order_id;
        if let Some(lines) = self.open.get(&order_id) {
            return Some(StockReleased { order_id, lines: lines.clone(), returned: false }.into());
        }
        let was_sold = !order.returned.is_empty();
        match self.settled.get(&order_id) {
            Some(Settled::Committed) | None if was_sold => {
                Some(StockReleased { order_id, lines: order.returned.clone(), returned: true }.into())
            }
            None if !was_refused(order.reason) => {
                Some(StockRejected { order_id, shortages: Vec::new() }.into())
            }
            Some(Settled::Rejected | Settled::Released | Settled::Returned | Settled::Committed) | None => {
                None
            }
        }
    }

    /// Stock comes or goes, but never below what orders have set aside.
    #[must_use]
    pub fn on_adjust(&self, wish: &AdjustStock) -> Option<InventoryEvent> {
        if self.adjustments.get(&wish.adjustment_id).is_some() {
            return None;
        }
        let level = self.level(&wish.sku).unwrap_or_default();
        let event = match adjustment::outcome(level, wish.change) {
            Some((delta, on_hand)) => StockAdjusted {
                sku: wish.sku.clone(),
                adjustment_id: wish.adjustment_id,
                delta,
                on_hand,
                reason: wish.reason.clone(),
            }
            .into(),
            None => AdjustRefused {
                sku: wish.sku.clone(),
                adjustment_id: wish.adjustment_id,
                on_hand: level.on_hand,
                reserved: level.reserved,
            }
            .into(),
        };
        Some(event)
    }

    fn shortages(&self, order: &OrderCreated) -> Vec<Shortage> {
        let mut wanted = BTreeMap::<&str, u64>::new();
        for line in &order.lines {
            *wanted.entry(&line.sku).or_default() += u64::from(line.quantity);
        }
        let short = wanted.into_iter().filter_map(|(sku, requested)| {
            let available = self.level(sku).map(|level| level.free());
            available.is_none_or(|free| free < requested).then(|| Shortage {
                sku: sku.to_owned(),
                requested: u32::try_from(requested).unwrap_or(u32::MAX),
                available,
            })
        });
        short.collect()
    }
}

/// The fold.
impl Stock {
    /// Takes in an event of the journal that happened at `at`; `put_back` if it follows from a message that was.
    pub fn apply(&mut self, event: &InventoryEvent, at: Timestamp, put_back: bool, windows: Windows) {
        self.latest = self.latest.max(at);
        if !put_back && is_about_an_adjustment(event) {
            self.asked = self.asked.max(at);
        }
        match event {
            InventoryEvent::Reserved(reserved) => self.reserve(reserved),
            InventoryEvent::Rejected(rejected) => {
                self.tally.rejected += 1;
                let keep = if rejected.shortages.is_empty() { TOO_LATE } else { Duration::ZERO };
                self.settle(rejected.order_id, Settled::Rejected, at.after(keep));
            }
            InventoryEvent::Committed(committed) => self.commit(committed, at),
            InventoryEvent::Released(released) => self.release(released, at),
            InventoryEvent::Adjusted(adjusted) => {
                self.levels.entry(adjusted.sku.clone()).or_default().on_hand = adjusted.on_hand;
                let made = Adjustment::Made { delta: adjusted.delta, on_hand: adjusted.on_hand };
                self.tally.adjusted += 1;
                self.remember(adjusted.adjustment_id, made);
            }
            InventoryEvent::AdjustRefused(refused) => {
                self.tally.adjust_refused += 1;
                let outcome = Adjustment::Refused { on_hand: refused.on_hand, reserved: refused.reserved };
                self.remember(refused.adjustment_id, outcome);
            }
        }
        self.settled.forget(self.latest, windows.orders);
        self.adjustments.forget(self.asked, windows.adjustments);
    }

    /// From the later of when it was asked for and, as far as is known, when it was decided: its caller may have
    /// waited for the outcome until now.
    fn remember(&mut self, adjustment: Uuid, outcome: Adjustment) {
        self.adjustments.insert(adjustment, outcome, self.latest);
    }

    fn reserve(&mut self, reserved: &StockReserved) {
        for line in &reserved.lines {
            let level = self.levels.entry(line.sku.clone()).or_default();
            level.reserved = level.reserved.saturating_add(line.quantity.into());
        }
        self.open.insert(reserved.order_id, reserved.lines.clone());
    }

    fn commit(&mut self, committed: &StockCommitted, at: Timestamp) {
        for line in &committed.lines {
            let level = self.levels.entry(line.sku.clone()).or_default();
            level.reserved = level.reserved.saturating_sub(line.quantity.into());
            level.on_hand = level.on_hand.saturating_sub(line.quantity.into());
        }
        self.settle(committed.order_id, Settled::Committed, at);
    }

    fn release(&mut self, released: &StockReleased, at: Timestamp) {
        for line in &released.lines {
            let level = self.levels.entry(line.sku.clone()).or_default();
            if released.returned {
                level.on_hand = level.on_hand.saturating_add(line.quantity.into());
            } else {
                level.reserved = level.reserved.saturating_sub(line.quantity.into());
            }
        }
        let outcome = if released.returned { Settled::Returned } else { Settled::Released };
        self.settle(released.order_id, outcome, at);
    }

    fn settle(&mut self, order: OrderId, outcome: Settled, at: Timestamp) {
        self.open.remove(&order);
        self.settled.insert(order, outcome, at);
    }
}

fn is_about_an_adjustment(event: &InventoryEvent) -> bool {
    match event {
        InventoryEvent::Adjusted(_) | InventoryEvent::AdjustRefused(_) => true,
        InventoryEvent::Reserved(_) | InventoryEvent::Rejected(_) => false,
        InventoryEvent::Committed(_) | InventoryEvent::Released(_) => false,
    }
}

/// Whether an order that was cancelled for this reason had been refused its pieces.
fn was_refused(reason: CancelReason) -> bool {
    match reason {
        CancelReason::OutOfStock | CancelReason::UnknownSku => true,
        CancelReason::Customer | CancelReason::Expired | CancelReason::PaymentDeclined => false,
    }
}
