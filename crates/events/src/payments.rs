//! PAYMENTS: what became of every charge and refund.

use serde::{Deserialize, Serialize};

use crate::{
    Money, OrderId,
    define::{event_data, stream_events},
};

stream_events! {
    /// What the card gateway said.
    PaymentEvent {
        /// The money is ours.
        Captured(PaymentCaptured),
        /// The card was declined; nothing was taken.
        Declined(PaymentDeclined),
        /// The money went back.
        Refunded(PaymentRefunded),
    }
}

/// The charge succeeded.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct PaymentCaptured {
    /// The order.
    pub order_id: OrderId,
    /// The gateway's id of the charge.
    pub charge_id: String,
    /// What was taken.
    pub amount: Money,
}
event_data!(PaymentCaptured, "payments.captured", v 1, order_id);

/// The card was declined.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct PaymentDeclined {
    /// The order.
    pub order_id: OrderId,
    /// The gateway's decline code.
    pub code: String,
    /// What would have been taken.
    pub amount: Money,
}
event_data!(PaymentDeclined, "payments.declined", v 1, order_id);

/// The charge was given back in full.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct PaymentRefunded {
    /// The order.
    pub order_id: OrderId,
    /// Whose money.
    pub customer_id: String,
    /// The gateway's id of the charge.
    pub charge_id: String,
    /// The gateway's id of the refund.
    pub refund_id: String,
    /// What went back.
    pub amount: Money,
}
event_data!(PaymentRefunded, "payments.refunded", v 1, order_id);
