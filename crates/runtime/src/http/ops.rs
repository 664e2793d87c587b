//! `/health`, `/ready` and `/metrics`.

use axum::{
    Router,
    extract::State,
    http::{StatusCode, header::CONTENT_TYPE},
    response::{IntoResponse, Response},
    routing::get,
};
use prometheus::{Encoder, TextEncoder};
use serde_json::json;
use tracing::error;

use crate::{http::Problem, process::Process};

pub(crate) fn routes(process: &Process) -> Router {
    Router::new()
        .route("/health", get(health))
        .route("/ready", get(ready))
        .route("/metrics", get(metrics))
        .with_state(process.clone())
}

/// Only the process itself: a broker that is away must not get the whole fleet restarted. While stopping, loops end in
/// order and their silence means nothing.
async fn health(State(process): State<Process>) -> Response {
    let stale = if process.shutdown().requested() { Vec::new() } else { process.health().stale() };
    if stale.is_empty() {
        return axum::Json(json!({ "status": "ok" })).into_response();
    }
    let body = axum::Json(json!({ "status": "stuck", "stale_heartbeats": stale }));
    (StatusCode::SERVICE_UNAVAILABLE, body).into_response()
}

async fn ready(State(process): State<Process>) -> Response {
    let checks = process.health().checks();
    let (code, status) = if process.shutdown().requested() {
        (StatusCode::SERVICE_UNAVAILABLE, "draining")
    } else if checks.iter().all(|check| check.ready) {
        (StatusCode::OK, "ready")
    } else {
        (StatusCode::SERVICE_UNAVAILABLE, "not ready")
    };
    (code, axum::Json(json!({ "status": status, "checks": checks }))).into_response()
}

async fn metrics(State(process): State<Process>) -> Response {
    let encoder = TextEncoder::new();
    let mut text = Vec::new();
    if let Err(error) = encoder.encode(&process.registry().gather(), &mut text) {
        error!(%error, "metrics cannot be encoded");
        return Problem::internal().into_response();
    }
    ([(CONTENT_TYPE, encoder.format_type().to_owned())], text).into_response()
}
