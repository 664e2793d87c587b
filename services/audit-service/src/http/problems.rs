//! What can be wrong, as callers are told.

use std::time::Duration;

use runtime::Problem;
use tracing::warn;
use uuid::Uuid;

/// When to come back to a database that is away.
const SOON: Duration = Duration::from_secs(1);
/// When to come back while somebody else verifies.
const LATER: Duration = Duration::from_secs(15);

/// Nothing is known of the order.
pub(super) fn unknown_order(order_id: Uuid) -> Problem {
    Problem::not_found(format!("the trail has nothing of an order {order_id}"))
        .with("order_id", order_id.to_string())
}

/// The database would not answer.
pub(super) fn database(error: &sqlx::Error) -> Problem {
    warn!(%error, "the trail cannot be read");
    Problem::unavailable("the trail cannot be read just now; try again", SOON)
}

/// Somebody else verifies.
pub(super) fn busy() -> Problem {
    Problem::unavailable("a verification is under way, and there is one at a time; try again", LATER)
}
