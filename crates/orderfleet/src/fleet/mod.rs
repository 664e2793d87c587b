//! The whole fleet as processes on this machine: started in order, watched, hurt on purpose, stopped in order.
//!
//! ```no_run
//! # async fn example() -> anyhow::Result<()> {
//! use orderfleet::fleet::{Fleet, FleetOptions};
//!
//! let fleet = Fleet::start(FleetOptions::temporary().replicas("order-service", 2)).await?;
//! fleet.get("order-service", 1)?.kill().await?;
//! fleet.broker().restart().await?;
//! for exit in fleet.shutdown().await? {
//!     assert!(exit.status.success() || exit.name == "order-service-1");
//! }
//! # Ok(())
//! # }
//! ```

mod compile;
mod data;
mod event;
mod options;
mod plan;
mod proc;
mod ready;
mod setup;
mod spec;
mod start;
mod stop;

use std::{
    path::Path,
    sync::{Arc, Mutex, MutexGuard, PoisonError},
};

use anyhow::Context;
use nats_server::NatsServer;

pub(crate) use compile::{binaries_dir, compile};
pub use compile::{cargo, workspace_root};
pub use event::{FleetEvent, Observer, Phase};
pub use options::{Build, DataDir, FleetOptions, Ports};
pub use proc::Proc;
pub use spec::{OwnFile, ServiceSpec, Stage};
pub use start::Cancelled;
pub use stop::Exit;

/// A running fleet. Dropping it kills whatever is left of it; [`Fleet::shutdown`] stops it in order.
#[derive(Debug)]
pub struct Fleet {
    options: FleetOptions,
    procs: Mutex<Vec<Arc<Proc>>>,
    broker: NatsServer,
    /// Declared last: removed after everybody who writes into it is dead.
    dir: data::OpenDir,
}

impl Fleet {
    /// Compiles, gets nats-server, and starts broker, card gateway and services until all are ready.
    ///
    /// # Errors
    /// One message for people, with the end of the log of whatever failed; [`Cancelled`] when `options.cancel` was
    /// cancelled. Nothing is left running.
    pub async fn start(options: FleetOptions) -> anyhow::Result<Self> {
        start::start(options).await
    }

    /// The broker: its URL, and everything that can be done to it.
    #[must_use]
    pub fn broker(&self) -> &NatsServer {
        &self.broker
    }

    /// All processes beside the broker, in the order in which they were started.
    #[must_use]
    pub fn processes(&self) -> Vec<Arc<Proc>> {
        self.procs().clone()
    }

    /// One replica of a service; the first is 1.
    ///
    /// # Errors
    /// When there is no such replica.
    pub fn get(&self, service: &str, replica: usize) -> anyhow::Result<Arc<Proc>> {
        let procs = self.procs();
        let found = procs.iter().find(|proc| proc.service() == service && proc.replica() == replica);
        found.cloned().with_context(|| format!("the fleet has no {service} number {replica}"))
    }

    /// The address of the first replica of a service.
    ///
    /// # Errors
    /// When the fleet runs without this service.
    pub fn url(&self, service: &str) -> anyhow::Result<String> {
        Ok(self.get(service, 1)?.url())
    }

    /// Starts one more replica of a service, on a free port, and waits until it is ready.
    ///
    /// # Errors
    /// When there is no such service, or the replica does not become ready; with the end of its log.
    pub async fn start_replica(&self, service: &str) -> anyhow::Result<Arc<Proc>> {
        start::add_replica(self, service).await
    }

    /// Where streams, databases, ledger and logs are.
    #[must_use]
    pub fn data_dir(&self) -> &Path {
        self.dir.path()
    }

    /// Stops the services (SIGTERM, `options.grace`, SIGKILL), then the gateway, then the broker. Says how each of
    /// those that were still running ended. Calling it again does nothing.
    ///
    /// # Errors
    /// When a signal cannot be sent; dropping the fleet is then what is left.
    pub async fn shutdown(&self) -> anyhow::Result<Vec<Exit>> {
        stop::stop(self).await
    }

    fn procs(&self) -> MutexGuard<'_, Vec<Arc<Proc>>> {
        // The list only grows by whole entries, so a panicked holder leaves it intact.
        self.procs.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Drop for Fleet {
    fn drop(&mut self) {
        // Callers may still hold a process; its fleet is over all the same.
        for proc in self.processes() {
            proc.kill_now();
        }
    }
}
