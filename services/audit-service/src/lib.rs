//! Keeps every event for ever, and proves that none is missing.
//!
//! A projection: it writes every message of every stream into SQL as it is, readable or not, chained by
//! hashes, and knows nothing of what the events mean. A new event type needs no change here.
//!
//! | consumes | publishes |
//! |---|---|
//! | every stream, everything: see [`projection::STREAMS`] | nothing |
//!
//! | module | what it is for |
//! |---|---|
//! | [`config`] | the settings |
//! | [`fields`] | what an envelope says, as far as the trail can be searched by it, pure |
//! | [`chain`] | the hashes that tie messages together, pure |
//! | [`timeline`] | an order's events in causal order, pure |
//! | [`projection`] | the trail's tables, and how messages get into them |
//! | [`trail`] | reading them |
//! | [`integrity`] | looking for what is missing or changed |
//! | [`http`] | the API |
//! | [`metrics`] | every metric of this service |

pub mod chain;
pub mod config;
pub mod fields;
mod http;
pub mod integrity;
pub mod metrics;
pub mod projection;
pub mod timeline;
pub mod trail;

use std::net::SocketAddr;

use ::projection::{Handle, Projector, ProjectorConfig, Source, Store};
use anyhow::Context;
use runtime::Process;
use service::{Needs, Service};

pub use config::Config;

use crate::{
    http::Api,
    integrity::{Auditor, Pace},
    metrics::Metrics,
    projection::AuditTrail,
    trail::Trail,
};

const NEEDS: Needs = Needs { streams: projection::STREAMS, consumers: &[] };

/// Starts the service; it works until the process is told to stop.
///
/// # Errors
/// A setting is wrong, the database cannot be used, or the port is taken.
pub async fn start(config: Config, process: Process) -> anyhow::Result<()> {
    let store = config.store().await?;
    let service = Service::start(&process, &config.broker, NEEDS).await?;
    serve(&process, store, service.log).await?;
    Ok(())
}

/// Starts the service over any source and database, and says where its API is.
///
/// # Errors
/// The port is taken.
pub async fn serve<S: Source>(process: &Process, store: Store, source: S) -> anyhow::Result<SocketAddr> {
    let handle = project(process, store.clone(), source.clone())?;
    watch(process, &handle);
    let trail = Trail::new(store);
    let auditor = Auditor::new(trail.clone(), source, Pace::DEFAULT);
    process.serve(http::router(Api::new(trail, auditor, handle))).await
}

fn project<S: Source>(process: &Process, store: Store, source: S) -> anyhow::Result<Handle> {
    let metrics = ::projection::Metrics::register(process.registry()).context("cannot register metrics")?;
    let own = Metrics::register(process.registry()).context("cannot register metrics")?;
    let trail = AuditTrail::new(process.clock(), own);
    let (projector, handle) = Projector::new(store, source, trail, ProjectorConfig::THRIFTY, &metrics);
    let alive = process.heartbeat("projector");
    let stop = process.shutdown().soft().clone();
    let projector = projector.on_turn(move || alive.beat());
    process.tasks().spawn("projector", async move { Ok(projector.run(stop).await?) });
    Ok(handle)
}

/// Ready once the trail holds what the streams held at the start, and while the database works.
fn watch(process: &Process, handle: &Handle) {
    let check = process.readiness("trail");
    let mut status = handle.watch();
    process.tasks().spawn_until_stop("trail-readiness", async move {
        loop {
            let unready = status.borrow_and_update().unready();
            match unready {
                Some(reason) => check.not_ready(reason),
                None => check.ready(),
            }
            if status.changed().await.is_err() {
                break;
            }
        }
    });
}
