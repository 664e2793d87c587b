//! `POST /orders`: stores the wish to buy, once per idempotency key, and answers when it is stored or settled.

use axum::{
    extract::{Request, State},
    http::{HeaderMap, HeaderValue, StatusCode},
    response::Response,
};
use events::{EventData, OrderId, RawEnvelope, TraceId, ids, requests::PlaceOrder};
use messaging::{
    log::{Ack, Log},
    trace,
};
use runtime::{
    Problem,
    http::{IdempotencyKey, REPLAYED, json_body},
};
use service::{Repeat, not_stored};
use tokio::time::Instant;
use uuid::Uuid;

use super::{
    Api, STREAM, Shared, location, prefer, problems,
    schema::{OrderBody, ProblemView},
    view::{Accepted, OrderView},
    wait::Patience,
};
use crate::{
    intake::{self, Content},
    metrics::{Asked, Outcome},
};

/// Place an order
///
/// Answers as soon as the order is safe: from then on it is carried to its end, whatever fails. With an
/// `Idempotency-Key` the request may be repeated at will, also after a time-out or a 503: it is one order.
#[utoipa::path(
    post,
    path = "/orders",
    tag = "orders",
    operation_id = "place_order",
    params(
        ("Idempotency-Key" = Option<String>, Header, min_length = 1, max_length = 255,
            description = "Names this order among the customer's: 1 to 255 printable ASCII characters"),
        ("Prefer" = Option<String>, Header, example = "wait=10",
            description = "`wait=N`: answer when the order is settled, or after N seconds (at most 30)"),
    ),
    request_body(content = OrderBody, content_type = "application/json"),
    responses(
        (status = 201, description = "The order is settled, as was waited for", body = OrderView,
            headers(("Location" = String), ("Preference-Applied" = String), ("Idempotent-Replayed" = bool))),
        (status = 202, description = "The order is accepted", body = Accepted,
            headers(("Location" = String), ("Preference-Applied" = String), ("Idempotent-Replayed" = bool))),
        (status = 400, description = "No JSON, or a bad header", body = ProblemView, content_type = "application/problem+json"),
        (status = 408, description = "The body came too slowly", body = ProblemView, content_type = "application/problem+json"),
        (status = 413, description = "The body is too large", body = ProblemView, content_type = "application/problem+json"),
        (status = 415, description = "Not `application/json`", body = ProblemView, content_type = "application/problem+json"),
        (status = 422, description = "A field is wrong, or the key belongs to another order", body = ProblemView, content_type = "application/problem+json"),
        (status = 503, description = "Not now; the detail says whether it may have been accepted", body = ProblemView, content_type = "application/problem+json",
            headers(("Retry-After" = u32))),
    )
)]
pub(super) async fn place(
    State(api): Shared,
    IdempotencyKey(key): IdempotencyKey,
    request: Request,
) -> Result<Response, Problem> {
    let arrived = Instant::now();
    let wait = prefer::read(request.headers())?;
    let body = json_body(request).await.map_err(problems::too_large)?;
    let content = intake::read_order(&body)?;
    let wish = wish(content, key.as_deref());
    // Before the wish is stored, so that its outcome cannot slip by.
    let patience = wait.map(|wait| Patience::new(&api, wish.order_id, wait, arrived));

    let placed = if key.is_some() { api.place_once(&wish).await } else { api.place_afresh(&wish).await };
    api.metrics.asked(Asked::Place, outcome(&placed));
    let placed = placed?;

    let settled = match &patience {
        Some(patience) => api.until_settled(patience).await,
        None => None,
    };
    let mut response = match settled {
        Some(order) => OrderView::response(StatusCode::CREATED, order),
        None => Accepted::response(wish.order_id, placed.trace_id),
    };
    mark(response.headers_mut(), &placed, patience.as_ref());
    Ok(response)
}

fn mark(headers: &mut HeaderMap, placed: &Placed, patience: Option<&Patience>) {
    if placed.replayed {
        headers.insert(REPLAYED, HeaderValue::from_static("true"));
    }
    if let Some(patience) = patience {
        patience.mark(headers);
    }
}

/// A wish that is stored.
#[derive(Debug)]
struct Placed {
    /// The trace of the order's whole life.
    trace_id: TraceId,
    /// It had been stored before.
    replayed: bool,
}

fn outcome(placed: &Result<Placed, Problem>) -> Outcome {
    match placed {
        Ok(Placed { replayed: false, .. }) => Outcome::Stored,
        Ok(Placed { replayed: true, .. }) => Outcome::Repeated,
        Err(problem) if problem.status() == StatusCode::UNPROCESSABLE_ENTITY => Outcome::KeyReused,
        Err(_) => Outcome::Unavailable,
    }
}

/// The content as a wish to buy. The order's id follows from customer and key if there is one.
fn wish(content: Content, key: Option<&str>) -> PlaceOrder {
    #[expect(clippy::disallowed_methods, reason = "without a key every request is an order of its own")]
    let order_id = match key {
        Some(key) => OrderId::from_key(&content.customer_id, key),
        None => OrderId(Uuid::now_v7()),
    };
    let fingerprint = content.fingerprint();
    let Content { customer_id, lines, total, payment_method } = content;
    PlaceOrder { order_id, customer_id, lines, total, payment_method, fingerprint }
}

impl Api {
    /// Stores an order that nobody can have asked for before.
    async fn place_afresh(&self, wish: &PlaceOrder) -> Result<Placed, Problem> {
        let (_ack, placed) = self.store(wish, Repeat::LookFirst(&location(wish.order_id))).await?;
        Ok(placed)
    }

    /// Stores an order unless it was stored before.
    ///
    /// What was stored lately, the broker recognises by the request's id; what it may have forgotten is in
    /// the read model, or nothing is accepted. So the answer is exact for as long as orders are kept.
    async fn place_once(&self, wish: &PlaceOrder) -> Result<Placed, Problem> {
        // Asked before looking: what is current now is so in what is read next.
        let current = self.reflection.is_current();
        if let Some(order) = self.look_up(wish.order_id).await? {
            return same(wish, &order.fingerprint, order.trace_id);
        }
        if !current {
            return Err(problems::key_unknown(wish.order_id));
        }
        let (ack, placed) = self.store(wish, Repeat::SameKey).await?;
        if !ack.duplicate {
            return Ok(placed);
        }
        let (fingerprint, trace_id) = self.original(ack.sequence).await?;
        same(wish, &fingerprint, trace_id)
    }

    async fn store(&self, wish: &PlaceOrder, repeat: Repeat<'_>) -> Result<(Ack, Placed), Problem> {
        let id = ids::derive(&[PlaceOrder::TYPE, &wish.order_id.to_string()]);
        let trace = trace::current();
        let stored = self.requests.publish(id, wish, &trace).await;
        let ack = stored.map_err(|error| not_stored(&error, repeat))?;
        Ok((ack, Placed { trace_id: trace.trace_id, replayed: false }))
    }

    /// Fingerprint and trace of the request that was stored first.
    async fn original(&self, sequence: u64) -> Result<(String, TraceId), Problem> {
        let found = self.log.get(STREAM, sequence).await;
        let message = found.map_err(|error| problems::original_out_of_reach(&error))?;
        let message = message.ok_or_else(|| problems::original_out_of_reach(&"it is gone"))?;
        let raw = RawEnvelope::parse(&message.payload);
        let read = raw.and_then(|raw| Ok((raw.decode_as::<PlaceOrder>()?.fingerprint, raw.trace_id)));
        read.map_err(|error| problems::original_out_of_reach(&error))
    }
}

/// The same order again, or another one under its key.
fn same(wish: &PlaceOrder, fingerprint: &str, trace_id: TraceId) -> Result<Placed, Problem> {
    if wish.fingerprint == fingerprint {
        Ok(Placed { trace_id, replayed: true })
    } else {
        Err(problems::key_reused(wish.order_id))
    }
}
