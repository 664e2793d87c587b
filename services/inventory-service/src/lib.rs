//! Reserves, commits and releases stock.
//!
//! A journal: INVENTORY has one active writer, whose state is the fold of its own events. It decides all lines of
//! an order or none. Every replica, leader or standby, answers questions about the stock from its own fold.
//!
//! | consumes | publishes |
//! |---|---|
//! | `orders.created` | `inventory.reserved`, `inventory.rejected` |
//! | `orders.confirmed` | `inventory.committed` |
//! | `orders.cancelled` | `inventory.released` |
//! | `requests.stock.adjust`, published by its own HTTP API | `inventory.adjusted`, `inventory.adjust_refused` |
//!
//! | module | what it is for |
//! |---|---|
//! | [`config`] | the settings |
//! | [`domain`] | the stock and its rules, pure |
//! | [`decider`] | the rules as the journal calls them |
//! | [`reader`] | looks at the stock as the journal has it |
//! | [`http`] | the stock API |
//! | [`metrics`] | every metric of this service |
//! | [`stock_metrics`] | keeps them as the stock is |

pub mod config;
pub mod decider;
pub mod domain;
mod http;
pub mod metrics;
pub mod reader;
mod stock_metrics;

use std::net::SocketAddr;

use anyhow::Context;
use events::catalogue::{INVENTORY, ORDERS, REQUESTS};
use messaging::{commit::Linger, topology::REDRIVE};
use runtime::Process;
use service::{Needs, Service};

pub use config::Config;

use crate::{decider::InventoryDecider, http::Api, metrics::Metrics, reader::StockReader};

const NEEDS: Needs =
    Needs { streams: &[REQUESTS.name, ORDERS.name, INVENTORY.name, REDRIVE], consumers: &[] };

/// Starts the service; it works until the process is told to stop.
///
/// # Errors
/// A setting makes no sense, or the port cannot be served.
pub async fn start(config: Config, process: Process) -> anyhow::Result<()> {
    serve(config, process).await?;
    Ok(())
}

/// Starts the service, and says where its API is.
///
/// # Errors
/// As for [`start`].
pub async fn serve(config: Config, process: Process) -> anyhow::Result<SocketAddr> {
    let service = Service::start(&process, &config.broker, NEEDS).await?;
    let metrics = Metrics::register(process.registry()).context("cannot register metrics")?;
    let windows = config.windows();
    let journal =
        service.journal(INVENTORY, InventoryDecider::new(windows), Linger::brief(), config.journal)?;
    let requests = service.requests();

    process.tasks().spawn_until_stop("stock-metrics", stock_metrics::follow(journal.clone(), metrics));

    let stock = StockReader::new(journal, service.log.clone());
    process.serve(http::router(Api { stock, requests, memory: windows.adjustments })).await
}
