//! The routes that a client of the gateway uses, and the faults it meets on them.

use std::{io, sync::Arc};

use axum::{
    Json, Router,
    body::{Body, Bytes},
    extract::{Query, Request, State, rejection::BytesRejection},
    http::{HeaderMap, HeaderName, HeaderValue},
    middleware::{self, Next},
    response::{IntoResponse, Response},
    routing::{get, post},
};
use futures_util::stream;
use serde::Deserialize;

use crate::{
    admin,
    entry::{Entry, Operation},
    error::ApiError,
    faults::Fate,
    ledger::Booked,
    sim::GatewaySim,
    wire::{self, ChargeObject, List, RefundObject},
};

const REPLAYED: HeaderName = HeaderName::from_static("idempotent-replayed");

impl GatewaySim {
    /// All routes of the gateway.
    pub fn router(&self) -> Router {
        let v1 = Router::new()
            .route("/charges", post(charge))
            .route("/charges/lookup", get(lookup_charges))
            .route("/refunds", post(refund))
            .route("/refunds/lookup", get(lookup_refunds))
            .layer(middleware::from_fn_with_state(self.clone(), meet_faults));
        Router::new().nest("/v1", v1).nest("/admin", admin::routes()).with_state(self.clone())
    }
}

/// By what a lookup finds entries.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct Lookup {
    idempotency_key: Option<String>,
    order_id: Option<String>,
}

async fn charge(
    State(sim): State<GatewaySim>,
    headers: HeaderMap,
    body: Result<Bytes, BytesRejection>,
) -> Result<Response, ApiError> {
    let key = wire::idempotency_key(&headers)?;
    let booked = sim.charge(key, wire::parse(&read(body)?)?)?;
    Ok(answer(&booked))
}

async fn refund(
    State(sim): State<GatewaySim>,
    headers: HeaderMap,
    body: Result<Bytes, BytesRejection>,
) -> Result<Response, ApiError> {
    let key = wire::idempotency_key(&headers)?;
    let booked = sim.refund(key, wire::parse(&read(body)?)?)?;
    Ok(answer(&booked))
}

async fn lookup_charges(State(sim): State<GatewaySim>, lookup: Query<Lookup>) -> Result<Response, ApiError> {
    let entries = find(&sim, &lookup)?;
    let charges = entries.iter().filter_map(|entry| ChargeObject::of(entry, sim.refunded(entry))).collect();
    Ok(Json(List::new(charges)).into_response())
}

async fn lookup_refunds(State(sim): State<GatewaySim>, lookup: Query<Lookup>) -> Result<Response, ApiError> {
    let entries = find(&sim, &lookup)?;
    let refunds = entries.iter().filter_map(|entry| RefundObject::of(entry)).collect();
    Ok(Json(List::new(refunds)).into_response())
}

fn find(sim: &GatewaySim, lookup: &Lookup) -> Result<Vec<Arc<Entry>>, ApiError> {
    match (&lookup.idempotency_key, &lookup.order_id) {
        (Some(key), None) => Ok(sim.entries_under_key(key)),
        (None, Some(order_id)) => Ok(sim.entries_of_order(order_id)),
        (None, None) | (Some(_), Some(_)) => {
            Err(ApiError::invalid("either idempotency_key or order_id is needed in the query"))
        }
    }
}

fn read(body: Result<Bytes, BytesRejection>) -> Result<Bytes, ApiError> {
    body.map_err(|rejection| ApiError::invalid(rejection.body_text()))
}

/// The answer is made from the entry alone, so a replay repeats it byte for byte.
fn answer(booked: &Booked) -> Response {
    let entry = booked.entry.as_ref();
    let mut response = match &entry.operation {
        Operation::Capture { .. } => Json(ChargeObject::of(entry, 0)).into_response(),
        Operation::Decline { code, .. } => ApiError::declined(*code, &entry.id).into_response(),
        Operation::Refund { .. } => Json(RefundObject::of(entry)).into_response(),
    };
    if booked.replayed {
        response.headers_mut().insert(REPLAYED, HeaderValue::from_static("true"));
    }
    response
}

/// Lets the fault switches decide what becomes of a request.
async fn meet_faults(State(sim): State<GatewaySim>, request: Request, next: Next) -> Response {
    let (delay, fate) = sim.admit();
    if !delay.is_zero() {
        tokio::time::sleep(delay).await;
    }
    match fate {
        Fate::Serve => next.run(request).await,
        Fate::Outage => ApiError::outage().into_response(),
        Fate::FailBefore => ApiError::internal().into_response(),
        Fate::ResetBefore => reset(),
        Fate::FailAfter => {
            next.run(request).await;
            ApiError::internal().into_response()
        }
        Fate::ResetAfter => {
            next.run(request).await;
            reset()
        }
        Fate::Hang(time) => {
            // The work comes first: a caller who gives up has been charged all the same.
            let response = next.run(request).await;
            tokio::time::sleep(time).await;
            response
        }
    }
}

/// A response whose body fails at once: the server gives the connection up before the first byte is flushed.
fn reset() -> Response {
    let broken = stream::once(async { Err::<Bytes, _>(io::Error::from(io::ErrorKind::ConnectionReset)) });
    Body::from_stream(broken).into_response()
}
