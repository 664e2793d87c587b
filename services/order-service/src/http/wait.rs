//! Waiting for what becomes of an order, on behalf of a caller who prefers that.

use std::time::Duration;

use axum::http::HeaderMap;
use events::OrderId;
use tokio::time::{Instant, sleep_until, timeout_at};

use super::{Api, prefer::Wait};
use crate::{metrics::WaitingCaller, read_model::Order, waiters::Waiting};

/// How long the last look at the order may take when the time is up.
const LAST_LOOK: Duration = Duration::from_secs(1);

/// One caller who waits for one order.
pub(super) struct Patience {
    order_id: OrderId,
    wait: Wait,
    /// When to answer at the latest.
    pub(super) deadline: Instant,
    waiting: Waiting,
    _counted: WaitingCaller,
}

impl Patience {
    /// Begins to wait, with a request that arrived then.
    pub(super) fn new(api: &Api, order_id: OrderId, wait: Wait, arrived: Instant) -> Self {
        let deadline = wait.deadline(arrived);
        let (waiting, _counted) = (api.waiters.register(order_id), api.metrics.waiting());
        Self { order_id, wait, deadline, waiting, _counted }
    }

    /// Says that the preference was honoured.
    pub(super) fn mark(&self, headers: &mut HeaderMap) {
        let (name, value) = self.wait.applied();
        headers.insert(name, value);
    }
}

impl Api {
    /// Waits until the order is settled; `None` if it is not in time, or cannot be read.
    pub(super) async fn until_settled(&self, patience: &Patience) -> Option<Order> {
        let settled = async {
            // One that was settled before this began wakes nobody.
            if let Some(order) = self.look_if_settled(patience.order_id).await {
                return Some(order);
            }
            self.wait_out(patience).await;
            self.look_if_settled(patience.order_id).await
        };
        timeout_at(patience.deadline + LAST_LOOK, settled).await.unwrap_or_default()
    }

    /// Waits until the order is settled, the time is up, or the process stops. Whoever looked at the order before
    /// `patience` began has to look again first: one that was settled by then wakes nobody.
    pub(super) async fn wait_out(&self, patience: &Patience) {
        tokio::select! {
            () = patience.waiting.settled() => {}
            () = sleep_until(patience.deadline) => {}
            () = self.stop.cancelled() => {}
        }
    }

    async fn look_if_settled(&self, order_id: OrderId) -> Option<Order> {
        // The order is accepted all the same, so that it cannot be read just now is no failure.
        let found = self.look_up(order_id).await.ok().flatten();
        found.filter(|order| order.stage.is_settled())
    }
}
