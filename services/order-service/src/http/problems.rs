//! Every way in which a request can fail, as the caller is told.

use std::time::Duration;

use events::OrderId;
use messaging::commit::CommitError;
use runtime::Problem;
use tracing::{error, warn};

use crate::{
    domain::Windows,
    intake::{FieldError, Refusal},
};

/// A field of the body is wrong.
pub(crate) const INVALID_BODY: &str = "urn:problem:invalid-body";
/// The body is not JSON.
pub(crate) const MALFORMED_JSON: &str = "urn:problem:malformed-json";
/// A header is wrong.
pub(crate) const INVALID_HEADER: &str = "urn:problem:invalid-header";
/// A parameter in path or query is wrong.
pub(crate) const INVALID_PARAMETER: &str = "urn:problem:invalid-parameter";
/// The idempotency key belongs to another order.
pub(crate) const KEY_REUSED: &str = "urn:problem:idempotency-key-reused";
/// The order can no longer be cancelled.
pub(crate) const CANCEL_REFUSED: &str = "urn:problem:cancel-refused";

/// When to come back: at once, after a moment, after somebody has made room.
const SOON: Duration = Duration::from_secs(1);
const LATER: Duration = Duration::from_secs(5);
const MUCH_LATER: Duration = Duration::from_secs(30);

/// What to do about a request whose fate is unknown.
#[derive(Debug, Clone, Copy)]
pub(super) enum Repeat {
    /// The same again is the same order.
    SameKey,
    /// The same again would be another order.
    LookFirst(OrderId),
    /// The same again does no harm.
    Harmless,
}

/// The content is not acceptable.
pub(super) fn content(refusal: Refusal) -> Problem {
    match refusal {
        Refusal::Malformed(why) => {
            Problem::bad_request(why).with_type(MALFORMED_JSON).with_title("Malformed JSON")
        }
        Refusal::Invalid(errors) => Problem::unprocessable(summary(&errors))
            .with_type(INVALID_BODY)
            .with_title("Invalid body")
            .with("errors", serde_json::json!(errors)),
    }
}

fn summary(errors: &[FieldError]) -> String {
    let Some(FieldError { pointer, detail }) = errors.first() else { return String::new() };
    let field = if pointer.is_empty() { "the body" } else { pointer };
    match errors.len() - 1 {
        0 => format!("{field} {detail}"),
        more => format!("{field} {detail} (and {more} more, see `errors`)"),
    }
}

/// A header is not acceptable.
pub(super) fn header(name: &'static str, what_to_fix: &str) -> Problem {
    Problem::bad_request(format!("{name} {what_to_fix}"))
        .with_type(INVALID_HEADER)
        .with_title("Invalid header")
        .with("header", name)
}

/// A parameter in path or query is not acceptable.
pub(super) fn parameter(name: &str, what_to_fix: &str) -> Problem {
    Problem::bad_request(format!("{name} {what_to_fix}"))
        .with_type(INVALID_PARAMETER)
        .with_title("Invalid parameter")
        .with("parameter", name)
}

/// The key was used for another order.
pub(super) fn key_reused(order_id: OrderId) -> Problem {
    Problem::unprocessable("this Idempotency-Key was used by this customer for an order with other content; use a new key for a new order")
        .with_type(KEY_REUSED)
        .with_title("Idempotency key reused")
        .with("order_id", order_id.to_string())
}

/// There is none, and none is on its way.
pub(super) fn no_such_order(order_id: OrderId) -> Problem {
    Problem::not_found(format!("there is no order {order_id}")).with("order_id", order_id.to_string())
}

/// Nobody can say yet whether there is one.
pub(super) fn behind(order_id: OrderId) -> Problem {
    Problem::unavailable("the order may be accepted but cannot be shown yet; ask again", SOON)
        .with("order_id", order_id.to_string())
}

/// The list would lack orders that are accepted.
pub(super) fn list_behind() -> Problem {
    Problem::unavailable("orders were accepted that cannot be listed yet; ask again", SOON)
}

/// Whether the key was used before cannot be said.
pub(super) fn key_unknown(order_id: OrderId) -> Problem {
    let detail = "earlier orders cannot be looked up just now, so this Idempotency-Key cannot be checked; nothing was \
                  accepted, send it again with the same key";
    Problem::unavailable(detail, LATER).with("order_id", order_id.to_string())
}

/// The order was confirmed too long ago to be cancelled.
pub(super) fn too_late(order_id: OrderId, windows: Windows) -> Problem {
    let seconds = windows.cancel.as_secs();
    let detail = format!("the order was confirmed, and can be cancelled only within {seconds} s of that");
    cancel_refused(order_id, "too_late", detail)
}

/// The order is settled, and so old that nothing can change it any more.
pub(super) fn not_open(order_id: OrderId) -> Problem {
    cancel_refused(order_id, "not_open", "the order is no longer open to change".to_owned())
}

fn cancel_refused(order_id: OrderId, reason: &'static str, detail: String) -> Problem {
    Problem::conflict(detail)
        .with_type(CANCEL_REFUSED)
        .with_title("Cancel refused")
        .with("order_id", order_id.to_string())
        .with("reason", reason)
}

/// The database would not answer.
pub(super) fn database(error: &sqlx::Error) -> Problem {
    warn!(%error, "the orders cannot be read");
    Problem::unavailable("the orders cannot be read just now; try again", SOON)
}

/// What was stored before cannot be compared with.
pub(super) fn original_out_of_reach(error: &dyn std::fmt::Display) -> Problem {
    warn!(%error, "a request was stored before, but cannot be read");
    Problem::unavailable(
        "the order is accepted already; send the same request with the same Idempotency-Key again to see it",
        SOON,
    )
}

/// The request was not stored, as far as anybody knows.
pub(super) fn not_stored(error: &CommitError, repeat: Repeat) -> Problem {
    match error {
        CommitError::Overloaded => Problem::unavailable(
            format!("too many requests at once, this one was not taken; {}", again(repeat)),
            SOON,
        ),
        CommitError::Full => {
            warn!("requests are refused because their stream is full");
            Problem::unavailable(
                format!("there is no room to store the request; {}", again(repeat)),
                MUCH_LATER,
            )
        }
        CommitError::Unavailable(cause) => {
            warn!(cause, "a request got no definite answer");
            Problem::unavailable(unknown_fate(repeat), LATER)
        }
        // The caller's part was checked: this is about our own set-up.
        CommitError::Refused(cause) => {
            error!(cause, "the broker refuses requests");
            Problem::internal()
        }
    }
}

fn again(repeat: Repeat) -> &'static str {
    match repeat {
        Repeat::SameKey => "send it again with the same Idempotency-Key",
        Repeat::LookFirst(_) | Repeat::Harmless => "send it again",
    }
}

fn unknown_fate(repeat: Repeat) -> String {
    match repeat {
        Repeat::SameKey => {
            "the order may or may not be accepted; send it again with the same Idempotency-Key, which cannot place it twice".to_owned()
        }
        Repeat::LookFirst(order_id) => format!(
            "the order may or may not be accepted; before sending it again look at {}, and use an Idempotency-Key next time",
            super::location(order_id)
        ),
        Repeat::Harmless => "the request may or may not be accepted; send it again".to_owned(),
    }
}
