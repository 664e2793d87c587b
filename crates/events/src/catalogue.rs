//! Every stream of the fleet: its subjects, its one writer, and what kind of log it is.

use crate::{
    dead_letters::LetterEvent, inventory::InventoryEvent, notifications::NotificationEvent,
    orders::OrderEvent, payments::PaymentEvent, requests::Request,
};

/// A stream of domain events, written by exactly one service.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct StreamDef {
    /// The stream's name: `ORDERS`.
    pub name: &'static str,
    /// The subject filter it stores.
    pub subjects: &'static str,
    /// Who writes it. REQUESTS is written by the HTTP handlers of two services, see `docs/EVENTS.md`.
    pub writer: &'static str,
    /// The control subject when the stream is a journal, that is, has one active writer at a time.
    pub control: Option<&'static str>,
    /// Every `(type, version)` that may stand in it.
    pub types: &'static [(&'static str, u32)],
}

impl StreamDef {
    /// Whether a message with this subject was published to this stream. What was published elsewhere and copied here,
    /// which the broker does for anybody who may read it, keeps the subject it had, and may say anything of itself.
    #[must_use]
    pub fn holds(&self, subject: &str) -> bool {
        subject.starts_with(self.subjects.trim_end_matches('>'))
    }
}

/// What callers ask for; durable before they get an answer.
pub const REQUESTS: StreamDef = StreamDef {
    name: "REQUESTS",
    subjects: "requests.>",
    writer: "order-service",
    control: None,
    types: Request::TYPES,
};

/// The journal of the order service: the life of every order.
pub const ORDERS: StreamDef = StreamDef {
    name: "ORDERS",
    subjects: "orders.>",
    writer: "order-service",
    control: Some("orders.control"),
    types: OrderEvent::TYPES,
};

/// The journal of the inventory service: every movement of stock.
pub const INVENTORY: StreamDef = StreamDef {
    name: "INVENTORY",
    subjects: "inventory.>",
    writer: "inventory-service",
    control: Some("inventory.control"),
    types: InventoryEvent::TYPES,
};

/// What became of every charge and refund.
pub const PAYMENTS: StreamDef = StreamDef {
    name: "PAYMENTS",
    subjects: "payments.>",
    writer: "payment-service",
    control: None,
    types: PaymentEvent::TYPES,
};

/// What customers were told.
pub const NOTIFICATIONS: StreamDef = StreamDef {
    name: "NOTIFICATIONS",
    subjects: "notifications.>",
    writer: "notification-service",
    control: None,
    types: NotificationEvent::TYPES,
};

/// Messages that were given up, one subject per service, and what operators did about them.
pub const DEAD_LETTERS: StreamDef = StreamDef {
    name: "DEAD_LETTERS",
    subjects: "dead_letters.>",
    writer: "every service",
    control: None,
    types: LetterEvent::TYPES,
};

/// The domain streams, in the order an order passes through them.
pub const STREAMS: [StreamDef; 5] = [REQUESTS, ORDERS, INVENTORY, PAYMENTS, NOTIFICATIONS];

/// The stream of what operators put back, one subject per consumer: what stands there are messages of other streams.
pub const REDRIVE: &str = "REDRIVE";

/// The stream of what the broker itself reports of consumers. Its bodies are no envelopes.
pub const ADVISORIES: &str = "ADVISORIES";

/// The version of the journals' control messages (`orders.control`, `inventory.control`).
pub const CONTROL_VERSION: u32 = 1;

/// A durable consumer: the members of one service share its messages.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct ConsumerDef {
    /// The stream it reads.
    pub stream: &'static str,
    /// Its name; begins with the service it belongs to.
    pub durable: &'static str,
    /// The subjects it is given.
    pub subjects: &'static [&'static str],
}

/// Charges the card for what inventory has set aside.
pub const PAYMENT_CHARGE: ConsumerDef =
    ConsumerDef { stream: "INVENTORY", durable: "payment-charge", subjects: &["inventory.reserved"] };

/// Gives money back.
pub const PAYMENT_REFUND: ConsumerDef =
    ConsumerDef { stream: "ORDERS", durable: "payment-refund", subjects: &["orders.refund_requested"] };

/// Tells customers how their order ended.
pub const NOTIFICATION_ORDERS: ConsumerDef = ConsumerDef {
    stream: "ORDERS",
    durable: "notification-orders",
    subjects: &["orders.confirmed", "orders.cancelled"],
};

/// Tells customers that their money is on its way back.
pub const NOTIFICATION_REFUNDS: ConsumerDef =
    ConsumerDef { stream: "PAYMENTS", durable: "notification-refunds", subjects: &["payments.refunded"] };

/// The consumers of the workers, each of the events of one stream.
pub const CONSUMERS: [ConsumerDef; 4] =
    [PAYMENT_CHARGE, PAYMENT_REFUND, NOTIFICATION_ORDERS, NOTIFICATION_REFUNDS];

/// What the name of a consumer ends in that is given what operators put back for another one.
pub const REDRIVE_SUFFIX: &str = "-redrive";

/// The consumer of what operators put back for a worker's consumer: nobody else sees it.
macro_rules! redrive {
    ($of:literal) => {
        ConsumerDef {
            stream: REDRIVE,
            durable: concat!($of, "-redrive"),
            subjects: &[concat!("redrive.", $of)],
        }
    };
}

/// What operators put back for [`PAYMENT_CHARGE`].
pub const PAYMENT_CHARGE_REDRIVE: ConsumerDef = redrive!("payment-charge");
/// What operators put back for [`PAYMENT_REFUND`].
pub const PAYMENT_REFUND_REDRIVE: ConsumerDef = redrive!("payment-refund");
/// What operators put back for [`NOTIFICATION_ORDERS`].
pub const NOTIFICATION_ORDERS_REDRIVE: ConsumerDef = redrive!("notification-orders");
/// What operators put back for [`NOTIFICATION_REFUNDS`].
pub const NOTIFICATION_REFUNDS_REDRIVE: ConsumerDef = redrive!("notification-refunds");

/// What operators put back for each of [`CONSUMERS`], in the same order.
pub const REDRIVES: [ConsumerDef; 4] = [
    PAYMENT_CHARGE_REDRIVE,
    PAYMENT_REFUND_REDRIVE,
    NOTIFICATION_ORDERS_REDRIVE,
    NOTIFICATION_REFUNDS_REDRIVE,
];

/// The consumer of what the broker reports of a service's consumers.
macro_rules! advisories {
    ($durable:literal, $($of:literal),+) => {
        ConsumerDef {
            stream: ADVISORIES,
            durable: $durable,
            subjects: &[$(
                concat!("$JS.EVENT.ADVISORY.CONSUMER.*.*.", $of),
                concat!("$JS.EVENT.ADVISORY.CONSUMER.*.*.", $of, "-redrive"),
            )+],
        }
    };
}

/// What the broker gave up of the payment service's messages.
pub const PAYMENT_ADVISORIES: ConsumerDef =
    advisories!("payment-advisories", "payment-charge", "payment-refund");
/// What the broker gave up of the notification service's messages.
pub const NOTIFICATION_ADVISORIES: ConsumerDef =
    advisories!("notification-advisories", "notification-orders", "notification-refunds");

/// Every durable consumer of the fleet.
pub fn every_consumer() -> impl Iterator<Item = &'static ConsumerDef> {
    CONSUMERS.iter().chain(&REDRIVES).chain(&[PAYMENT_ADVISORIES, NOTIFICATION_ADVISORIES])
}

/// The consumer of what operators put back for this one; `None` if this is none of [`CONSUMERS`].
#[must_use]
pub fn redrive_of(consumer: &ConsumerDef) -> Option<ConsumerDef> {
    let index = CONSUMERS.iter().position(|def| def == consumer)?;
    REDRIVES.get(index).copied()
}
