//! SIGTERM, as every deploy sends it: nobody notices.

use std::time::Duration;

use anyhow::ensure;
use orderfleet::fleet::{FleetOptions, Proc};
use testkit::eventually;
use tests::shop::{JOURNALS, SOON, Shop, leads};

use crate::{
    probe::metric_sum,
    recovery::now,
    scenario::{Outcome, Scale},
    stage::{Crowd, Stage},
};

/// How long a replica may take to end.
const GRACE: Duration = Duration::from_secs(30);
/// A standby that has heard nothing for so long takes over by itself; a hand-over is faster.
const LEASE: Duration = Duration::from_secs(3);
/// What a process hands back when it ends is handled by another well before the broker would hand it out by itself,
/// which is after 30 s.
const AT_ONCE: Duration = Duration::from_secs(15);
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
        .round(Crowd::for_seconds(scale.seconds(45)), async |shop, _| {
            for _ in 0..DEPLOYS {
                deploy(shop).await?;
            }
            Ok(now())
        })
        .await?;
    let (recovery, last) = (stage.figures.recovery, &stage.figures.last);
    ensure!(recovery < AT_ONCE, "something was not handed back at once: after {recovery:.1?} order {last}");
    let mut done = 0.0;
    for proc in stage.shop.fleet.processes() {
        done += attempts(&proc, "done").await?;
        nothing_burnt(&proc).await?;
    }
    ensure!(done > 0.0, "no worker counts its attempts, so nothing was tested");
    stage.close().await
}

/// Every replica ends and comes back, one after another.
async fn deploy(shop: &Shop) -> anyhow::Result<()> {
    let services = shop.fleet.processes().into_iter().filter(|proc| proc.service() != "gateway-sim");
    for proc in services {
        // What it has counted goes with it.
        nothing_burnt(&proc).await?;
        let status = proc.stop(GRACE).await?;
        ensure!(status.success(), "{} ended with {status}", proc.name());
        proc.restart().await?;
    }
    Ok(())
}

/// No attempt at a message has failed, or ended without a word, in the present life of a process.
async fn nothing_burnt(proc: &Proc) -> anyhow::Result<()> {
    let (failed, died) = (attempts(proc, "failed").await?, attempts(proc, "died").await?);
    ensure!(
        failed + died == 0.0,
        "{} counts {failed} failed attempts, and {died} that ended without a word",
        proc.name()
    );
    Ok(())
}

async fn attempts(proc: &Proc, outcome: &str) -> anyhow::Result<f64> {
    metric_sum(proc, &["worker_attempts_total", &format!("outcome=\"{outcome}\"")]).await
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
