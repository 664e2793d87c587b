//! Every way in which a request can fail, as the caller is told.

use std::time::Duration;

use axum::http::StatusCode;
use events::OrderId;
use runtime::Problem;
use tracing::warn;

use super::MAX_BODY;
use crate::{domain::Windows, stuck::NotTold};

/// The order can no longer be cancelled.
const CANCEL_REFUSED: &str = "urn:problem:cancel-refused";

/// Most characters of an unknown parameter that the answer repeats.
const SHOWN: usize = 40;

/// When to come back: at once, or after a moment.
const SOON: Duration = Duration::from_secs(1);
const LATER: Duration = Duration::from_secs(5);

/// Says how large an order may be, if that is the problem.
pub(super) fn too_large(problem: Problem) -> Problem {
    if problem.status() == StatusCode::PAYLOAD_TOO_LARGE {
        problem.with_detail(format!("the body must be at most {MAX_BODY} bytes; split the order"))
    } else {
        problem
    }
}

/// The key was used for another order.
pub(super) fn key_reused(order_id: OrderId) -> Problem {
    let detail = "this Idempotency-Key was used by this customer for an order with other content; use a new key for a \
                  new order";
    Problem::idempotency_key_reused(detail).with("order_id", order_id.to_string())
}

/// There is no such parameter; these there are.
pub(super) fn unknown_parameter(name: &str, known: &str) -> Problem {
    let name: String = name.chars().take(SHOWN).collect();
    Problem::invalid_parameter(&name, format_args!("is unknown; known are {known}"))
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

/// Which orders are open cannot be said.
pub(super) fn open_orders(error: &NotTold) -> Problem {
    match error {
        NotTold::Database(error) => database(error),
        NotTold::Log(error) => {
            warn!(%error, "the requests cannot be read");
            Problem::unavailable("what was accepted last cannot be looked at just now; try again", SOON)
        }
    }
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
