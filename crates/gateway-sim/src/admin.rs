//! The routes for whoever runs or verifies the gateway: the ledger and the fault switches.

use axum::{
    Json, Router,
    body::Bytes,
    extract::{Query, State, rejection::QueryRejection},
    response::{IntoResponse, Response},
    routing::get,
};
use serde::Deserialize;
use serde_json::{Map, Value};

use crate::{
    entry::Summary,
    error::ApiError,
    faults::Faults,
    sim::GatewaySim,
    traffic::Traffic,
    wire::{self, LedgerPage},
};

const DEFAULT_LIMIT: usize = 1_000;
const MAX_LIMIT: usize = 10_000;

/// The routes below `/admin`.
pub(crate) fn routes() -> Router<GatewaySim> {
    Router::new()
        .route("/ledger", get(ledger))
        .route("/ledger/summary", get(summary))
        .route("/traffic", get(traffic))
        .route("/faults", get(faults).put(change_faults).patch(change_faults))
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct PageQuery {
    /// The `next_cursor` of the page before.
    #[serde(default)]
    cursor: u64,
    limit: Option<usize>,
}

async fn ledger(
    State(sim): State<GatewaySim>,
    query: Result<Query<PageQuery>, QueryRejection>,
) -> Result<Response, ApiError> {
    let Query(query) = query.map_err(|rejection| ApiError::invalid(rejection.body_text()))?;
    let limit = query.limit.unwrap_or(DEFAULT_LIMIT);
    if !(1..=MAX_LIMIT).contains(&limit) {
        return Err(ApiError::invalid_param("limit", format!("limit must be 1 to {MAX_LIMIT}")));
    }
    let entries = sim.page(query.cursor, limit);
    Ok(Json(LedgerPage::of(&entries, limit)).into_response())
}

async fn summary(State(sim): State<GatewaySim>) -> Json<Summary> {
    Json(sim.summary())
}

async fn traffic(State(sim): State<GatewaySim>) -> Json<Traffic> {
    Json(sim.traffic())
}

async fn faults(State(sim): State<GatewaySim>) -> Json<Faults> {
    Json(sim.faults())
}

async fn change_faults(State(sim): State<GatewaySim>, body: Bytes) -> Result<Json<Faults>, ApiError> {
    let changes: Map<String, Value> = wire::parse(&body)?;
    let faults = sim.change_faults(&changes).map_err(|error| ApiError::invalid(error.to_string()))?;
    tracing::info!(?faults, "fault switches changed");
    Ok(Json(faults))
}
