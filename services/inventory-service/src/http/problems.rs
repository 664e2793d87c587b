//! Every way in which a request can fail, as the caller is told.

use std::time::Duration;

use axum::http::StatusCode;
use messaging::log::Unavailable;
use runtime::Problem;
use tracing::warn;
use uuid::Uuid;

use crate::domain::Level;

/// The stock does not allow the adjustment.
const ADJUSTMENT_REFUSED: &str = "urn:problem:adjustment-refused";

/// When to come back for what cannot be seen yet.
const SOON: Duration = Duration::from_secs(1);

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
    let detail = format!(
        "this Idempotency-Key was used for another change of {sku}; use a new key for a new adjustment"
    );
    Problem::idempotency_key_reused(detail).with("sku", sku).with("adjustment_id", id.to_string())
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
