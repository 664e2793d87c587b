//! REQUESTS: what callers ask for, stored before they get their 202.

use serde::{Deserialize, Serialize};
use uuid::Uuid;

use crate::{
    Money, OrderId,
    define::{event_data, stream_events},
    orders::Line,
};

stream_events! {
    /// Everything a caller may ask for.
    Request {
        /// Place an order.
        Place(PlaceOrder),
        /// Cancel an order.
        Cancel(CancelOrder),
        /// Change the stock of a SKU.
        AdjustStock(AdjustStock),
    }
}

/// A customer wants to buy. Validated before it was stored.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct PlaceOrder {
    /// Derived from customer and idempotency key where there is one, else fresh.
    pub order_id: OrderId,
    /// Who buys.
    pub customer_id: String,
    /// What, at which price; at least one, each SKU once.
    pub lines: Vec<Line>,
    /// The sum of the lines.
    pub total: Money,
    /// The gateway's token for the customer's card; never a card number.
    pub payment_method: String,
    /// SHA-256 over the order's content in hex: tells a repeated request from a different one.
    pub fingerprint: String,
}
event_data!(PlaceOrder, "requests.order.place", v 1, order_id);

/// Somebody wants an order cancelled.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct CancelOrder {
    /// Which order.
    pub order_id: OrderId,
    /// Why, in the caller's words.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub reason: Option<String>,
}
event_data!(CancelOrder, "requests.order.cancel", v 1, order_id);

/// Somebody wants the stock of a SKU changed.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct AdjustStock {
    /// Identity of the adjustment: repeating it changes nothing.
    pub adjustment_id: Uuid,
    /// Which SKU; an unknown one is created.
    pub sku: String,
    /// How.
    pub change: StockChange,
    /// Why, in the caller's words.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub reason: Option<String>,
}
event_data!(AdjustStock, "requests.stock.adjust", v 1, sku);

/// How stock changes.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum StockChange {
    /// Add so many pieces (remove, when negative).
    By(i64),
    /// Make it so many pieces on hand.
    To(u64),
}
