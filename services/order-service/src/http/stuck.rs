//! `GET /orders/stuck`: the orders that are not at their end after a while, longest open first.

use std::time::Duration;

use axum::{Json, extract::State};
use events::{OrderId, Timestamp};
use runtime::{
    Problem,
    http::{Query, page_end, page_limit, read_cursor, write_cursor},
};
use uuid::Uuid;

use super::{
    Shared, parameters, problems,
    schema::ProblemView,
    view::{OpenOrderPage, OpenOrderView},
};
use crate::read_model::open::Place;

/// Orders of a page, unless the caller says how many.
const LIMIT: usize = 20;
/// Most orders of a page.
const MAX_LIMIT: usize = 100;
/// A year: more than any stream keeps.
const MAX_MINUTES: u64 = 525_600;

/// List stuck orders
///
/// Orders that are not at their end: neither confirmed nor cancelled, or with money that has to go back. Those that
/// have been so for longest come first, each with what it waits for.
#[utoipa::path(
    get,
    path = "/orders/stuck",
    tag = "orders",
    operation_id = "list_stuck_orders",
    params(
        ("minutes" = Option<u64>, Query, minimum = 0, maximum = 525_600,
            description = "Only those that have been open for so long; as the service is set, usually 5, unless given"),
        ("limit" = Option<u32>, Query, minimum = 1, maximum = 100, description = "Most orders of the page; 20 unless given"),
        ("cursor" = Option<String>, Query, description = "`next_cursor` of the page before, with the same `minutes`"),
    ),
    responses(
        (status = 200, description = "Some orders", body = OpenOrderPage),
        (status = 400, description = "A parameter is wrong", body = ProblemView, content_type = "application/problem+json"),
        (status = 503, description = "Not now", body = ProblemView, content_type = "application/problem+json",
            headers(("Retry-After" = u32))),
    )
)]
pub(super) async fn stuck(
    State(api): Shared,
    Query(parameters): Query<Vec<(String, String)>>,
) -> Result<Json<OpenOrderPage>, Problem> {
    let Wanted { open_for, limit, after } = Wanted::read(parameters, api.stuck.after())?;
    // One more tells whether there is a next page.
    let found = api.stuck.list(open_for, after, limit + 1).await;
    let (mut orders, now) = found.map_err(|error| problems::open_orders(&error))?;
    let next_cursor = page_end(&mut orders, limit).map(|order| cursor(open_for, order.place()));
    let orders = orders.iter().map(|order| OpenOrderView::new(order, now)).collect();
    Ok(Json(OpenOrderPage { orders, next_cursor }))
}

/// What a caller wants listed.
#[derive(Debug, PartialEq, Eq)]
struct Wanted {
    open_for: Duration,
    limit: usize,
    after: Option<Place>,
}

impl Wanted {
    fn read(parameters: Vec<(String, String)>, usual: Duration) -> Result<Self, Problem> {
        let [minutes, limit, cursor] = parameters::read(parameters, ["minutes", "limit", "cursor"])?;
        let open_for = minutes.as_deref().map(read_minutes).transpose()?.unwrap_or(usual);
        let limit = page_limit(limit.as_deref(), LIMIT, MAX_LIMIT)?;
        let after = cursor.as_deref().map(|text| read_place(open_for, text)).transpose()?;
        Ok(Self { open_for, limit, after })
    }
}

fn read_minutes(text: &str) -> Result<Duration, Problem> {
    let digits = text.bytes().all(|byte| byte.is_ascii_digit());
    let minutes = text.parse().ok().filter(|minutes: &u64| digits && *minutes <= MAX_MINUTES);
    minutes.map(|minutes| Duration::from_secs(60 * minutes)).ok_or_else(|| {
        Problem::invalid_parameter("minutes", format_args!("must be a whole number from 0 to {MAX_MINUTES}"))
    })
}

fn listing(open_for: Duration) -> String {
    format!("orders/stuck/1 {}", open_for.as_secs())
}

/// The cursor for what comes after a place.
fn cursor(open_for: Duration, (opened_at, order_id): Place) -> String {
    let place = [&opened_at.0.to_be_bytes()[..], order_id.0.as_bytes()].concat();
    write_cursor(&listing(open_for), &place)
}

fn read_place(open_for: Duration, text: &str) -> Result<Place, Problem> {
    let place = read_cursor(&listing(open_for), text).and_then(|bytes| {
        let (at, id) = bytes.split_first_chunk()?;
        Some((Timestamp(i64::from_be_bytes(*at)), OrderId(Uuid::from_slice(id).ok()?)))
    });
    place.ok_or_else(|| {
        Problem::invalid_parameter("cursor", "must be the next_cursor of a page with the same minutes")
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    const USUAL: Duration = Duration::from_secs(300);

    fn read(query: &[(&str, &str)]) -> Result<Wanted, String> {
        let parameters = query.iter().map(|(name, value)| ((*name).to_owned(), (*value).to_owned()));
        let wanted = Wanted::read(parameters.collect(), USUAL);
        wanted.map_err(|problem| problem.detail().unwrap_or_default().to_owned())
    }

    #[test]
    fn what_is_not_said_is_usual() {
        assert_eq!(read(&[]), Ok(Wanted { open_for: USUAL, limit: 20, after: None }));
        let hour = Duration::from_secs(3_600);
        assert_eq!(
            read(&[("minutes", "60"), ("limit", "3")]),
            Ok(Wanted { open_for: hour, limit: 3, after: None })
        );
        assert_eq!(read(&[("minutes", "0")]).map(|wanted| wanted.open_for), Ok(Duration::ZERO));
    }

    #[test]
    fn a_cursor_leads_back_to_its_place_in_its_list_alone() {
        let place = (Timestamp(1_700_000_000_000_000), OrderId(Uuid::from_u128(7)));
        let text = cursor(USUAL, place);
        assert_eq!(read(&[("cursor", &text)]).map(|wanted| wanted.after), Ok(Some(place)));
        assert!(read(&[("cursor", &text), ("minutes", "6")]).is_err_and(|why| why.contains("same minutes")));
    }
}
