//! Every way in which a request can fail, as the caller is told.

use std::time::Duration;

use axum::http::StatusCode;
use messaging::{commit::CommitError, log::Unavailable};
use runtime::Problem;
use tracing::{error, warn};
use uuid::Uuid;

use super::rules::FieldError;
use crate::domain::Level;

/// A field of the body is wrong.
const INVALID_BODY: &str = "urn:problem:invalid-body";
/// A header is wrong.
const INVALID_HEADER: &str = "urn:problem:invalid-header";
/// A parameter in path or query is wrong.
const INVALID_PARAMETER: &str = "urn:problem:invalid-parameter";
/// The idempotency key belongs to another adjustment.
const KEY_REUSED: &str = "urn:problem:idempotency-key-reused";
/// The stock does not allow the adjustment.
const ADJUSTMENT_REFUSED: &str = "urn:problem:adjustment-refused";

/// When to come back: at once, after a moment, after somebody has made room.
const SOON: Duration = Duration::from_secs(1);
const LATER: Duration = Duration::from_secs(5);
const MUCH_LATER: Duration = Duration::from_secs(30);

/// Fields of the body are not acceptable: at least one.
pub(super) fn content(errors: &[FieldError]) -> Problem {
    let summary = match errors {
        [] => String::new(),
        [FieldError { pointer, detail }] => format!("{pointer} {detail}"),
        [FieldError { pointer, detail }, more @ ..] => {
            format!("{pointer} {detail} (and {} more, see `errors`)", more.len())
        }
    };
    Problem::unprocessable(summary)
        .with_type(INVALID_BODY)
        .with_title("Invalid body")
        .with("errors", serde_json::json!(errors))
}

/// A header is not acceptable.
pub(super) fn header(name: &'static str, what_to_fix: &str) -> Problem {
    Problem::bad_request(format!("{name} {what_to_fix}"))
        .with_type(INVALID_HEADER)
        .with_title("Invalid header")
        .with("header", name)
}

/// A parameter in path or query is not acceptable.
pub(super) fn parameter(name: &'static str, what_to_fix: &str) -> Problem {
    Problem::bad_request(format!("{name} {what_to_fix}"))
        .with_type(INVALID_PARAMETER)
        .with_title("Invalid parameter")
        .with("parameter", name)
}

/// The SKU was never stocked.
pub(super) fn no_such_sku(sku: &str) -> Problem {
    Problem::not_found(format!("{sku} was never stocked; an adjustment creates it")).with("sku", sku)
}

/// Nobody can say yet whether the SKU was ever stocked.
pub(super) fn behind(sku: &str) -> Problem {
    Problem::unavailable("the SKU may be stocked but cannot be shown yet; ask again", SOON).with("sku", sku)
}

/// The stock cannot be looked at.
pub(super) fn unreadable(error: &Unavailable) -> Problem {
    warn!(%error, "the stock cannot be read");
    Problem::unavailable("the stock cannot be read just now; try again", SOON)
}

/// The key was used for another adjustment of the SKU.
pub(super) fn key_reused(sku: &str, id: Uuid) -> Problem {
    Problem::unprocessable(format!(
        "this Idempotency-Key was used for another change of {sku}; use a new key for a new adjustment"
    ))
    .with_type(KEY_REUSED)
    .with_title("Idempotency key reused")
    .with("sku", sku)
    .with("adjustment_id", id.to_string())
}

/// The stock does not allow the adjustment; the level it would have violated.
pub(super) fn refused(sku: &str, id: Uuid, level: Level) -> Problem {
    let Level { on_hand, reserved } = level;
    Problem::new(StatusCode::CONFLICT, "Adjustment refused")
        .with_detail(format!(
            "{on_hand} pieces of {sku} are on hand and {reserved} of them are set aside for open orders; no fewer \
             than {reserved} can be left"
        ))
        .with_type(ADJUSTMENT_REFUSED)
        .with("sku", sku)
        .with("adjustment_id", id.to_string())
        .with("on_hand", on_hand)
        .with("reserved", reserved)
}

/// The wish was not stored, as far as anybody knows.
pub(super) fn not_stored(error: &CommitError, sku: &str, has_key: bool) -> Problem {
    let again = if has_key { "send it again with the same Idempotency-Key" } else { "send it again" };
    match error {
        CommitError::Overloaded => {
            Problem::unavailable(format!("too many requests at once, this one was not taken; {again}"), SOON)
        }
        CommitError::Full => {
            warn!("adjustments are refused because the stream of requests is full");
            Problem::unavailable(format!("there is no room to store the adjustment; {again}"), MUCH_LATER)
        }
        CommitError::Unavailable(cause) => {
            warn!(cause, "an adjustment got no definite answer");
            let advice = if has_key {
                "send it again with the same Idempotency-Key, which cannot make it twice".to_owned()
            } else {
                format!("look at /stock/{sku} before sending it again, and use an Idempotency-Key next time")
            };
            Problem::unavailable(format!("the adjustment may or may not be made; {advice}"), LATER)
        }
        // The caller's part was checked: this is about our own set-up.
        CommitError::Refused(cause) => {
            error!(cause, "the broker refuses adjustments");
            Problem::internal()
        }
    }
}
