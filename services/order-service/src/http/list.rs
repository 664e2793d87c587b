//! `GET /orders`: the orders, newest first, page by page.

use axum::{Json, extract::State};
use events::form::CUSTOMER_ID;
use runtime::{
    Problem,
    http::{Query, page_end, page_limit},
};

use super::{
    PATIENCE, Shared, cursor, parameters, problems,
    schema::ProblemView,
    view::{OrderPage, OrderView, Status},
};
use crate::{projection::change::Stage, read_model::Filter};

/// Orders of a page, unless the caller says how many.
const LIMIT: usize = 20;
/// Most orders of a page.
const MAX_LIMIT: usize = 100;

/// List orders
///
/// Newest first. Follow `next_cursor` for more: orders that are placed meanwhile move nothing to another
/// page. The first page reflects everything accepted before the call.
#[utoipa::path(
    get,
    path = "/orders",
    tag = "orders",
    operation_id = "list_orders",
    params(
        ("customer_id" = Option<String>, Query, description = "Only this customer's"),
        ("status" = Option<Status>, Query, description = "Only those that have come exactly so far"),
        ("limit" = Option<u32>, Query, minimum = 1, maximum = 100, description = "Most orders of the page; 20 unless given"),
        ("cursor" = Option<String>, Query, description = "`next_cursor` of the page before, with the same filter"),
    ),
    responses(
        (status = 200, description = "Some orders", body = OrderPage),
        (status = 400, description = "A parameter is wrong", body = ProblemView, content_type = "application/problem+json"),
        (status = 503, description = "Not now", body = ProblemView, content_type = "application/problem+json",
            headers(("Retry-After" = u32))),
    )
)]
pub(super) async fn list(
    State(api): Shared,
    Query(parameters): Query<Vec<(String, String)>>,
) -> Result<Json<OrderPage>, Problem> {
    let Wanted { filter, limit } = Wanted::read(parameters)?;
    // Later pages hold what is older than the first one.
    if filter.before.is_none() && api.reflection.of_everything_accepted(PATIENCE).await.is_err() {
        return Err(problems::list_behind());
    }
    // One more tells whether there is a next page.
    let enough = i64::try_from(limit + 1).unwrap_or(i64::MAX);
    let found = api.orders.list(&filter, enough).await;
    let mut orders = found.map_err(|error| problems::database(&error))?;
    let next_cursor = page_end(&mut orders, limit).map(|order| cursor::write(order.place, &filter));
    let orders = orders.into_iter().map(OrderView::from).collect();
    Ok(Json(OrderPage { orders, next_cursor }))
}

/// What a caller wants listed.
#[derive(Debug, PartialEq, Eq)]
struct Wanted {
    filter: Filter,
    limit: usize,
}

impl Wanted {
    fn read(parameters: Vec<(String, String)>) -> Result<Self, Problem> {
        let names = ["customer_id", "status", "limit", "cursor"];
        let [customer_id, status, limit, cursor] = parameters::read(parameters, names)?;
        let customer_id = customer_id.map(read_customer_id).transpose()?;
        let stage = status.as_deref().map(read_status).transpose()?;
        let limit = page_limit(limit.as_deref(), LIMIT, MAX_LIMIT)?;
        let filter = Filter { customer_id, stage, before: None };
        let before = cursor.as_deref().map(|text| read_cursor(text, &filter)).transpose()?;
        Ok(Self { filter: Filter { before, ..filter }, limit })
    }
}

fn read_customer_id(text: String) -> Result<String, Problem> {
    if CUSTOMER_ID.fits(&text) {
        Ok(text)
    } else {
        Err(Problem::invalid_parameter("customer_id", format_args!("must be {CUSTOMER_ID}")))
    }
}

fn read_status(text: &str) -> Result<Stage, Problem> {
    let found = Status::ALL.into_iter().find(|(name, _)| *name == text);
    found.map(|(_, stage)| stage).ok_or_else(|| {
        let names: Vec<_> = Status::ALL.iter().map(|(name, _)| *name).collect();
        Problem::invalid_parameter("status", format_args!("must be one of {}", names.join(", ")))
    })
}

fn read_cursor(text: &str, filter: &Filter) -> Result<i64, Problem> {
    cursor::read(text, filter).ok_or_else(|| {
        Problem::invalid_parameter(
            "cursor",
            "must be the next_cursor of a page with the same customer_id and status",
        )
    })
}
