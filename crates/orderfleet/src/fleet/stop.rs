//! Stopping a fleet: services first, then the gateway, then the broker.

use std::{process::ExitStatus, sync::Arc};

use futures_util::future::try_join_all;

use super::{
    Fleet,
    event::{FleetEvent, Phase},
    plan::BROKER,
    proc::Proc,
    spec::Stage,
};

/// How a process ended that was told to.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Exit {
    /// The instance, e.g. `order-service-1`, or `broker`.
    pub name: String,
    /// Success, a failure's code, or the signal: SIGKILL means that it did not end in time.
    pub status: ExitStatus,
}

/// See [`Fleet::shutdown`].
pub(super) async fn stop(fleet: &Fleet) -> anyhow::Result<Vec<Exit>> {
    let observer = &fleet.options.observer;
    observer.phase(Phase::Stopping);
    let mut exits = Vec::new();
    for stage in [Stage::Service, Stage::Dependency] {
        let running = fleet.processes().into_iter().filter(|proc| proc.stage() == stage && proc.is_running());
        exits.extend(try_join_all(running.map(|proc| stop_one(fleet, proc))).await?);
    }
    if fleet.broker.pid().is_some() {
        let status = fleet.broker.stop_gracefully().await?;
        observer.tell(&FleetEvent::Stopped { name: BROKER.to_owned(), status });
        exits.push(Exit { name: BROKER.to_owned(), status });
    }
    Ok(exits)
}

async fn stop_one(fleet: &Fleet, proc: Arc<Proc>) -> anyhow::Result<Exit> {
    let status = match proc.stop(fleet.options.grace).await {
        Ok(status) => status,
        // It ended by itself just now.
        Err(error) => proc.exit_status().ok_or(error)?,
    };
    Ok(Exit { name: proc.name(), status })
}
