//! ORDERS: the journal of the order service.

use serde::{Deserialize, Serialize};

use crate::{
    Money, OrderId,
    define::{event_data, stream_events},
};

stream_events! {
    /// The life of an order, as its service decided it.
    OrderEvent {
        /// An order exists.
        Created(OrderCreated),
        /// It is paid and will be delivered.
        Confirmed(OrderConfirmed),
        /// It will not be delivered.
        Cancelled(OrderCancelled),
        /// Money taken for it must go back.
        RefundRequested(RefundRequested),
        /// A wish to cancel came too late, or named no order.
        CancelRefused(CancelRefused),
    }
}

/// One position of an order.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Line {
    /// What.
    pub sku: String,
    /// How many pieces, at least one.
    pub quantity: u32,
    /// Price of one piece in minor units of the order's currency.
    pub unit_price: i64,
}

/// Pieces of one SKU.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Quantity {
    /// What.
    pub sku: String,
    /// How many pieces.
    pub quantity: u32,
}

impl From<&Line> for Quantity {
    fn from(line: &Line) -> Self {
        Self { sku: line.sku.clone(), quantity: line.quantity }
    }
}

/// An order exists and wants its stock reserved.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct OrderCreated {
    /// The order.
    pub order_id: OrderId,
    /// Who buys.
    pub customer_id: String,
    /// What, at which price.
    pub lines: Vec<Line>,
    /// The sum of the lines.
    pub total: Money,
    /// The gateway's token for the customer's card.
    pub payment_method: String,
    /// SHA-256 over the order's content in hex.
    pub fingerprint: String,
}
event_data!(OrderCreated, "orders.created", v 1, order_id);

/// The order is paid.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct OrderConfirmed {
    /// The order.
    pub order_id: OrderId,
    /// Who bought.
    pub customer_id: String,
    /// What was paid.
    pub total: Money,
    /// The gateway's id of the charge.
    pub charge_id: String,
}
event_data!(OrderConfirmed, "orders.confirmed", v 1, order_id);

/// Why an order will not be delivered.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum CancelReason {
    /// A SKU had too few pieces.
    OutOfStock,
    /// A SKU does not exist.
    UnknownSku,
    /// The card was declined.
    PaymentDeclined,
    /// The customer asked for it.
    Customer,
    /// It was not finished before its deadline.
    Expired,
}

impl CancelReason {
    /// The spelling of the contract.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::OutOfStock => "out_of_stock",
            Self::UnknownSku => "unknown_sku",
            Self::PaymentDeclined => "payment_declined",
            Self::Customer => "customer",
            Self::Expired => "expired",
        }
    }
}

/// The order will not be delivered; what was reserved or sold goes back on the shelf.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct OrderCancelled {
    /// The order.
    pub order_id: OrderId,
    /// Who wanted to buy.
    pub customer_id: String,
    /// Why.
    pub reason: CancelReason,
    /// More about the reason: the decline code, the SKUs that are short, the caller's words.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub detail: Option<String>,
    /// What it would have cost.
    pub total: Money,
    /// The pieces already sold that come back: empty unless the order had been confirmed.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub returned: Vec<Quantity>,
}
event_data!(OrderCancelled, "orders.cancelled", v 1, order_id);

/// Money taken for a cancelled order must go back.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct RefundRequested {
    /// The order.
    pub order_id: OrderId,
    /// Whose money.
    pub customer_id: String,
    /// The charge to give back.
    pub charge_id: String,
    /// How much.
    pub amount: Money,
}
event_data!(RefundRequested, "orders.refund_requested", v 1, order_id);

/// A wish to cancel was not granted.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct CancelRefused {
    /// The order named.
    pub order_id: OrderId,
    /// Why not.
    pub reason: CancelRefusal,
}
event_data!(CancelRefused, "orders.cancel_refused", v 1, order_id);

/// Why a wish to cancel was not granted.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum CancelRefusal {
    /// The order is unknown, or so old that it is no longer open to change.
    NotOpen,
    /// It was cancelled before.
    AlreadyCancelled,
    /// It was confirmed, and the time to cancel has passed.
    TooLate,
}
