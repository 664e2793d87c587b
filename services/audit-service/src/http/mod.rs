//! The API: one file per endpoint, and what they share.
//!
//! ```text
//! GET /orders/{id}/timeline   everything that happened to an order, causes before effects
//! GET /events                 what was stored, filtered, in pages
//! GET /integrity              what is missing; ?verify=full also what was changed
//! ```
//!
//! To compare a stream with the trail, ask `GET /events?stream=ORDERS&after=0&limit=1000&view=digest`, and
//! again with `after` the last sequence of the answer, until `next_cursor` is null: every message with its
//! id and the SHA-256 of its body, in the order of the stream.
//!
//! A request takes bounded time. Where a trail is too long for one, `GET /integrity` answers `"finished": false` for
//! what it has examined, and is asked again with `stream` and `from` as its `next` says, until it has finished. These say
//! where to begin: the streams after that one follow.

mod cursor;
mod events;
mod integrity;
mod parameters;
mod problems;
mod timeline;
mod view;

use std::{collections::BTreeMap, sync::Arc};

use ::projection::{Handle, Source};
use axum::{Router, routing::get};
use tokio::sync::Semaphore;

use crate::{integrity::Auditor, projection::STREAMS, trail::Trail};

/// What the endpoints work with.
#[derive(Debug)]
pub(crate) struct Api<S> {
    trail: Trail,
    auditor: Auditor<S>,
    projector: Handle,
    /// A verification reads everything there is: one at a time.
    verifying: Semaphore,
}

impl<S: Source> Api<S> {
    /// Serves `trail`, which `projector` writes.
    pub(crate) fn new(trail: Trail, auditor: Auditor<S>, projector: Handle) -> Self {
        Self { trail, auditor, projector, verifying: Semaphore::new(1) }
    }

    /// For every stream the sequence up to which whoever asks the database now will find everything.
    fn complete_up_to(&self) -> BTreeMap<&'static str, u64> {
        let status = self.projector.status();
        STREAMS.iter().map(|stream| (*stream, status.applied(stream))).collect()
    }
}

/// The endpoints.
pub(crate) fn router<S: Source>(api: Api<S>) -> Router {
    Router::new()
        .route("/orders/{id}/timeline", get(timeline::timeline::<S>))
        .route("/events", get(events::events::<S>))
        .route("/integrity", get(integrity::integrity::<S>))
        .with_state(Arc::new(api))
}
