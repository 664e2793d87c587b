//! The HTTP API: one file per endpoint, and what they share.

mod cancel;
mod cursor;
mod find;
mod list;
mod parameters;
mod place;
mod prefer;
mod problems;
mod schema;
mod stuck;
mod view;
mod wait;

use std::{sync::Arc, time::Duration};

use axum::extract::{DefaultBodyLimit, State};
use events::{OrderId, Timestamp, catalogue::REQUESTS};
use messaging::{clock::Clock, jetstream::JetStream};
use runtime::Problem;
use service::Requests;
use tokio_util::sync::CancellationToken;
use utoipa_axum::{router::OpenApiRouter, routes};

use crate::{
    domain::Windows,
    look_ups::LookUps,
    metrics::Metrics,
    read_model::{Order, ReadModel},
    reflection::{Behind, Reflection},
    stuck::Stuck,
    waiters::Waiters,
};

/// Largest body taken; an order of 100 lines with the longest ids is a quarter of it.
const MAX_BODY: usize = 64 * 1024;
/// How long a read waits for the read model to catch up with what was accepted.
const PATIENCE: Duration = Duration::from_millis(500);

/// What the endpoints work with.
pub(crate) struct Api {
    pub(crate) log: JetStream,
    pub(crate) requests: Requests,
    pub(crate) orders: ReadModel,
    pub(crate) look_ups: LookUps,
    pub(crate) reflection: Reflection,
    pub(crate) waiters: Waiters,
    pub(crate) stuck: Stuck,
    pub(crate) windows: Windows,
    pub(crate) clock: Clock,
    pub(crate) metrics: Metrics,
    /// Cancelled when the process stops: nobody is kept waiting then.
    pub(crate) stop: CancellationToken,
}

type Shared = State<Arc<Api>>;

/// The endpoints, and their description.
pub(crate) fn router() -> OpenApiRouter<Arc<Api>> {
    OpenApiRouter::with_openapi(crate::openapi::base())
        .routes(routes!(place::place, list::list))
        .routes(routes!(stuck::stuck))
        .routes(routes!(find::find))
        .routes(routes!(cancel::cancel))
        .layer(DefaultBodyLimit::max(MAX_BODY))
}

impl Api {
    fn now(&self) -> Timestamp {
        (self.clock)()
    }

    /// An order, if the read model has it.
    async fn look_up(&self, order_id: OrderId) -> Result<Option<Order>, Problem> {
        self.look_ups.find(order_id).await.map_err(|error| problems::database(&error))
    }

    /// An order as of everything that was accepted before the call: a 404 is final.
    async fn find(&self, order_id: OrderId) -> Result<Order, Problem> {
        if let Some(order) = self.look_up(order_id).await? {
            return Ok(order);
        }
        let reflected = self.reflection.of_everything_accepted(PATIENCE).await;
        self.look_up(order_id).await?.ok_or_else(|| match reflected {
            Ok(()) => problems::no_such_order(order_id),
            // It may be one of those that have not come through.
            Err(Behind) => problems::behind(order_id),
        })
    }
}

/// Reads an order's id from a path.
fn order_id(text: &str) -> Result<OrderId, Problem> {
    text.parse().map_err(|_not_a_uuid| {
        Problem::invalid_parameter("order_id", format_args!("must be {}", OrderId::FORM))
    })
}

/// Where an order can be read.
fn location(order_id: OrderId) -> String {
    format!("/orders/{order_id}")
}

/// The stream that callers' wishes go to.
const STREAM: &str = REQUESTS.name;
