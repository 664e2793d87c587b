//! `GET /orders/{order_id}`: one order, as of everything accepted before, or as soon as it is settled.

use axum::{
    Json,
    extract::State,
    http::HeaderMap,
    response::{IntoResponse, Response},
};
use runtime::{Problem, http::Path};
use tokio::time::Instant;

use super::{Shared, order_id, prefer, schema::ProblemView, view::OrderView, wait::Patience};

/// Read an order
///
/// An order whose 202 was received is found, whichever replica is asked, and a 404 is final. What is shown of
/// it may be a moment old. With `Prefer: wait=N` the answer comes when the order is settled.
#[utoipa::path(
    get,
    path = "/orders/{order_id}",
    tag = "orders",
    operation_id = "get_order",
    params(
        ("order_id" = uuid::Uuid, Path, description = "The order"),
        ("Prefer" = Option<String>, Header, example = "wait=10",
            description = "`wait=N`: answer when the order is settled, or after N seconds (at most 30)"),
    ),
    responses(
        (status = 200, description = "The order", body = OrderView, headers(("Preference-Applied" = String))),
        (status = 400, description = "That is no order's id, or a bad header", body = ProblemView, content_type = "application/problem+json"),
        (status = 404, description = "There is no such order", body = ProblemView, content_type = "application/problem+json"),
        (status = 503, description = "Not now; there may be such an order", body = ProblemView, content_type = "application/problem+json",
            headers(("Retry-After" = u32))),
    )
)]
pub(super) async fn find(
    State(api): Shared,
    Path(order): Path<String>,
    headers: HeaderMap,
) -> Result<Response, Problem> {
    let arrived = Instant::now();
    let order_id = order_id(&order)?;
    let wait = prefer::read(&headers)?;
    // Before the order is looked at, so that its settlement cannot slip by.
    let patience = wait.map(|wait| Patience::new(&api, order_id, wait, arrived));
    let mut order = api.find(order_id).await?;
    if let Some(patience) = patience.as_ref().filter(|_| !order.stage.is_settled()) {
        api.wait_out(patience).await;
        order = api.find(order_id).await?;
    }
    let mut response = Json(OrderView::from(order)).into_response();
    if let Some(patience) = &patience {
        patience.mark(response.headers_mut());
    }
    Ok(response)
}
