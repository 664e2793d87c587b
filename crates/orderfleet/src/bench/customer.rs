//! One order of a bench: placed until it is accepted, its twist carried out, and, if it is of the sample, followed until
//! its caller can read that it is confirmed.

use std::{
    fmt::Display,
    sync::{Arc, Mutex, MutexGuard, PoisonError},
    time::Duration,
};

use events::OrderId;
use futures_util::future::join_all;
use serde::Deserialize;
use tokio::time::{Instant, sleep, timeout_at};

use super::{
    connection::{Answer, Call, Pool},
    tally::Tally,
};
use crate::{
    client::{OrderBody, OrderStatus},
    load::{PlannedOrder, Twist},
};

/// How long a caller goes on trying, or waiting for an outcome, before that is a surprise.
const PATIENCE: Duration = Duration::from_secs(120);
/// Pause before a second try, unless the fleet says when to come back.
const PAUSE: Duration = Duration::from_millis(100);
/// Seconds that one question for an order's outcome waits for it.
const ASK: u64 = 20;

/// What the callers share.
#[derive(Debug)]
pub(super) struct Market {
    /// For those who place orders.
    pub(super) counter: Pool,
    /// For those who follow them, so that waiting keeps nobody from placing.
    pub(super) window: Pool,
    /// When the first stage began.
    pub(super) opened: Instant,
    tally: Mutex<Tally>,
}

impl Market {
    pub(super) fn new(counter: Pool, window: Pool) -> Self {
        Self { counter, window, opened: Instant::now(), tally: Mutex::default() }
    }

    /// What was seen up to now.
    pub(super) fn tally(&self) -> MutexGuard<'_, Tally> {
        // Every change of it is complete in itself, so a panicked holder leaves it usable.
        self.tally.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// Somebody who buys one thing.
pub(super) struct Customer {
    pub(super) market: Arc<Market>,
    /// Which order it is; also decides which replica is called first.
    pub(super) number: u64,
    /// In which stage it is due.
    pub(super) stage: usize,
    pub(super) due: Instant,
    /// Whether it belongs to the sample.
    pub(super) follows: bool,
}

/// The part of an answer that is looked at.
#[derive(Debug, Deserialize)]
struct Word {
    order_id: OrderId,
    status: OrderStatus,
}

impl Customer {
    /// Places the order; `None` when that failed.
    pub(super) async fn place(&self, order: &PlannedOrder) -> Option<OrderId> {
        let call = self.order_call(&order.key, &order.body)?;
        let tries = (0..order.twist.copies()).map(|copy| self.place_copy(copy, &call));
        let placed = join_all(tries).await;
        let first = placed.first().copied().flatten()?;
        if placed.iter().flatten().any(|other| *other != first) {
            self.surprise(&order.key, format_args!("one key, several orders: {placed:?}"));
        }
        Some(first)
    }

    async fn place_copy(&self, copy: usize, call: &Call) -> Option<OrderId> {
        let answer = self.until_answered(&self.market.counter, self.number + copy as u64, call).await?;
        let word = self.read(&answer, &[202])?;
        if copy == 0 {
            let (at, took) = self.now();
            self.market.tally().accepted(self.stage, at, took, word.order_id);
        }
        Some(word.order_id)
    }

    /// What happens after an order is accepted.
    pub(super) async fn go_on(&self, order: &PlannedOrder, order_id: OrderId) {
        match order.twist {
            Twist::ReuseKey => self.reuse_key(order).await,
            Twist::CancelEarly => self.cancel(order_id).await,
            Twist::CancelLate => {
                if self.outcome(order_id).await == Some(OrderStatus::Confirmed) {
                    self.cancel(order_id).await;
                }
            }
            Twist::None | Twist::Repeat(_) if self.follows => {
                if self.outcome(order_id).await == Some(OrderStatus::Confirmed) {
                    let (at, took) = self.now();
                    self.market.tally().confirmed(self.stage, at, took, order_id);
                }
            }
            Twist::None | Twist::Repeat(_) => {}
        }
    }

    /// Waits until the order is confirmed or cancelled, as a caller who wants to know would.
    async fn outcome(&self, order_id: OrderId) -> Option<OrderStatus> {
        let call = Call::get(format!("/orders/{order_id}")).header("prefer", format!("wait={ASK}"));
        loop {
            let answer = self.until_answered(&self.market.window, self.number, &call).await?;
            let status = self.read(&answer, &[200])?.status;
            if status.is_terminal() {
                return Some(status);
            }
            if self.due.elapsed() > PATIENCE {
                self.surprise(order_id, format_args!("still {}", status.as_str()));
                return None;
            }
        }
    }

    async fn cancel(&self, order_id: OrderId) {
        let call = Call::post(format!("/orders/{order_id}/cancel"), "{}");
        if let Some(answer) = self.until_answered(&self.market.counter, self.number, &call).await {
            // 409: it was decided before, and not in a way that can be undone.
            if answer.status != 409 {
                self.read(&answer, &[200, 202]);
            }
        }
    }

    /// Places another order under the same key, which must be refused.
    async fn reuse_key(&self, order: &PlannedOrder) {
        let Some(call) = self.order_call(&order.key, &order.altered()) else { return };
        if let Some(answer) = self.until_answered(&self.market.counter, self.number, &call).await
            && answer.status != 422
        {
            self.surprise(&order.key, format_args!("another order under its key: {}", answer.status));
        }
    }

    fn order_call(&self, key: &str, body: &OrderBody) -> Option<Call> {
        match serde_json::to_vec(body) {
            Ok(body) => Some(Call::post("/orders", body).header("idempotency-key", key)),
            Err(error) => {
                self.surprise(key, format_args!("no order that could be sent: {error}"));
                None
            }
        }
    }

    /// Calls, and comes back as long as nobody is there or the fleet asks for patience.
    async fn until_answered(&self, pool: &Pool, turn: u64, call: &Call) -> Option<Answer> {
        let deadline = Instant::now() + PATIENCE;
        for attempt in 0.. {
            let answered = pool.call(turn + attempt, call).await;
            let pause = match &answered {
                Ok(answer) if [429, 503].contains(&answer.status) => answer.retry_after.unwrap_or(PAUSE),
                Ok(_) => return answered.ok(),
                Err(_) => PAUSE,
            };
            if timeout_at(deadline, sleep(pause)).await.is_err() {
                let why =
                    answered.map_or_else(|error| format!("{error:#}"), |answer| answer.status.to_string());
                self.surprise(&call.path, format_args!("given up after {PATIENCE:?}: {why}"));
                return None;
            }
            self.market.tally().retries += 1;
        }
        None
    }

    fn read(&self, answer: &Answer, lawful: &[u16]) -> Option<Word> {
        let text = || String::from_utf8_lossy(&answer.body).into_owned();
        if !lawful.contains(&answer.status) {
            self.surprise(self.number, format_args!("{}: {}", answer.status, text()));
            return None;
        }
        let word = serde_json::from_slice(&answer.body);
        word.map_err(|error| self.surprise(self.number, format_args!("{error}: {}", text()))).ok()
    }

    /// The time since the first stage began, and since the order was due.
    fn now(&self) -> (Duration, Duration) {
        (self.market.opened.elapsed(), self.due.elapsed())
    }

    fn surprise(&self, whom: impl Display, what: impl Display) {
        self.market.tally().surprises.add(format!("{whom}: {what}"));
    }
}
