//! What a message says, reduced to what the checks look at.

use events::{
    Money, OrderId,
    notifications::Template,
    orders::{CancelReason, Quantity},
    requests::StockChange,
};
use messaging::journal::Control;
use uuid::Uuid;

/// What a message says, without what no check looks at.
#[derive(Debug, Clone)]
#[expect(missing_docs, reason = "each names the event type it holds; the payloads are documented")]
pub enum Fact {
    Place(Place),
    Cancel(Cancel),
    Adjust(Adjust),
    Created(Created),
    Confirmed(Confirmed),
    Cancelled(Cancelled),
    RefundRequested(RefundRequested),
    CancelRefused(CancelRefused),
    Reserved(Reserved),
    Rejected(Rejected),
    Committed(Committed),
    Released(Released),
    Adjusted(Adjusted),
    AdjustRefused(AdjustRefused),
    Captured(Captured),
    Declined(Declined),
    Refunded(Refunded),
    Notified(Notified),
    Control(Control),
    Unreadable(Unreadable),
}

macro_rules! facts {
    ($($(#[$doc:meta])* $name:ident { $($(#[$field_doc:meta])* $field:ident: $kind:ty),+ $(,)? })+) => {
        $(
            $(#[$doc])*
            #[derive(Debug, Clone)]
            pub struct $name { $($(#[$field_doc])* pub $field: $kind,)+ }

            impl From<$name> for Fact {
                fn from(fact: $name) -> Self {
                    Self::$name(fact)
                }
            }
        )+
    };
}

facts! {
    /// `requests.order.place`
    Place {
        /// The order.
        order: OrderId,
        /// What it costs.
        total: Money,
        /// What is wanted.
        lines: Vec<Quantity>,
    }
    /// `requests.order.cancel`
    Cancel {
        /// The order.
        order: OrderId,
    }
    /// `requests.stock.adjust`
    Adjust {
        /// The adjustment.
        adjustment: Uuid,
        /// What.
        sku: String,
        /// How.
        change: StockChange,
    }
    /// `orders.created`
    Created {
        /// The order.
        order: OrderId,
        /// What it costs.
        total: Money,
        /// What is wanted.
        lines: Vec<Quantity>,
    }
    /// `orders.confirmed`
    Confirmed {
        /// The order.
        order: OrderId,
        /// What was paid.
        total: Money,
        /// By which charge.
        charge: String,
    }
    /// `orders.cancelled`
    Cancelled {
        /// The order.
        order: OrderId,
        /// Why.
        reason: CancelReason,
        /// What had been sold and comes back.
        returned: Vec<Quantity>,
    }
    /// `orders.refund_requested`
    RefundRequested {
        /// The order.
        order: OrderId,
        /// The charge to give back.
        charge: String,
        /// How much.
        amount: Money,
    }
    /// `orders.cancel_refused`
    CancelRefused {
        /// The order.
        order: OrderId,
    }
    /// `inventory.reserved`
    Reserved {
        /// The order.
        order: OrderId,
        /// What is set aside.
        lines: Vec<Quantity>,
    }
    /// `inventory.rejected`
    Rejected {
        /// The order.
        order: OrderId,
        /// Something was short. Otherwise the order had been cancelled before its stock was asked for.
        short: bool,
    }
    /// `inventory.committed`
    Committed {
        /// The order.
        order: OrderId,
        /// What was sold.
        lines: Vec<Quantity>,
    }
    /// `inventory.released`
    Released {
        /// The order.
        order: OrderId,
        /// What is free again.
        lines: Vec<Quantity>,
        /// Whether it had been sold.
        returned: bool,
    }
    /// `inventory.adjusted`
    Adjusted {
        /// What.
        sku: String,
        /// Which request did it.
        adjustment: Uuid,
        /// By how many pieces.
        delta: i64,
        /// Pieces on hand afterwards.
        on_hand: u64,
    }
    /// `inventory.adjust_refused`
    AdjustRefused {
        /// Which request.
        adjustment: Uuid,
    }
    /// `payments.captured`
    Captured {
        /// The order.
        order: OrderId,
        /// The gateway's id of the charge.
        charge: String,
        /// What was taken.
        amount: Money,
    }
    /// `payments.declined`
    Declined {
        /// The order.
        order: OrderId,
    }
    /// `payments.refunded`
    Refunded {
        /// The order.
        order: OrderId,
        /// The charge given back.
        charge: String,
        /// The gateway's id of the refund.
        refund: String,
        /// What went back.
        amount: Money,
    }
    /// `notifications.sent` and `notifications.failed`
    Notified {
        /// The order.
        order: OrderId,
        /// The event that made it necessary.
        about: Uuid,
        /// What the customer was told about.
        template: Template,
        /// Whether the channel took it.
        sent: bool,
    }
    /// A body that is no event of its stream.
    Unreadable {
        /// Where it was published to.
        subject: String,
        /// What is wrong with it.
        error: String,
    }
}
