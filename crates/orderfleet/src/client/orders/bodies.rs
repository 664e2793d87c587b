//! What the order service is sent, and what it answers, as JSON.

use events::{Money, OrderId, Timestamp, TraceId};
use serde::{Deserialize, Serialize};

/// What is ordered.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct OrderBody {
    /// Who buys.
    pub customer_id: String,
    /// ISO 4217 code of all prices.
    pub currency: String,
    /// The gateway's token for the customer's card.
    pub payment_method: String,
    /// What, at which price; each SKU once.
    pub lines: Vec<OrderLine>,
}

/// One position of an order.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct OrderLine {
    /// What.
    pub sku: String,
    /// How many pieces.
    pub quantity: u32,
    /// Price of one piece in minor units.
    pub unit_price: i64,
}

/// How far an order has come.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum OrderStatus {
    /// The request is stored.
    Accepted,
    /// Its stock is not set aside yet.
    AwaitingStock,
    /// Its card is not charged yet.
    AwaitingPayment,
    /// It is paid and will be delivered.
    Confirmed,
    /// It will not be delivered.
    Cancelled,
}

impl OrderStatus {
    /// The spelling of the API.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Accepted => "accepted",
            Self::AwaitingStock => "awaiting_stock",
            Self::AwaitingPayment => "awaiting_payment",
            Self::Confirmed => "confirmed",
            Self::Cancelled => "cancelled",
        }
    }

    /// Whether nothing but a cancellation by the customer or a refund can follow.
    #[must_use]
    pub fn is_terminal(self) -> bool {
        matches!(self, Self::Confirmed | Self::Cancelled)
    }
}

/// An order as its service shows it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Order {
    /// Its id.
    pub order_id: OrderId,
    /// Who buys.
    pub customer_id: String,
    /// How far it has come.
    pub status: OrderStatus,
    /// Why it was cancelled.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub reason: Option<String>,
    /// More about that.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub detail: Option<String>,
    /// What is bought.
    pub lines: Vec<OrderLine>,
    /// The sum of the lines.
    pub total: Money,
    /// What became of the money, once there is something to tell.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub payment: Option<Payment>,
    /// When it was created.
    pub created_at: Timestamp,
    /// When something last happened to it.
    pub updated_at: Timestamp,
    /// The trace of its whole life.
    pub trace_id: TraceId,
    /// Grows with everything that happens to it.
    pub version: i64,
}

impl Order {
    /// Whether money of it is still on its way back.
    #[must_use]
    pub fn refund_is_pending(&self) -> bool {
        let refund = self.payment.as_ref().and_then(|payment| payment.refund.as_ref());
        refund.is_some_and(|refund| refund.status == "pending")
    }
}

/// What became of an order's money.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Payment {
    /// The gateway's id of the charge.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub charge_id: Option<String>,
    /// What goes, or went, back.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub refund: Option<Refund>,
}

/// Money that goes back.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Refund {
    /// `pending` or `refunded`.
    pub status: String,
    /// How much.
    pub amount: Money,
    /// The gateway's id of the refund.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub refund_id: Option<String>,
}

/// Some orders, newest first.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
pub struct OrderPage {
    /// The orders.
    pub orders: Vec<Order>,
    /// Where the next page begins; `None` on the last one.
    #[serde(default)]
    pub next_cursor: Option<String>,
}

/// An order that is not at its end.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct OpenOrder {
    /// Its id.
    pub order_id: OrderId,
    /// What it waits on: `accepted`, `awaiting_stock`, `awaiting_payment` or `refund_pending`.
    pub step: String,
    /// Since when it waits on that.
    pub since: Timestamp,
    /// When it became open.
    pub opened_at: Timestamp,
    /// Whole seconds since then.
    pub age_seconds: u64,
    /// Who has to do what for it to go on.
    pub waits_for: String,
    /// The trace of its whole life.
    pub trace_id: TraceId,
}

/// Some open orders, longest open first.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
pub struct OpenOrderPage {
    /// The orders.
    pub orders: Vec<OpenOrder>,
    /// Where the next page begins; `None` on the last one.
    #[serde(default)]
    pub next_cursor: Option<String>,
}
