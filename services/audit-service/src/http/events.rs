//! `GET /events`: what was stored, filtered, in pages.

use std::{collections::BTreeMap, sync::Arc};

use ::projection::Source;
use axum::{
    Json,
    extract::State,
    response::{IntoResponse, Response},
};
use runtime::{
    Problem,
    http::{Query, page_limit},
};
use serde::{Deserialize, Serialize};

use super::{
    Api, cursor, parameters, problems,
    view::{DigestView, EventView},
};
use crate::trail::{Filter, Page, Recorded, Start};

/// Messages on a page, unless the caller says otherwise.
const DEFAULT_LIMIT: usize = 100;
/// Most messages on a page.
const MAX_LIMIT: usize = 1_000;

/// The query as it came.
#[derive(Debug, Default, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Parameters {
    stream: Option<String>,
    r#type: Option<String>,
    order_id: Option<String>,
    aggregate_id: Option<String>,
    trace_id: Option<String>,
    from: Option<String>,
    to: Option<String>,
    after: Option<String>,
    limit: Option<String>,
    cursor: Option<String>,
    view: Option<String>,
}

/// What a caller wants.
struct Wanted {
    filter: Filter,
    /// The order of the whole listing.
    order: Start,
    /// Where in it this page begins.
    start: Start,
    limit: usize,
    view: View,
}

#[derive(Clone, Copy)]
enum View {
    Full,
    Digest,
}

#[derive(Serialize)]
struct Listing<T> {
    events: Vec<T>,
    next_cursor: Option<String>,
    complete_up_to: BTreeMap<&'static str, u64>,
}

pub(super) async fn events<S: Source>(
    State(api): State<Arc<Api<S>>>,
    Query(parameters): Query<Parameters>,
) -> Result<Response, Problem> {
    let Wanted { filter, order, start, limit, view } = Wanted::read(parameters)?;
    // Before the rows are read: what is committed meanwhile may or may not be among them.
    let complete_up_to = api.complete_up_to();
    let page = api.trail.list(&filter, start, limit).await;
    let Page { events, more } = page.map_err(|error| problems::database(&error))?;
    let last = events.last().filter(|_| more).map(Recorded::place);
    let next_cursor = last.map(|place| cursor::encode(&filter, &order, &place));
    Ok(match view {
        View::Full => {
            let events: Vec<_> = events.iter().map(EventView::from).collect();
            Json(Listing { events, next_cursor, complete_up_to }).into_response()
        }
        View::Digest => {
            let events: Vec<_> = events.iter().map(DigestView::from).collect();
            Json(Listing { events, next_cursor, complete_up_to }).into_response()
        }
    })
}

impl Wanted {
    fn read(parameters: Parameters) -> Result<Self, Problem> {
        let Parameters { after, limit, cursor, view, .. } = &parameters;
        let (limit, view) =
            (page_limit(limit.as_deref(), DEFAULT_LIMIT, MAX_LIMIT)?, read_view(view.as_deref())?);
        let order = match after {
            None => Start::Time(None),
            Some(_) if parameters.stream.is_none() => {
                return Err(Problem::invalid_parameter(
                    "after",
                    "is a sequence of one stream: name it by `stream`",
                ));
            }
            Some(after) => Start::Sequence(parameters::sequence("after", after)?),
        };
        let cursor = cursor.clone();
        let filter = read_filter(parameters)?;
        let start = match &cursor {
            None => order.clone(),
            Some(cursor) => cursor::decode(&filter, &order, cursor).ok_or_else(|| {
                Problem::invalid_parameter(
                    "cursor",
                    "is not the `next_cursor` of a page with the same other parameters",
                )
            })?,
        };
        Ok(Self { filter, order, start, limit, view })
    }
}

fn read_filter(parameters: Parameters) -> Result<Filter, Problem> {
    let Parameters { stream, r#type, order_id, aggregate_id, trace_id, from, to, .. } = parameters;
    let filter = Filter {
        stream: stream.map(|text| parameters::stream("stream", &text)).transpose()?,
        kind: r#type.map(|text| parameters::text("type", text)).transpose()?,
        aggregate_id: aggregate_id.map(|text| parameters::text("aggregate_id", text)).transpose()?,
        order_id: order_id.map(|text| parameters::order_id("order_id", &text)).transpose()?,
        trace_id: trace_id.map(|text| parameters::trace_id("trace_id", &text)).transpose()?,
        since: from.map(|text| parameters::instant("from", &text)).transpose()?,
        until: to.map(|text| parameters::instant("to", &text)).transpose()?,
    };
    match (filter.since, filter.until) {
        (Some(since), Some(until)) if since >= until => {
            Err(Problem::invalid_parameter("to", "must be later than `from`"))
        }
        _ => Ok(filter),
    }
}

fn read_view(text: Option<&str>) -> Result<View, Problem> {
    match text {
        None | Some("full") => Ok(View::Full),
        Some("digest") => Ok(View::Digest),
        Some(_) => Err(Problem::invalid_parameter("view", "must be full or digest")),
    }
}
