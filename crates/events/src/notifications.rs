//! NOTIFICATIONS: what customers were told.

use serde::{Deserialize, Serialize};
use uuid::Uuid;

use crate::{
    OrderId,
    define::{event_data, stream_events},
};

stream_events! {
    /// What became of every message to a customer.
    NotificationEvent {
        /// The channel took it.
        Sent(NotificationSent),
        /// The channel refused it for good.
        Failed(NotificationFailed),
    }
}

/// What a customer is told about.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Template {
    /// The order is confirmed.
    OrderConfirmed,
    /// The order is cancelled.
    OrderCancelled,
    /// The money is on its way back.
    OrderRefunded,
}

impl Template {
    /// The spelling in events, logs and metrics.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::OrderConfirmed => "order_confirmed",
            Self::OrderCancelled => "order_cancelled",
            Self::OrderRefunded => "order_refunded",
        }
    }
}

/// The channel took the message.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct NotificationSent {
    /// The order.
    pub order_id: OrderId,
    /// Who was told.
    pub customer_id: String,
    /// What about.
    pub template: Template,
    /// By which channel: `log`.
    pub channel: String,
    /// The event that made it necessary.
    pub about: Uuid,
}
event_data!(NotificationSent, "notifications.sent", v 1, order_id);

/// The channel refused the message for good.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct NotificationFailed {
    /// The order.
    pub order_id: OrderId,
    /// Who should have been told.
    pub customer_id: String,
    /// What about.
    pub template: Template,
    /// By which channel.
    pub channel: String,
    /// The event that made it necessary.
    pub about: Uuid,
    /// What the channel said.
    pub error: String,
}
event_data!(NotificationFailed, "notifications.failed", v 1, order_id);

#[cfg(test)]
mod tests {
    use super::Template;

    #[test]
    fn templates_are_spelt_as_in_events() {
        for template in [Template::OrderConfirmed, Template::OrderCancelled, Template::OrderRefunded] {
            assert_eq!(serde_json::json!(template), template.as_str());
        }
    }
}
