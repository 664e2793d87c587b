//! SIGTERM, as every deploy sends it: nobody notices.

use std::time::Duration;

use anyhow::ensure;
use orderfleet::fleet::FleetOptions;
use testkit::eventually;
use tests::shop::{JOURNALS, SOON, Shop, leads};

use crate::{
    recovery::now,
    scenario::{Outcome, Scale},
    stage::{Crowd, Stage},
};

/// How long a replica may take to end.
const GRACE: Duration = Duration::from_secs(30);
/// A standby that has heard nothing for so long takes over by itself; a hand-over is faster.
const LEASE: Duration = Duration::from_secs(3);
/// Rounds through the whole fleet.
const DEPLOYS: usize = 2;

/// How a leader ends.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum End {
    /// With the chance to hand over.
    Sigterm,
    /// Without.
    Kill,
}

/// Two rolling deploys of the whole fleet.
pub(crate) async fn restart(scale: Scale) -> anyhow::Result<Outcome> {
    let mut options = FleetOptions::temporary();
    for service in ["order-service", "inventory-service", "payment-service", "notification-service"] {
        options = options.replicas(service, 2);
    }
    let mut stage = Stage::open(options).await?;
    stage
        .round(Crowd::for_seconds(scale.seconds(40)), async |shop, _| {
            for _ in 0..DEPLOYS {
                deploy(shop).await?;
            }
            Ok(now())
        })
        .await?;
    nothing_failed(&stage.shop)?;
    stage.close().await
}

/// Every replica ends and comes back, one after another.
async fn deploy(shop: &Shop) -> anyhow::Result<()> {
    let services = shop.fleet.processes().into_iter().filter(|proc| proc.service() != "gateway-sim");
    for proc in services {
        let status = proc.stop(GRACE).await?;
        ensure!(status.success(), "{} ended with {status}", proc.name());
        proc.restart().await?;
    }
    Ok(())
}

/// No worker has counted anything as a failed attempt, in all its lives.
fn nothing_failed(shop: &Shop) -> anyhow::Result<()> {
    for proc in shop.fleet.processes() {
        let log = proc.log_tail(usize::MAX);
        let burnt: Vec<&str> = log.lines().filter(|line| line.contains("attempt failed")).collect();
        ensure!(burnt.is_empty(), "{} has burnt {} attempts: {}", proc.name(), burnt.len(), burnt[0]);
    }
    Ok(())
}

/// The leader of each journal ends, and its standby leads before it could have noticed by itself.
pub(crate) async fn hand_over(scale: Scale, end: End) -> anyhow::Result<Outcome> {
    let pairs = FleetOptions::temporary().replicas("order-service", 2).replicas("inventory-service", 2);
    let mut stage = Stage::open(pairs).await?;
    for (service, journal) in JOURNALS {
        stage
            .round(Crowd::for_seconds(scale.seconds(8)), async |shop, _| {
                let (leader, standbys) = shop.leader(service, journal).await;
                let told = now();
                match end {
                    End::Sigterm => leader.terminate()?,
                    End::Kill => drop(leader.kill().await?),
                }
                eventually(SOON, "the standby leads", async || leads(&standbys[0], journal).await).await;
                let took = now().since(told);
                ensure!(took < LEASE, "{journal}: no hand-over, the lease ended: {took:?}");
                let status = leader.wait().await?;
                ensure!(status.success(), "{} ended with {status}", leader.name());
                leader.restart().await?;
                Ok(told)
            })
            .await?;
    }
    stage.close().await
}
