//! What customers are told, and in which words. Pure.
//!
//! | event | template |
//! |---|---|
//! | `orders.confirmed` | [`Template::OrderConfirmed`] |
//! | `orders.cancelled` | [`Template::OrderCancelled`], in other words for each reason |
//! | `payments.refunded` | [`Template::OrderRefunded`] |

mod amount;
#[cfg(test)]
mod tests;

use events::{
    DecodeError, EventData, OrderId, RawEnvelope,
    notifications::Template,
    orders::{CancelReason, OrderCancelled, OrderConfirmed},
    payments::PaymentRefunded,
};
use uuid::Uuid;

use self::amount::in_words;

/// Most characters of an event's own detail that a message repeats.
const MAX_DETAIL: usize = 400;

/// A message to a customer.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Message {
    /// The event that makes it necessary: the same however often the message is sent, so that a channel that can
    /// tell repetitions apart has something to tell them by.
    pub about: Uuid,
    /// The order.
    pub order_id: OrderId,
    /// Who is told.
    pub customer_id: String,
    /// What about.
    pub template: Template,
    /// In one line.
    pub subject: String,
    /// In full.
    pub text: String,
}

impl Message {
    /// The message that an event makes necessary.
    ///
    /// # Errors
    /// The event is of a type or version that nobody is told about, or its payload does not fit it.
    pub fn about(raw: &RawEnvelope<'_>) -> Result<Self, DecodeError> {
        match raw.kind.as_ref() {
            OrderConfirmed::TYPE => raw.decode_as().map(|event| confirmed(raw.id, event)),
            OrderCancelled::TYPE => raw.decode_as().map(|event| cancelled(raw.id, event)),
            PaymentRefunded::TYPE => raw.decode_as().map(|event| refunded(raw.id, event)),
            other => Err(DecodeError::UnknownType(other.to_owned())),
        }
    }
}

fn confirmed(about: Uuid, event: OrderConfirmed) -> Message {
    let OrderConfirmed { order_id, customer_id, total, charge_id: _ } = event;
    Message {
        about,
        order_id,
        customer_id,
        template: Template::OrderConfirmed,
        subject: format!("Your order {order_id} is confirmed"),
        text: format!(
            "Thank you for your order {order_id}. It is confirmed, and {} was charged to your card.",
            in_words(total)
        ),
    }
}

fn cancelled(about: Uuid, event: OrderCancelled) -> Message {
    let OrderCancelled { order_id, customer_id, reason, detail, total, returned } = event;
    let why = why(reason, detail.as_deref());
    let total = in_words(total);
    let money = match reason {
        // The stock comes before the card.
        CancelReason::OutOfStock | CancelReason::UnknownSku => {
            format!("Your card was not charged the {total}.")
        }
        CancelReason::PaymentDeclined => {
            "If your card was charged all the same, the money goes back to it.".to_owned()
        }
        // Pieces come back only from an order that had been paid.
        CancelReason::Customer | CancelReason::Expired if !returned.is_empty() => {
            format!("The {total} you paid go back to your card; we tell you when they are on their way.")
        }
        CancelReason::Customer | CancelReason::Expired => {
            format!(
                "If your card was already charged the {total}, they go back to it; we tell you when they are on their way."
            )
        }
    };
    Message {
        about,
        order_id,
        customer_id,
        template: Template::OrderCancelled,
        subject: format!("Your order {order_id} is cancelled"),
        text: format!("Your order {order_id} is cancelled: {why} {money}"),
    }
}

/// Why, as a sentence that the order's id comes before. Neither the gateway's decline code (some, such as that of a
/// stolen card, are not for whoever holds the card) nor the customer's own words are repeated.
fn why(reason: CancelReason, detail: Option<&str>) -> String {
    let with_detail = |sentence: &str| match detail.map(shortened) {
        Some(detail) if !detail.is_empty() => format!("{sentence} ({detail})."),
        Some(_) | None => format!("{sentence}."),
    };
    match reason {
        CancelReason::OutOfStock => with_detail("we do not have enough of what you ordered"),
        CancelReason::UnknownSku => with_detail("we do not have what you ordered"),
        CancelReason::PaymentDeclined => "your card could not be charged.".to_owned(),
        CancelReason::Customer => "you asked us to.".to_owned(),
        CancelReason::Expired => "it could not be completed in time.".to_owned(),
    }
}

/// One line of bounded length.
fn shortened(detail: &str) -> String {
    let line = detail.chars().map(|c| if c.is_control() { ' ' } else { c });
    let mut text: String = line.clone().take(MAX_DETAIL).collect();
    if line.count() > MAX_DETAIL {
        text.push('…');
    }
    text.trim().to_owned()
}

fn refunded(about: Uuid, event: PaymentRefunded) -> Message {
    let PaymentRefunded { order_id, customer_id, charge_id: _, refund_id: _, amount } = event;
    let amount = in_words(amount);
    Message {
        about,
        order_id,
        customer_id,
        template: Template::OrderRefunded,
        subject: format!("Your money for order {order_id} is on its way back"),
        text: format!(
            "We gave back {amount} for your order {order_id}. Your bank may take some days to show it on your card."
        ),
    }
}
