//! Tells customers what became of their orders.
//!
//! Workers: any number of replicas share two consumers. What became of each message to a customer goes to
//! NOTIFICATIONS; an event is settled only when that is stored.
//!
//! | consumes | tells | publishes |
//! |---|---|---|
//! | `orders.confirmed`, `orders.cancelled` | how the order ended | `notifications.sent`, `notifications.failed` |
//! | `payments.refunded` | that the money is on its way back | the same |
//!
//! | module | what it is for |
//! |---|---|
//! | [`config`] | the settings |
//! | [`message`] | what customers are told, and in which words, pure |
//! | [`channel`] | the way to the customer |
//! | [`handlers`] | what is done about each event |
//! | [`metrics`] | every metric of this service |

pub mod channel;
pub mod config;
pub mod handlers;
pub mod message;
pub mod metrics;

use anyhow::Context;
use events::catalogue::{
    NOTIFICATION_ADVISORIES, NOTIFICATION_ORDERS, NOTIFICATION_ORDERS_REDRIVE, NOTIFICATION_REFUNDS,
    NOTIFICATION_REFUNDS_REDRIVE, NOTIFICATIONS, ORDERS, PAYMENTS,
};
use messaging::{
    commit::Linger,
    worker::{RetryPolicy, WorkerConfig},
};
use runtime::Process;
use service::{Needs, Service};

pub use config::Config;

use crate::{
    channel::{Channel, LogChannel},
    handlers::Notify,
    metrics::Metrics,
};

const NEEDS: Needs = Needs {
    streams: &[ORDERS.name, PAYMENTS.name, NOTIFICATIONS.name],
    consumers: &[
        NOTIFICATION_ORDERS,
        NOTIFICATION_REFUNDS,
        NOTIFICATION_ORDERS_REDRIVE,
        NOTIFICATION_REFUNDS_REDRIVE,
        NOTIFICATION_ADVISORIES,
    ],
};

/// Starts the service; it works until the process is told to stop.
///
/// # Errors
/// A setting makes no sense, or the port cannot be served.
pub async fn start(config: Config, process: Process) -> anyhow::Result<()> {
    start_with(config, process, LogChannel).await
}

/// Starts the service with another way to the customer.
///
/// # Errors
/// As for [`start`].
pub async fn start_with<C: Channel>(config: Config, process: Process, channel: C) -> anyhow::Result<()> {
    let service = Service::start(&process, &config.broker, NEEDS).await?;
    let metrics = Metrics::register(process.registry()).context("cannot register metrics")?;
    let notify = Notify::new(channel, service.clock(), metrics);

    let outcomes = service.commit(NOTIFICATIONS, Linger::patient().of_workers(config.concurrency));
    let retry = RetryPolicy { max_attempts: config.max_attempts, ..RetryPolicy::default() };
    for (name, consumer) in [("orders", NOTIFICATION_ORDERS), ("refunds", NOTIFICATION_REFUNDS)] {
        let worker = WorkerConfig {
            concurrency: config.concurrency,
            retry: retry.clone(),
            ..WorkerConfig::new(consumer, service.clock())
        };
        service.worker(name, worker, notify.clone(), outcomes.clone());
    }
    service.sweep(NOTIFICATION_ADVISORIES);

    process.serve(axum::Router::new()).await?;
    Ok(())
}
