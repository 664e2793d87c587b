//! The life of an order: pure state, pure decisions, no clock but the time of the events.
//!
//! `Awaiting` (stock, then payment) becomes `Confirmed` or `Cancelled`; a confirmed order may still be
//! cancelled for a while. Captured money of an order that is not, or no longer, confirmed goes back.

mod book;
mod packed;
#[cfg(test)]
mod tests;

use std::{fmt::Write as _, time::Duration};

use events::{
    Money, OrderId, Timestamp, TraceId,
    inventory::{Shortage, StockRejected},
    orders::{
        CancelReason, CancelRefusal, CancelRefused, OrderCancelled, OrderConfirmed, OrderCreated, OrderEvent,
        Quantity, RefundRequested,
    },
    payments::{PaymentCaptured, PaymentDeclined},
    requests::{CancelOrder, PlaceOrder},
};
use serde::{Deserialize, Serialize};

pub use self::book::{Counts, Orders};

/// How long things take, and how long they are remembered; all in event time.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Windows {
    /// From creation to expiry, when neither stock nor payment has settled the order.
    pub deadline: Duration,
    /// For how long after its confirmation a customer may still cancel an order.
    pub cancel: Duration,
    /// For how long a settled order is remembered so that a repetition of anything changes nothing.
    pub repeat: Duration,
    /// For how long an order that was cancelled before its payment is remembered so that a late
    /// capture is refunded. Longer than any stream keeps the message that could still cause one.
    pub late_payment: Duration,
}

impl Windows {
    /// A day to finish, five minutes to cancel and to repeat, thirty days for a late capture.
    pub const DEFAULT: Self = Self {
        deadline: Duration::from_secs(24 * 3_600),
        cancel: Duration::from_secs(5 * 60),
        repeat: Duration::from_secs(5 * 60),
        late_payment: Duration::from_secs(30 * 24 * 3_600),
    };

    /// Whether an order confirmed at one time may still be cancelled at another.
    #[must_use]
    pub fn allow_cancel(&self, confirmed: Timestamp, at: Timestamp) -> bool {
        at.since(confirmed) <= self.cancel
    }
}

/// What is known of an order while it is remembered.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Order {
    /// Who buys.
    pub customer_id: String,
    /// What it costs.
    pub total: Money,
    /// The trace of the order's whole life.
    pub trace_id: TraceId,
    /// When it expires while it is awaiting something, and when it is forgotten afterwards.
    pub due: Timestamp,
    /// How far it has come.
    pub stage: Stage,
}

/// How far an order has come.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Stage {
    /// For its stock, then for its payment.
    Awaiting {
        /// What is wanted.
        lines: Vec<Quantity>,
    },
    /// It is paid and will be delivered.
    Confirmed {
        /// What was sold.
        lines: Vec<Quantity>,
        /// Since when.
        at: Timestamp,
        /// The charge that paid it.
        charge_id: String,
        /// Further charges, which went back.
        refunded: Vec<String>,
    },
    /// It will not be delivered.
    Cancelled {
        /// The charges that went back.
        refunded: Vec<String>,
    },
}

/// The rules: what follows from an input. Nothing follows for an order that is unknown, except from
/// the requests, which are always answered.
impl Orders {
    /// A customer wants to buy. A repetition changes nothing.
    #[must_use]
    pub fn on_place(&self, wish: &PlaceOrder) -> Vec<OrderEvent> {
        if self.contains(wish.order_id) {
            return Vec::new();
        }
        let created = OrderCreated {
            order_id: wish.order_id,
            customer_id: wish.customer_id.clone(),
            lines: wish.lines.clone(),
            total: wish.total,
            payment_method: wish.payment_method.clone(),
            fingerprint: wish.fingerprint.clone(),
        };
        vec![created.into()]
    }

    /// Somebody wants an order cancelled.
    #[must_use]
    pub fn on_cancel(&self, wish: &CancelOrder, at: Timestamp, windows: Windows) -> Vec<OrderEvent> {
        let id = wish.order_id;
        let refused = |reason| vec![CancelRefused { order_id: id, reason }.into()];
        let Some(order) = self.get(id) else {
            return refused(CancelRefusal::NotOpen);
        };
        match &order.stage {
            Stage::Awaiting { .. } => {
                vec![order.cancelled(id, CancelReason::Customer, wish.reason.clone()).into()]
            }
            Stage::Confirmed { at: confirmed, charge_id, .. } if windows.allow_cancel(*confirmed, at) => {
                vec![
                    order.cancelled(id, CancelReason::Customer, wish.reason.clone()).into(),
                    order.refund(id, charge_id.clone(), order.total).into(),
                ]
            }
            Stage::Confirmed { .. } => refused(CancelRefusal::TooLate),
            Stage::Cancelled { .. } => refused(CancelRefusal::AlreadyCancelled),
        }
    }

    /// The stock does not suffice. No money was or will be taken.
    #[must_use]
    pub fn on_rejected(&self, rejected: &StockRejected) -> Vec<OrderEvent> {
        let Some(order) = self.get(rejected.order_id) else { return Vec::new() };
        match order.stage {
            Stage::Awaiting { .. } => {
                let unknown = rejected.shortages.iter().any(|shortage| shortage.available.is_none());
                let reason = if unknown { CancelReason::UnknownSku } else { CancelReason::OutOfStock };
                let detail = Some(describe(&rejected.shortages));
                vec![order.cancelled(rejected.order_id, reason, detail).into()]
            }
            Stage::Confirmed { .. } | Stage::Cancelled { .. } => Vec::new(),
        }
    }

    /// The card was declined.
    #[must_use]
    pub fn on_declined(&self, declined: &PaymentDeclined) -> Vec<OrderEvent> {
        let Some(order) = self.get(declined.order_id) else { return Vec::new() };
        match order.stage {
            Stage::Awaiting { .. } => {
                let detail = Some(declined.code.clone());
                vec![order.cancelled(declined.order_id, CancelReason::PaymentDeclined, detail).into()]
            }
            Stage::Confirmed { .. } | Stage::Cancelled { .. } => Vec::new(),
        }
    }

    /// Money was taken: the order is confirmed, or the money goes back.
    ///
    /// A capture for an unknown order has no outcome. It is a repetition of one that confirmed an
    /// order long ago, whose money is rightly ours: a refund would give away what was delivered. An
    /// order whose capture may still have to go back is remembered for [`Windows::late_payment`].
    #[must_use]
    pub fn on_captured(&self, captured: &PaymentCaptured) -> Vec<OrderEvent> {
        let id = captured.order_id;
        let Some(order) = self.get(id) else { return Vec::new() };
        let refund = || order.refund(id, captured.charge_id.clone(), captured.amount).into();
        match &order.stage {
            Stage::Awaiting { .. } if captured.amount == order.total => {
                let confirmed = OrderConfirmed {
                    order_id: id,
                    customer_id: order.customer_id.clone(),
                    total: order.total,
                    charge_id: captured.charge_id.clone(),
                };
                vec![confirmed.into()]
            }
            Stage::Awaiting { .. } => {
                let detail = format!("charged {} instead of {}", captured.amount, order.total);
                vec![order.cancelled(id, CancelReason::PaymentDeclined, Some(detail)).into(), refund()]
            }
            Stage::Confirmed { charge_id, .. } if *charge_id == captured.charge_id => Vec::new(),
            Stage::Confirmed { refunded, .. } | Stage::Cancelled { refunded, .. } => {
                if refunded.contains(&captured.charge_id) { Vec::new() } else { vec![refund()] }
            }
        }
    }

    /// Orders whose deadline has passed are cancelled: the first `limit` of them, oldest deadline
    /// first, each with its trace.
    #[must_use]
    pub fn expire(&self, now: Timestamp, limit: usize) -> Vec<(OrderEvent, TraceId)> {
        let expired = self.overdue(now).take(limit).map(|(id, order)| {
            let cancelled = order.cancelled(id, CancelReason::Expired, None);
            (cancelled.into(), order.trace_id)
        });
        expired.collect()
    }
}

impl Order {
    fn cancelled(&self, order_id: OrderId, reason: CancelReason, detail: Option<String>) -> OrderCancelled {
        let returned = match &self.stage {
            Stage::Confirmed { lines, .. } => lines.clone(),
            Stage::Awaiting { .. } | Stage::Cancelled { .. } => Vec::new(),
        };
        let (customer_id, total) = (self.customer_id.clone(), self.total);
        OrderCancelled { order_id, customer_id, reason, detail, total, returned }
    }

    fn refund(&self, order_id: OrderId, charge_id: String, amount: Money) -> RefundRequested {
        RefundRequested { order_id, customer_id: self.customer_id.clone(), charge_id, amount }
    }
}

/// The shortages in words: `A-1: 5 wanted, 2 free; B-2: unknown`.
fn describe(shortages: &[Shortage]) -> String {
    let mut text = String::new();
    for Shortage { sku, requested, available } in shortages {
        let separator = if text.is_empty() { "" } else { "; " };
        // Writing to a string cannot fail.
        let _ = match available {
            Some(free) => write!(text, "{separator}{sku}: {requested} wanted, {free} free"),
            None => write!(text, "{separator}{sku}: unknown"),
        };
    }
    text
}
