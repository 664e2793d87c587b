//! `GET /orders/{id}/timeline`: everything that happened to an order, causes before effects.

use std::{collections::BTreeMap, sync::Arc};

use ::projection::Source;
use axum::{
    Json,
    extract::State,
    response::{IntoResponse, Response},
};
use runtime::{Problem, http::Path};
use serde::Serialize;
use uuid::Uuid;

use super::{Api, parameters, problems, view::EventView};
use crate::{
    projection::STREAMS,
    timeline::{Moment, causal_order},
    trail::{Filter, Page, Recorded, Start},
};

/// Most events shown: an order has some ten.
const LIMIT: usize = 1_000;

#[derive(Serialize)]
struct Timeline<'a> {
    order_id: Uuid,
    events: Vec<EventView<'a>>,
    /// Whether there is more than is shown. What is shown was stored first.
    truncated: bool,
    complete_up_to: BTreeMap<&'static str, u64>,
}

pub(super) async fn timeline<S: Source>(
    State(api): State<Arc<Api<S>>>,
    Path(id): Path<String>,
) -> Result<Response, Problem> {
    let order_id = parameters::order_id("id", &id)?;
    let complete_up_to = api.complete_up_to();
    let filter = Filter { order_id: Some(order_id), ..Filter::default() };
    let page = api.trail.list(&filter, Start::Time(None), LIMIT).await;
    let Page { events, more } = page.map_err(|error| problems::database(&error))?;
    if events.is_empty() {
        return Err(problems::unknown_order(order_id));
    }
    let moments: Vec<_> = events.iter().map(moment).collect();
    let events = causal_order(&moments).into_iter().map(|index| EventView::from(&events[index])).collect();
    Ok(Json(Timeline { order_id, events, truncated: more, complete_up_to }).into_response())
}

fn moment(event: &Recorded) -> Moment {
    let id = |text: Option<&String>| text.and_then(|text| text.parse().ok()).unwrap_or_default();
    let columns = event.columns.as_ref();
    Moment {
        id: id(columns.map(|columns| &columns.id)),
        causation_id: id(columns.map(|columns| &columns.causation_id)),
        timestamp: columns.map_or(event.stored_at, |columns| columns.timestamp),
        stored_at: event.stored_at,
        stream: STREAMS.iter().position(|stream| *stream == event.stream).unwrap_or(STREAMS.len()),
        sequence: event.sequence,
    }
}
