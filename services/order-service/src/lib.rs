//! Takes orders over HTTP and decides their life.
//!
//! A journal: ORDERS has one active writer, whose state is the fold of its own events. It reads
//! REQUESTS (place, cancel), INVENTORY (rejected) and PAYMENTS (captured, declined), and decides what
//! becomes of every order. Beside it a projection keeps the orders in SQL for those who read them.
//!
//! | consumes | publishes |
//! |---|---|
//! | `requests.order.place`, published by its own HTTP API | `orders.created` |
//! | `requests.order.cancel`, published by its own HTTP API | `orders.cancelled`, `orders.refund_requested`, `orders.cancel_refused` |
//! | `payments.captured` | `orders.confirmed`, `orders.cancelled`, `orders.refund_requested` |
//! | `payments.declined`, `inventory.rejected`, time | `orders.cancelled` |
//! | ORDERS, INVENTORY, PAYMENTS | nothing: the read model |
//!
//! | module | what it is for |
//! |---|---|
//! | [`config`] | the settings |
//! | [`domain`] | the orders and their rules, pure |
//! | [`decider`] | the rules as the journal calls them |
//! | [`intake`] | what a caller's JSON must be, pure |
//! | [`projection`] | the read model's tables, and how events get into them |
//! | [`read_model`] | reading them |
//! | [`look_ups`] | reading many at a time |
//! | [`reflection`] | how far the read model reflects what was accepted |
//! | [`stuck`] | which orders are not at their end after a while |
//! | [`waiters`] | who waits for an order to be settled |
//! | [`http`] | the orders API |
//! | [`openapi`] | its description |
//! | [`metrics`] | every metric of this service |

pub mod config;
pub mod decider;
pub mod domain;
mod http;
pub mod intake;
mod look_ups;
pub mod metrics;
pub mod openapi;
pub mod projection;
pub mod read_model;
mod reflection;
mod stuck;
pub mod waiters;

use std::{net::SocketAddr, sync::Arc, time::Duration};

use ::projection::{Handle, Projector, ProjectorConfig, Store};
use anyhow::Context;
use events::catalogue::{INVENTORY, ORDERS, PAYMENTS, REQUESTS};
use messaging::{commit::Linger, journal::JournalHandle, topology::REDRIVE};
use runtime::{Process, ReadinessCheck};
use service::{Needs, Service};
use tokio::{sync::watch, time::MissedTickBehavior};

pub use config::Config;

use crate::{
    decider::OrderDecider, domain::Orders, http::Api, look_ups::LookUps, metrics::Metrics,
    projection::OrdersProjection, read_model::ReadModel, reflection::Reflection, stuck::Stuck,
    waiters::Waiters,
};

const NEEDS: Needs =
    Needs { streams: &[REQUESTS.name, ORDERS.name, INVENTORY.name, PAYMENTS.name, REDRIVE], consumers: &[] };

/// How often the remembered orders are counted.
const COUNT: Duration = Duration::from_secs(5);

/// Starts the service; it works until the process is told to stop.
///
/// # Errors
/// A setting is wrong, the database cannot be used, or the port is taken.
pub async fn start(config: Config, process: Process) -> anyhow::Result<()> {
    serve(config, process).await?;
    Ok(())
}

/// Starts the service, and says where its API is.
///
/// # Errors
/// As for [`start`].
pub async fn serve(config: Config, process: Process) -> anyhow::Result<SocketAddr> {
    let store = config.store().await?;
    let service = Service::start(&process, &config.broker, NEEDS).await?;
    let metrics = Metrics::register(process.registry()).context("cannot register metrics")?;
    let decider = OrderDecider::new(config.windows());
    let journal = service.journal(ORDERS, decider, Linger::default(), config.journal)?;
    count_orders(&process, journal.clone(), metrics.clone());

    let waiters = Waiters::default();
    let orders = ReadModel::new(store.clone());
    let reflection = project(&service, store, &orders, &waiters, &metrics)?;
    let after = Duration::from_secs(config.stuck_after);
    let stuck =
        Stuck::new(service.log.clone(), journal, orders.clone(), reflection.clone(), service.clock(), after);
    process.tasks().spawn_until_stop("stuck-orders", stuck.clone().watch(metrics.clone()));
    let (look_ups, looking_up) = LookUps::new(orders.clone());
    process.tasks().spawn_until_stop("look-ups", looking_up);
    let api = Api {
        log: service.log.clone(),
        requests: service.requests(),
        orders,
        look_ups,
        reflection,
        waiters,
        stuck,
        windows: config.windows(),
        clock: service.clock(),
        metrics,
        stop: process.shutdown().soft().clone(),
    };
    let (router, _description) = http::router().with_state(Arc::new(api)).split_for_parts();
    process.serve(router).await
}

/// Keeps the read model, and tells how far it is.
fn project(
    service: &Service,
    store: Store,
    orders: &ReadModel,
    waiters: &Waiters,
    metrics: &Metrics,
) -> anyhow::Result<Reflection> {
    let process = &service.process;
    let (reflected, reflects) = watch::channel(0);
    let projection = OrdersProjection::new(waiters.clone(), reflected.clone(), metrics.clone());
    let own = ::projection::Metrics::register(process.registry()).context("cannot register metrics")?;
    let config = ProjectorConfig::PROMPT;
    let (projector, handle) = Projector::new(store, service.log.clone(), projection, config, &own);
    let alive = process.heartbeat("projector");
    let projector = projector.on_turn(move || alive.beat());
    let stop = process.shutdown().soft().clone();
    process.tasks().spawn("projector", async move { Ok(projector.run(stop).await?) });

    let following = reflection::follow(handle.clone(), orders.clone(), waiters.clone(), reflected);
    process.tasks().spawn_until_stop("reflection", following);
    let (reflection, measuring) = Reflection::new(service.log.clone(), reflects);
    process.tasks().spawn_until_stop("reflection-measure", measuring);
    let check = process.readiness("orders");
    process.tasks().spawn_until_stop("orders-readiness", tell_readiness(check, handle, reflection.clone()));
    Ok(reflection)
}

/// Ready once the read model has caught up with what was accepted before the start, and while its
/// database works; whether this process writes it or another one does makes no difference.
async fn tell_readiness(check: ReadinessCheck, projector: Handle, reflection: Reflection) {
    let (mut status, mut current) = (projector.watch(), reflection.watch());
    loop {
        let behind = current.borrow_and_update().is_none();
        match status.borrow_and_update().unready() {
            Some(reason) => check.not_ready(reason),
            None if behind => check.not_ready("catching up with the requests"),
            None => check.ready(),
        }
        let changed =
            tokio::select! { changed = status.changed() => changed, changed = current.changed() => changed };
        if changed.is_err() {
            break;
        }
    }
}

/// Shows how many orders the journal's state holds.
fn count_orders(process: &Process, journal: JournalHandle<Orders>, metrics: Metrics) {
    process.tasks().spawn_until_stop("count-orders", async move {
        let mut turns = tokio::time::interval(COUNT);
        turns.set_missed_tick_behavior(MissedTickBehavior::Delay);
        loop {
            turns.tick().await;
            // Nobody can say while the journal is loading or changes hands; the next turn tells.
            if let Ok(counts) = journal.read(Orders::counts).await {
                metrics.remembered(counts);
            }
        }
    });
}
