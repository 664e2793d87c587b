//! `POST /stock/{sku}/adjustments`: stock comes or goes.
//!
//! The wish is stored, then decided by whoever leads the journal; the caller waits for that.

use std::time::Duration;

use axum::{
    extract::State,
    http::{
        HeaderValue, StatusCode,
        header::{LOCATION, RETRY_AFTER},
    },
    response::{IntoResponse, Response},
};
use events::{ids, requests::AdjustStock};
use messaging::trace;
use runtime::{
    Problem,
    http::{IdempotencyKey, Json, Path, REPLAYED},
};
use service::{Repeat, not_stored};
use uuid::Uuid;

use super::{
    Api, Shared,
    body::Object,
    problems,
    rules::{self, Wish},
    view::{AdjustmentView, LevelView, PendingStatus, PendingView},
};
use crate::{
    domain::{Adjustment, Level},
    reader::Decision,
};

/// How long a caller waits for the decision.
const PATIENCE: Duration = Duration::from_secs(3);

/// What became of a wish, as far as is known.
struct Heard {
    decision: Option<Decision>,
    /// It had been asked for before.
    replayed: bool,
}

pub(super) async fn adjust(
    State(api): Shared,
    Path(sku): Path<String>,
    IdempotencyKey(key): IdempotencyKey,
    Json(Object(wish)): Json<Object<Wish>>,
) -> Result<Response, Problem> {
    let sku = rules::sku(&sku)?.to_owned();
    let keyed = key.map(|key| adjustment_id(&sku, &key));
    let (change, reason) = wish.checked()?;
    let wish = AdjustStock { adjustment_id: keyed.unwrap_or_else(fresh_id), sku, change, reason };
    let heard = hear(&api, &wish, keyed.is_some()).await?;
    let mut response = answer(&wish, heard.decision);
    if heard.replayed {
        response.headers_mut().insert(REPLAYED, HeaderValue::from_static("true"));
    }
    Ok(response)
}

/// Stores the wish unless it was decided before, and waits for the decision.
async fn hear(api: &Api, wish: &AdjustStock, has_key: bool) -> Result<Heard, Problem> {
    let (id, sku) = (wish.adjustment_id, wish.sku.as_str());
    if has_key {
        let known = api.stock.decision(id, sku).await.map_err(|error| problems::unreadable(&error))?;
        if known.is_some() {
            return Ok(Heard { decision: known, replayed: true });
        }
    }
    let stored = api.requests.publish(id, wish, &trace::current()).await;
    let ack = stored.map_err(|error| {
        let repeat =
            if has_key { Repeat::SameKeyWithin(api.memory) } else { Repeat::LookFirst(&location(sku)) };
        not_stored(&error, repeat)
    })?;
    let decision = api.stock.decided(id, sku, ack.sequence, PATIENCE).await;
    Ok(Heard { decision, replayed: ack.duplicate })
}

fn answer(wish: &AdjustStock, decision: Option<Decision>) -> Response {
    let (adjustment_id, sku) = (wish.adjustment_id, wish.sku.as_str());
    let Some(Decision { adjustment, level, sequence }) = decision else { return pending(adjustment_id, sku) };
    if !adjustment.answers(wish.change) {
        return problems::key_reused(sku, adjustment_id).into_response();
    }
    match adjustment {
        Adjustment::Made { delta, on_hand: _ } => {
            let level = LevelView::new(sku, level);
            Json(AdjustmentView { adjustment_id, delta, level, sequence }).into_response()
        }
        Adjustment::Refused { on_hand, reserved } => {
            problems::refused(sku, adjustment_id, Level { on_hand, reserved }).into_response()
        }
    }
}

fn pending(adjustment_id: Uuid, sku: &str) -> Response {
    let headers = [(LOCATION, location(sku)), (RETRY_AFTER, "1".to_owned())];
    let body = PendingView { adjustment_id, sku, status: PendingStatus::Pending };
    (StatusCode::ACCEPTED, headers, Json(body)).into_response()
}

/// Where the level of a SKU can be read.
fn location(sku: &str) -> String {
    format!("/stock/{sku}")
}

/// The identity that a caller gives an adjustment by a key. Keys belong to their SKU.
fn adjustment_id(sku: &str, key: &str) -> Uuid {
    ids::derive(&["adjustment", sku, key])
}

#[expect(clippy::disallowed_methods, reason = "without a key each request is an adjustment of its own")]
fn fresh_id() -> Uuid {
    Uuid::now_v7()
}

#[cfg(test)]
mod tests {
    use super::adjustment_id;

    #[test]
    fn a_key_names_an_adjustment_of_its_sku() {
        assert_eq!(adjustment_id("A", "delivery 7"), adjustment_id("A", "delivery 7"));
        assert_ne!(adjustment_id("A", "delivery 7"), adjustment_id("B", "delivery 7"));
        assert_ne!(adjustment_id("A", "delivery 7"), adjustment_id("A", "delivery 8"));
    }
}
