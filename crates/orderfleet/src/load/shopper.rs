//! One caller and its order: placed until it is accepted, followed until it is decided.

use std::{fmt::Display, sync::Arc, time::Duration};

use events::OrderId;
use futures_util::future::join_all;
use tokio::{
    sync::watch,
    time::{Instant, sleep, timeout_at},
};

use super::{
    drive::Progress,
    plan::{PlannedOrder, Twist},
    results::Results,
};
use crate::client::{CallError, Order, OrderBody, OrderClient, OrderStatus, Placed};

/// How long one question for an order's outcome waits for it.
const ASK: Duration = Duration::from_secs(10);
/// Pause before a second try; a fleet that says when to come back is believed instead.
const PAUSE: Duration = Duration::from_millis(100);
/// A fleet that asks for more patience is asked earlier all the same, so that its recovery is seen.
const LONGEST_PAUSE: Duration = Duration::from_secs(1);

/// Somebody who buys one thing.
pub(super) struct Shopper {
    clients: Arc<[OrderClient]>,
    /// Which client comes next.
    turn: usize,
    due: Instant,
    deadline: Instant,
    progress: watch::Sender<Progress>,
    report: Report,
}

/// What one caller has seen.
#[derive(Debug, Default)]
pub(super) struct Report {
    accepted: Option<(OrderId, Duration)>,
    decided: Option<Duration>,
    confirmed: bool,
    retries: u64,
    surprises: Vec<String>,
}

impl Report {
    pub(super) fn add_to(self, results: &mut Results) {
        if let Some((order_id, after)) = self.accepted {
            if self.confirmed {
                results.confirmed += 1;
                results.example = Some(order_id);
            }
            results.accepted.push(order_id);
            results.acceptance.record(after);
        }
        if let Some(after) = self.decided {
            results.decision.record(after);
        }
        results.retries += self.retries;
        self.surprises.into_iter().for_each(|surprise| results.surprises.add(surprise));
    }
}

impl Shopper {
    pub(super) fn new(
        clients: Arc<[OrderClient]>,
        turn: usize,
        due: Instant,
        patience: Duration,
        progress: watch::Sender<Progress>,
    ) -> Self {
        let deadline = Instant::now() + patience;
        Self { clients, turn, due, deadline, progress, report: Report::default() }
    }

    /// Places the order and, unless its caller leaves then, stays until it is decided.
    pub(super) async fn buy(mut self, order: PlannedOrder, stays: bool) -> Report {
        if let Some(order_id) = self.place(&order).await {
            self.progress.send_modify(|progress| {
                progress.accepted += 1;
                progress.accepting.ends(Instant::now());
            });
            if stays {
                self.follow(&order, order_id).await;
            }
        }
        self.progress.send_modify(|progress| progress.finished += 1);
        self.report
    }

    async fn place(&mut self, order: &PlannedOrder) -> Option<OrderId> {
        let tries =
            (0..order.twist.copies()).map(|copy| self.place_one(&order.key, &order.body, self.turn + copy));
        let (mut order_ids, mut retries) = (Vec::new(), 0);
        for (placed, tried) in join_all(tries).await {
            retries += tried;
            match placed {
                Ok(Placed { order_id, .. }) => order_ids.push(order_id),
                Err(error) => self.surprise(&order.key, format_args!("not accepted: {error}")),
            }
        }
        self.report.retries += retries;
        let order_id = *order_ids.first()?;
        self.report.accepted = Some((order_id, self.due.elapsed()));
        if order_ids.iter().any(|other| *other != order_id) {
            self.surprise(&order.key, format_args!("one key, several orders: {order_ids:?}"));
        }
        Some(order_id)
    }

    /// Places an order, with the same key as often as it takes; also says how often it came back.
    async fn place_one(&self, key: &str, body: &OrderBody, turn: usize) -> (Result<Placed, CallError>, u64) {
        let mut retries = 0;
        loop {
            let client = self.client(turn + retries);
            match client.place(body, Some(key), None).await {
                Err(error) if self.comes_back(&error).await => retries += 1,
                placed => return (placed, retries as u64),
            }
        }
    }

    async fn follow(&mut self, order: &PlannedOrder, order_id: OrderId) {
        match order.twist {
            Twist::ReuseKey => self.reuse_key(order).await,
            Twist::CancelEarly => self.cancel(order_id).await,
            Twist::None | Twist::Repeat(_) | Twist::CancelLate => {}
        }
        let Some(decided) = self.decision(order_id).await else { return };
        self.report.decided = Some(self.due.elapsed());
        if decided.status != OrderStatus::Confirmed {
            return;
        }
        self.report.confirmed = true;
        self.progress.send_modify(|progress| progress.confirming.ends(Instant::now()));
        if order.twist == Twist::CancelLate {
            self.cancel(order_id).await;
        }
    }

    /// Waits until the order is confirmed or cancelled.
    async fn decision(&mut self, order_id: OrderId) -> Option<Order> {
        loop {
            match self.client(self.turn).get_settled(order_id, ASK).await {
                Ok(order) if order.status.is_terminal() => return Some(order),
                Ok(_) if Instant::now() < self.deadline => {}
                Ok(order) => {
                    self.surprise(order_id, format_args!("still {}", order.status.as_str()));
                    return None;
                }
                Err(error) if self.comes_back(&error).await => self.again(),
                Err(error) => {
                    self.surprise(order_id, format_args!("cannot be read: {error}"));
                    return None;
                }
            }
        }
    }

    async fn cancel(&mut self, order_id: OrderId) {
        loop {
            match self.client(self.turn).cancel(order_id, None, None).await {
                Ok(_) => return,
                // It was decided before, and not in a way that can be undone.
                Err(error) if error.code() == Some(409) => return,
                Err(error) if self.comes_back(&error).await => self.again(),
                Err(error) => {
                    self.surprise(order_id, format_args!("cannot be cancelled: {error}"));
                    return;
                }
            }
        }
    }

    /// Places another order under the same key, which must be refused.
    async fn reuse_key(&mut self, order: &PlannedOrder) {
        let (answer, retries) = self.place_one(&order.key, &order.altered(), self.turn).await;
        self.report.retries += retries;
        match answer {
            Err(error) if error.code() == Some(422) => {}
            Err(error) => self.surprise(&order.key, format_args!("another order under its key: {error}")),
            Ok(placed) => self.surprise(&order.key, format_args!("another order under its key: {placed:?}")),
        }
    }

    fn client(&self, turn: usize) -> &OrderClient {
        // There is at least one client, see `Load::start`.
        &self.clients[turn % self.clients.len()]
    }

    /// The next attempt goes to the next replica.
    fn again(&mut self) {
        self.turn += 1;
        self.report.retries += 1;
    }

    /// Whether to try again after this error; waits as long as it takes to make sense.
    async fn comes_back(&self, error: &CallError) -> bool {
        // A defect is no reason to come back.
        if !error.is_transient() || error.code() == Some(500) {
            return false;
        }
        let pause = error.retry_after().unwrap_or(PAUSE).min(LONGEST_PAUSE);
        timeout_at(self.deadline, sleep(pause)).await.is_ok()
    }

    fn surprise(&mut self, whom: impl Display, what: impl Display) {
        self.report.surprises.push(format!("{whom}: {what}"));
    }
}
