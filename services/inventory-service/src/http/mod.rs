//! The stock API: one file per endpoint, and what they share.
//!
//! | endpoint | file |
//! |---|---|
//! | `GET /stock` | `list` |
//! | `GET /stock/{sku}` | `find` |
//! | `POST /stock/{sku}/adjustments` | `adjust` |

mod adjust;
mod body;
mod find;
mod list;
mod problems;
mod rules;
mod view;

use std::{sync::Arc, time::Duration};

use axum::{
    Router,
    extract::{DefaultBodyLimit, State},
    routing::{get, post},
};
use service::Requests;

use crate::reader::StockReader;

/// Largest body taken: many times that of the longest reason.
const MAX_BODY: usize = 16 * 1024;

/// What the endpoints work with.
pub(crate) struct Api {
    pub(crate) stock: StockReader,
    pub(crate) requests: Requests,
    /// For how long a repeated adjustment is recognised.
    pub(crate) memory: Duration,
}

type Shared = State<Arc<Api>>;

/// The endpoints.
pub(crate) fn router(api: Api) -> Router {
    Router::new()
        .route("/stock", get(list::list))
        .route("/stock/{sku}", get(find::find))
        .route("/stock/{sku}/adjustments", post(adjust::adjust))
        .layer(DefaultBodyLimit::max(MAX_BODY))
        .with_state(Arc::new(api))
}
