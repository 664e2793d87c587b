//! Two replicas of each journal: one leads, and when it goes the other goes on where it was.

use std::time::{Duration, Instant};

use anyhow::ensure;
use orderfleet::fleet::FleetOptions;
use testkit::eventually;

use crate::shop::{JOURNALS, SOON, Shop, busy_day, leads, writers};

/// A standby takes over when it has heard nothing for so long.
const LEASE: Duration = Duration::from_secs(3);
/// How long the standby may take after its leader died: the lease, and a little.
const AFTER_A_CRASH: Duration = Duration::from_secs(5);

fn pairs() -> FleetOptions {
    FleetOptions::temporary().replicas("order-service", 2).replicas("inventory-service", 2)
}

#[tokio::test]
async fn when_the_leader_is_killed_the_standby_goes_on() -> anyhow::Result<()> {
    let shop = Shop::open(pairs()).await?;
    let load = shop.load(busy_day("killed", 1_500, 100.0)).await?;
    for (round, (service, journal)) in (1..).zip(JOURNALS) {
        load.accepted(round * 400).await;
        let (leader, standbys) = shop.leader(service, journal).await;
        leader.kill().await?;
        let dead = Instant::now();
        eventually(AFTER_A_CRASH, "the standby leads", async || leads(&standbys[0], journal).await).await;
        println!("{journal}: the standby leads {:?} after its leader was killed", dead.elapsed());
        leader.restart().await?;
        let (now, _) = shop.leader(service, journal).await;
        assert_eq!(now.name(), standbys[0].name(), "who comes back follows");
    }
    shop.verify_load(load).await?;
    shop.close().await
}

#[tokio::test]
async fn when_the_leader_is_told_to_stop_the_standby_does_not_wait_for_the_lease() -> anyhow::Result<()> {
    let shop = Shop::open(pairs()).await?;
    let load = shop.load(busy_day("stopped", 1_500, 100.0)).await?;
    for (round, (service, journal)) in (1..).zip(JOURNALS) {
        load.accepted(round * 400).await;
        let (leader, standbys) = shop.leader(service, journal).await;
        leader.terminate()?;
        let told = Instant::now();
        eventually(SOON, "the standby leads", async || leads(&standbys[0], journal).await).await;
        let took = told.elapsed();
        println!("{journal}: the standby leads {took:?} after its leader was told to stop");
        ensure!(took < LEASE, "{journal}: no hand-over, the lease ended: {took:?}");
        ensure!(leader.wait().await?.success(), "the leader did not stop well");
        leader.restart().await?;
    }
    shop.verify_load(load).await?;
    shop.close().await
}

#[tokio::test]
async fn a_leader_that_wakes_up_after_a_takeover_appends_nothing() -> anyhow::Result<()> {
    let shop = Shop::open(pairs()).await?;
    let load = shop.load(busy_day("frozen", 1_500, 100.0)).await?;
    for (round, (service, journal)) in (1..).zip(JOURNALS) {
        load.accepted(round * 400).await;
        let (leader, standbys) = shop.leader(service, journal).await;
        leader.pause()?;
        eventually(SOON, "the standby leads", async || leads(&standbys[0], journal).await).await;
        // It wakes up in the middle of what it was doing, believing that it leads.
        leader.resume()?;
        eventually(SOON, "it has noticed", async || !leads(&leader, journal).await).await;
    }
    shop.verify_load(load).await?;
    for (_, journal) in JOURNALS {
        let epochs = writers(&shop, journal).await?;
        ensure!(epochs.len() >= 2, "{journal}: nobody took over: {epochs:?}");
        ensure!(epochs.is_sorted_by(|a, b| a < b), "{journal}: an old writer came back: {epochs:?}");
    }
    shop.close().await
}
