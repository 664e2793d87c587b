//! Places the planned orders when they are due, and gathers what comes of them.

use std::{sync::Arc, time::Duration};

use anyhow::Context;
use tokio::{
    sync::{Semaphore, watch},
    task::JoinSet,
    time::{Instant, sleep_until},
};

use super::{
    lull::Lull,
    plan::Plan,
    results::Results,
    shopper::{Report, Shopper},
};
use crate::client::OrderClient;

/// How a load is driven.
#[derive(Debug, Clone, Copy)]
pub struct Options {
    /// How long a caller goes on trying, or waiting for a decision, before that is a surprise.
    pub patience: Duration,
    /// Most orders under way at once; beyond it later ones are placed late, which their latency shows.
    pub in_flight: usize,
    /// Whether callers stay until their order is decided. Those who do not leave as soon as it is accepted.
    pub follow: bool,
}

impl Default for Options {
    fn default() -> Self {
        Self { patience: Duration::from_secs(90), in_flight: 4_000, follow: true }
    }
}

/// How far a load has come.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Progress {
    /// Orders that were accepted.
    pub accepted: u64,
    /// Orders that callers are through with, well or not.
    pub finished: u64,
    /// Between one order accepted and the next.
    pub accepting: Lull,
    /// Between one order that a caller could read to be confirmed and the next.
    pub confirming: Lull,
}

/// A load under way. Dropping it ends it.
#[derive(Debug)]
pub struct Load {
    driver: JoinSet<Results>,
    progress: watch::Receiver<Progress>,
}

impl Load {
    /// Begins to place orders at the order services behind `clients`, in turn.
    #[must_use]
    pub fn start(plan: Plan, clients: Vec<OrderClient>, options: Options) -> Self {
        let (told, progress) = watch::channel(Progress::default());
        let mut driver = JoinSet::new();
        driver.spawn(drive(plan, clients, options, told));
        Self { driver, progress }
    }

    /// How far it has come, now and whenever that changes.
    #[must_use]
    pub fn progress(&self) -> watch::Receiver<Progress> {
        self.progress.clone()
    }

    /// Waits until so many orders are accepted, or the load is over.
    pub async fn accepted(&self, count: u64) {
        // An error means that the load is over.
        self.progress.clone().wait_for(|progress| progress.accepted >= count).await.ok();
    }

    /// Waits for the last decision.
    ///
    /// # Errors
    /// The load panicked.
    pub async fn finish(mut self) -> anyhow::Result<Results> {
        let results = self.driver.join_next().await.context("the load has ended before")?;
        results.context("the load broke down")
    }
}

async fn drive(
    plan: Plan,
    clients: Vec<OrderClient>,
    options: Options,
    progress: watch::Sender<Progress>,
) -> Results {
    let clients: Arc<[OrderClient]> = clients.into();
    let slots = Arc::new(Semaphore::new(options.in_flight));
    let (mut shoppers, mut results) = (JoinSet::new(), Results::default());
    let start = Instant::now();
    progress.send_modify(|progress| {
        progress.accepting.begins(start);
        progress.confirming.begins(start);
    });
    for (number, order) in plan.orders().enumerate() {
        let due = start + order.due;
        sleep_until(due).await;
        // The semaphore is never closed.
        let Ok(slot) = slots.clone().acquire_owned().await else { break };
        let shopper = Shopper::new(clients.clone(), number, due, options.patience, progress.clone());
        shoppers.spawn(async move {
            let report = shopper.buy(order, options.follow).await;
            drop(slot);
            report
        });
        while let Some(report) = shoppers.try_join_next() {
            gather(&mut results, report);
        }
    }
    results.placing = start.elapsed();
    while let Some(report) = shoppers.join_next().await {
        gather(&mut results, report);
    }
    results.elapsed = start.elapsed();
    let Progress { accepting, confirming, .. } = *progress.borrow();
    (results.accepting, results.confirming) = (accepting, confirming);
    results
}

fn gather(results: &mut Results, report: Result<Report, tokio::task::JoinError>) {
    match report {
        Ok(report) => report.add_to(results),
        Err(error) => results.surprises.add(format!("a caller broke down: {error}")),
    }
}
