//! Places orders when they are due, stage after stage.
//!
//! The load is open loop: an order is due when its stage says so, however long the ones before it take, and its latency
//! counts from then. So a fleet, or a generator, that falls behind is not flattered by the orders it delayed.

use std::sync::Arc;

use tokio::{
    sync::Semaphore,
    time::{Instant, sleep_until, timeout_at},
};
use tokio_util::task::TaskTracker;

use super::{
    connection::Pool,
    course::Stage,
    customer::{Customer, Market},
};
use crate::load::Plan;

/// How a load is driven.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Generator {
    /// Connections to each replica of the order service, for placing orders.
    pub(crate) connections: usize,
    /// Most orders under way until they are accepted; beyond it later ones are placed late, or not at all.
    pub(crate) in_flight: usize,
    /// Most orders of a second that are followed until they are confirmed.
    pub(crate) sample: f64,
}

impl Default for Generator {
    fn default() -> Self {
        Self { connections: 256, in_flight: 20_000, sample: 200.0 }
    }
}

/// Places orders.
#[derive(Debug)]
pub(super) struct Driver {
    market: Arc<Market>,
    plan: Plan,
    generator: Generator,
    slots: Arc<Semaphore>,
    customers: TaskTracker,
    /// The order that comes next.
    next: u64,
}

impl Driver {
    /// One that places the orders of `plan`, of which only the kinds matter, at the order services that listen at
    /// `urls`.
    pub(super) fn new(plan: Plan, urls: &[String], generator: Generator) -> anyhow::Result<Self> {
        let pool = || Pool::new(urls, generator.connections);
        Ok(Self {
            market: Arc::new(Market::new(pool()?, pool()?)),
            plan,
            generator,
            slots: Arc::new(Semaphore::new(generator.in_flight)),
            customers: TaskTracker::new(),
            next: 0,
        })
    }

    /// What the callers see.
    pub(super) fn market(&self) -> Arc<Market> {
        Arc::clone(&self.market)
    }

    /// Places the orders of one stage; comes back at its end, when some of them may still be under way.
    pub(super) async fn run(&mut self, stage: &Stage) {
        let (start, count) = (Instant::now(), stage.orders());
        let index = {
            let mut tally = self.market.tally();
            tally.begin_stage();
            tally.stages.len() - 1
        };
        let end = start + stage.lasts;
        let mut follow = Share::of(self.generator.sample / stage.rate);
        for place in 0..count {
            let due = start + stage.due(place);
            if due > Instant::now() {
                sleep_until(due).await;
            }
            let slot = timeout_at(end, self.slots.clone().acquire_owned()).await;
            self.market.tally().due(index, due.duration_since(self.market.opened));
            // The semaphore is never closed: only time runs out.
            let Ok(Ok(slot)) = slot else {
                self.give_up(index, start, stage, place);
                break;
            };
            let (market, number, follows) = (self.market(), self.next, follow.takes_next());
            self.next += 1;
            let order = self.plan.order(number);
            self.customers.spawn(async move {
                let customer = Customer { market, number, stage: index, due, follows };
                let placed = customer.place(&order).await;
                drop(slot);
                if let Some(order_id) = placed {
                    customer.go_on(&order, order_id).await;
                }
            });
        }
        sleep_until(end).await;
    }

    /// Counts the orders from `place` on as due and not placed: the stage is over.
    fn give_up(&self, index: usize, start: Instant, stage: &Stage, place: u64) {
        let mut tally = self.market.tally();
        for later in place + 1..stage.orders() {
            tally.due(index, (start + stage.due(later)).duration_since(self.market.opened));
        }
        tally.stages[index].not_placed += stage.orders() - place;
    }

    /// Waits until nobody waits for anything any more.
    pub(super) async fn finish(&self) {
        self.customers.close();
        self.customers.wait().await;
    }
}

/// Takes a share of what comes, evenly.
#[derive(Debug)]
struct Share {
    share: f64,
    saved: f64,
}

impl Share {
    fn of(share: f64) -> Self {
        Self { share: share.min(1.0), saved: 0.0 }
    }

    fn takes_next(&mut self) -> bool {
        self.saved += self.share;
        // What rounding loses must not cost one of a thousand.
        let takes = self.saved >= 1.0 - 1e-9;
        if takes {
            self.saved -= 1.0;
        }
        takes
    }
}

#[cfg(test)]
mod tests;
