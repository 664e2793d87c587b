//! The routes that a client of the gateway uses, and the faults it meets on them.

use std::{io, sync::Arc};

use axum::{
    Json, Router,
    body::{Body, Bytes, to_bytes},
    extract::{Query, Request, State, rejection::BytesRejection},
    http::{HeaderMap, HeaderName, HeaderValue, Method},
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

/// In bytes; the same as the limit of the routes themselves.
const MAX_BODY: usize = 2 << 20;
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
    let (delay, fate, under_way) = sim.admit(request.method() == Method::POST);
    if delay.is_zero() && fate == Fate::Serve {
        let _until_answered = under_way;
        return next.run(request).await;
    }
    // Read first: the caller may be gone by the time it is looked at.
    let (parts, body) = request.into_parts();
    let Ok(body) = to_bytes(body, MAX_BODY).await else {
        return ApiError::invalid("the body cannot be read").into_response();
    };
    let request = Request::from_parts(parts, Body::from(body));
    let work = sim.carry_out(async move {
        let _until_done = under_way;
        tokio::time::sleep(delay).await;
        suffer(fate, request, next).await
    });
    work.await.unwrap_or_else(|_panic| ApiError::internal().into_response())
}

/// What becomes of a request that has met its fate.
async fn suffer(fate: Fate, request: Request, next: Next) -> Response {
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
            let response = next.run(request).await;
            tokio::time::sleep(time).await;
            response
        }
        Fate::Late(time) => {
            tokio::time::sleep(time).await;
            next.run(request).await
        }
    }
}

/// A response whose body fails at once: the server gives the connection up before the first byte is flushed.
fn reset() -> Response {
    let broken = stream::once(async { Err::<Bytes, _>(io::Error::from(io::ErrorKind::ConnectionReset)) });
    Body::from_stream(broken).into_response()
}
