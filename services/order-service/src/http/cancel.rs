//! `POST /orders/{order_id}/cancel`: stores the wish to cancel; the journal decides whether it came in time.

use std::time::Duration;

use axum::{
    extract::{Request, State},
    http::StatusCode,
    response::Response,
};
use events::{EventData, ids, requests::CancelOrder};
use messaging::{
    log::Ack,
    trace::{self, TraceContext},
};
use runtime::{
    Problem,
    http::{Path, json_body_if_any},
};
use service::{Repeat, not_stored};
use tokio::time::Instant;

use super::{
    Api, Shared, order_id, prefer, problems,
    schema::{CancelBody, ProblemView},
    view::{Accepted, OrderView},
    wait::Patience,
};
use crate::{
    intake,
    metrics::{Asked, Outcome},
    projection::change::Stage,
    read_model::Order,
};

/// By how much the broker's clock, which decides, may be behind ours.
const CLOCKS: Duration = Duration::from_secs(10);

/// Cancel an order
///
/// An order that is not confirmed yet is cancelled, and one that was confirmed a short while ago too: its
/// money goes back. Repeating the request is harmless.
#[utoipa::path(
    post,
    path = "/orders/{order_id}/cancel",
    tag = "orders",
    operation_id = "cancel_order",
    params(
        ("order_id" = uuid::Uuid, Path, description = "The order"),
        ("Prefer" = Option<String>, Header, example = "wait=10",
            description = "`wait=N`: answer when it is decided, or after N seconds (at most 30)"),
    ),
    request_body(content = Option<CancelBody>, content_type = "application/json"),
    responses(
        (status = 200, description = "The order is cancelled", body = OrderView,
            headers(("Location" = String), ("Preference-Applied" = String))),
        (status = 202, description = "The request is accepted and will be decided on", body = Accepted,
            headers(("Location" = String), ("Preference-Applied" = String))),
        (status = 400, description = "No order's id, no JSON, or a bad header", body = ProblemView, content_type = "application/problem+json"),
        (status = 404, description = "There is no such order", body = ProblemView, content_type = "application/problem+json"),
        (status = 408, description = "The body came too slowly", body = ProblemView, content_type = "application/problem+json"),
        (status = 409, description = "The order can no longer be cancelled", body = ProblemView, content_type = "application/problem+json"),
        (status = 413, description = "The body is too large", body = ProblemView, content_type = "application/problem+json"),
        (status = 415, description = "Not `application/json`", body = ProblemView, content_type = "application/problem+json"),
        (status = 422, description = "A field is wrong", body = ProblemView, content_type = "application/problem+json"),
        (status = 503, description = "Not now; sending it again is harmless", body = ProblemView, content_type = "application/problem+json",
            headers(("Retry-After" = u32))),
    )
)]
pub(super) async fn cancel(
    State(api): Shared,
    Path(order): Path<String>,
    request: Request,
) -> Result<Response, Problem> {
    let arrived = Instant::now();
    let order_id = order_id(&order)?;
    let wait = prefer::read(request.headers())?;
    let reason = intake::read_cancel(&json_body_if_any(request).await?)?;
    let order = api.find(order_id).await?;
    if order.stage == Stage::Cancelled {
        return Ok(OrderView::response(StatusCode::OK, order));
    }
    if api.is_too_late(&order) {
        return Err(problems::too_late(order_id, api.windows));
    }
    let patience = wait.map(|wait| Patience::new(&api, order_id, wait, arrived));
    let ack = api.ask_to_cancel(&order, reason).await?;

    let decided = match &patience {
        Some(patience) => api.until_decided(&ack, patience, &order).await?,
        None => None,
    };
    let mut response = match decided {
        Some(order) => OrderView::response(StatusCode::OK, order),
        None => Accepted::response(order_id, order.trace_id),
    };
    if let Some(patience) = &patience {
        patience.mark(response.headers_mut());
    }
    Ok(response)
}

impl Api {
    /// Whether the order was confirmed so long ago that the journal, which has the last word, can only
    /// refuse.
    fn is_too_late(&self, order: &Order) -> bool {
        // Nothing that happened to it later makes its confirmation earlier.
        let confirmed = order.updated_at.after(CLOCKS);
        order.stage == Stage::Confirmed && !self.windows.allow_cancel(confirmed, self.now())
    }

    /// Stores the wish, in the trace of the order.
    async fn ask_to_cancel(&self, order: &Order, reason: Option<String>) -> Result<Ack, Problem> {
        let wish = CancelOrder { order_id: order.order_id, reason };
        let id = ids::derive(&[CancelOrder::TYPE, &wish.order_id.to_string()]);
        let stored = self.requests.publish(id, &wish, &trace_of(order)).await;
        let outcome = match &stored {
            Ok(Ack { duplicate: false, .. }) => Outcome::Stored,
            Ok(Ack { duplicate: true, .. }) => Outcome::Repeated,
            Err(_) => Outcome::Unavailable,
        };
        self.metrics.asked(Asked::Cancel, outcome);
        stored.map_err(|error| not_stored(&error, Repeat::Harmless))
    }

    /// Waits until the wish is decided on: the order as it is cancelled; `None` if it is not in time.
    async fn until_decided(
        &self,
        ack: &Ack,
        patience: &Patience,
        order: &Order,
    ) -> Result<Option<Order>, Problem> {
        let decided = tokio::select! {
            decided = self.reflection.of(ack.sequence, patience.deadline) => decided.is_ok(),
            () = self.stop.cancelled() => false,
        };
        // The wish is stored all the same, so that the order cannot be read just now is no failure.
        let found = self.look_up(order.order_id).await.ok().flatten();
        match found {
            Some(order) if order.stage == Stage::Cancelled => Ok(Some(order)),
            Some(Order { stage: Stage::Confirmed, .. }) if decided => {
                Err(problems::too_late(order.order_id, self.windows))
            }
            Some(_) if decided => Err(problems::not_open(order.order_id)),
            Some(_) | None => Ok(None),
        }
    }
}

/// The order's own trace: one order, one trace, whoever asks for what. Recorded if this request is.
fn trace_of(order: &Order) -> TraceContext {
    let current = trace::current();
    if order.trace_id.is_none() || order.trace_id == current.trace_id {
        return current;
    }
    TraceContext { sampled: current.sampled, ..TraceContext::unsampled(order.trace_id) }
}
