//! Charges and refunds cards through the gateway.
//!
//! Workers: any number of replicas share two consumers. What comes of a charge or refund goes to
//! PAYMENTS; a message is settled only when that is stored.
//!
//! | consumes | does | publishes |
//! |---|---|---|
//! | `inventory.reserved` | charges the card | `payments.captured`, `payments.declined` |
//! | `orders.refund_requested` | gives the money back | `payments.refunded` |
//!
//! | module | what it is for |
//! |---|---|
//! | [`config`] | the settings |
//! | [`gateway`] | the card gateway, its breaker, and what keeps a card from being charged twice |
//! | [`handlers`] | what is done about each event |
//! | `pending` | which payments in hand may have been made already |
//! | [`metrics`] | every metric of this service |

pub mod config;
pub mod gateway;
pub mod handlers;
pub mod metrics;
mod pending;

use std::{sync::Arc, time::Duration};

use anyhow::Context;
use events::catalogue::{
    INVENTORY, ORDERS, PAYMENT_ADVISORIES, PAYMENT_CHARGE, PAYMENT_CHARGE_REDRIVE, PAYMENT_REFUND,
    PAYMENT_REFUND_REDRIVE, PAYMENTS,
};
use messaging::{
    commit::Linger,
    worker::{RetryPolicy, WorkerConfig},
};
use runtime::Process;
use service::{Needs, Service};

pub use config::Config;

use crate::{
    gateway::Guarded,
    handlers::{Charge, Payments, Refund},
    metrics::Metrics,
};

const NEEDS: Needs = Needs {
    streams: &[INVENTORY.name, ORDERS.name, PAYMENTS.name],
    consumers: &[
        PAYMENT_CHARGE,
        PAYMENT_REFUND,
        PAYMENT_CHARGE_REDRIVE,
        PAYMENT_REFUND_REDRIVE,
        PAYMENT_ADVISORIES,
    ],
};

/// Starts the service; it works until the process is told to stop.
///
/// # Errors
/// A setting makes no sense, or the port cannot be served.
pub async fn start(config: Config, process: Process) -> anyhow::Result<()> {
    let (gateway, breaker) = (config.gateway()?, config.breaker()?);
    let service = Service::start(&process, &config.broker, NEEDS).await?;
    let registry = process.registry();
    let metrics = Metrics::register(registry).context("cannot register metrics")?;
    let gateway = Guarded::new(gateway, breaker, registry).context("cannot register metrics")?;
    let settle = Duration::from_secs(config.gateway_settle);
    let payments = Payments::new(gateway, settle, service.clock(), metrics);
    let payments = Arc::new(payments.looking_first(config.look_first));

    let outcomes = service.commit(PAYMENTS, Linger::brief().of_workers(config.concurrency));
    let retry = RetryPolicy { max_attempts: config.max_attempts, ..RetryPolicy::default() };
    let charging = WorkerConfig {
        concurrency: config.concurrency,
        retry: retry.clone(),
        ..WorkerConfig::new(PAYMENT_CHARGE, service.clock())
    };
    let refunding = WorkerConfig {
        concurrency: config.refund_concurrency(),
        retry,
        ..WorkerConfig::new(PAYMENT_REFUND, service.clock())
    };
    service.worker("charge", charging, Charge(Arc::clone(&payments)), outcomes.clone());
    service.worker("refund", refunding, Refund(payments), outcomes);
    service.sweep(PAYMENT_ADVISORIES);

    process.serve(axum::Router::new()).await?;
    Ok(())
}
