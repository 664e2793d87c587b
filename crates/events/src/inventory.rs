//! INVENTORY: the journal of the inventory service.

use serde::{Deserialize, Serialize};
use uuid::Uuid;

use crate::{
    Money, OrderId,
    define::{event_data, stream_events},
    orders::Quantity,
};

stream_events! {
    /// Every movement of stock.
    InventoryEvent {
        /// All lines of an order are set aside.
        Reserved(StockReserved),
        /// Not all lines of an order could be set aside, so none was.
        Rejected(StockRejected),
        /// What was set aside has been sold.
        Committed(StockCommitted),
        /// What was set aside, or sold, is back on the shelf.
        Released(StockReleased),
        /// Stock came or went otherwise.
        Adjusted(StockAdjusted),
        /// A wish to adjust was not granted.
        AdjustRefused(AdjustRefused),
    }
}

/// All lines of the order are set aside; carries what the payment service needs.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct StockReserved {
    /// The order.
    pub order_id: OrderId,
    /// Who buys.
    pub customer_id: String,
    /// What is set aside.
    pub lines: Vec<Quantity>,
    /// What to charge.
    pub total: Money,
    /// The gateway's token for the customer's card.
    pub payment_method: String,
}
event_data!(StockReserved, "inventory.reserved", v 1, order_id);

/// Too little of something.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Shortage {
    /// What.
    pub sku: String,
    /// How many pieces the order wants.
    pub requested: u32,
    /// How many pieces are free; `None` when the SKU does not exist.
    pub available: Option<u64>,
}

/// The order cannot be served from stock.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct StockRejected {
    /// The order.
    pub order_id: OrderId,
    /// Every line that is short.
    pub shortages: Vec<Shortage>,
}
event_data!(StockRejected, "inventory.rejected", v 1, order_id);

/// What was set aside has been sold.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct StockCommitted {
    /// The order.
    pub order_id: OrderId,
    /// What left the shelf.
    pub lines: Vec<Quantity>,
}
event_data!(StockCommitted, "inventory.committed", v 1, order_id);

/// The pieces of a cancelled order are free again.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct StockReleased {
    /// The order.
    pub order_id: OrderId,
    /// What is free again.
    pub lines: Vec<Quantity>,
    /// Whether the pieces had been sold (on hand grows) or only set aside (reserved shrinks).
    pub returned: bool,
}
event_data!(StockReleased, "inventory.released", v 1, order_id);

/// Stock came or went otherwise than by orders.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct StockAdjusted {
    /// What.
    pub sku: String,
    /// Which request did it.
    pub adjustment_id: Uuid,
    /// By how many pieces.
    pub delta: i64,
    /// Pieces on hand afterwards.
    pub on_hand: u64,
    /// Why, in the caller's words.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub reason: Option<String>,
}
event_data!(StockAdjusted, "inventory.adjusted", v 1, sku);

/// The adjustment would have taken pieces that orders have set aside.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct AdjustRefused {
    /// What.
    pub sku: String,
    /// Which request.
    pub adjustment_id: Uuid,
    /// Pieces on hand, unchanged.
    pub on_hand: u64,
    /// Pieces set aside for orders.
    pub reserved: u64,
}
event_data!(AdjustRefused, "inventory.adjust_refused", v 1, sku);
