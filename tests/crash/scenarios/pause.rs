//! SIGSTOP and SIGCONT: whoever wakes up believes that no time has passed.

use std::time::Duration;

use anyhow::ensure;
use orderfleet::fleet::FleetOptions;
use testkit::eventually;
use tests::shop::{JOURNALS, SOON, leads, writers};

use crate::{
    recovery::now,
    scenario::{Outcome, Scale},
    stage::{Crowd, Stage, lasting},
};

/// Longer than any lease, time-out or heartbeat tolerates.
const FROZEN: Duration = Duration::from_secs(10);

/// The leader of each journal sleeps through its standby's takeover, and wakes up in the middle of what it was doing.
pub(crate) async fn each_journal_leader(scale: Scale) -> anyhow::Result<Outcome> {
    let pairs = FleetOptions::temporary().replicas("order-service", 2).replicas("inventory-service", 2);
    let mut stage = Stage::open(pairs).await?;
    for (service, journal) in JOURNALS {
        stage
            .round(Crowd::for_seconds(scale.seconds(20)), async |shop, _| {
                let (leader, standbys) = shop.leader(service, journal).await;
                leader.pause()?;
                let frozen = now();
                eventually(SOON, "the standby leads", async || leads(&standbys[0], journal).await).await;
                lasting(FROZEN.saturating_sub(now().since(frozen))).await;
                leader.resume()?;
                eventually(SOON, "it has noticed", async || !leads(&leader, journal).await).await;
                Ok(frozen)
            })
            .await?;
        let epochs = writers(&stage.shop, journal).await?;
        ensure!(epochs.len() >= 2, "{journal}: nobody took over: {epochs:?}");
        ensure!(epochs.is_sorted_by(|a, b| a < b), "{journal}: an old writer came back: {epochs:?}");
    }
    stage.close().await
}

/// The broker sleeps.
pub(crate) async fn broker(scale: Scale) -> anyhow::Result<Outcome> {
    let mut stage = Stage::open(FleetOptions::temporary()).await?;
    stage
        .round(Crowd::for_seconds(scale.seconds(20)), async |shop, _| {
            shop.fleet.broker().pause()?;
            lasting(FROZEN).await;
            shop.fleet.broker().resume()?;
            Ok(now())
        })
        .await?;
    stage.close().await
}
