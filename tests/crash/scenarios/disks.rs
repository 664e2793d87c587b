//! The broker's disk: its power is cut, or it is full.

use std::time::Duration;

use anyhow::ensure;
use messaging::topology::{self, TopologyOptions};
use nats_server::NatsServer;
use orderfleet::{
    fleet::{Fleet, FleetOptions},
    load::Load,
};
use testkit::eventually;
use tests::shop::{SOON, Shop, lamps, log, orders_requested};

use crate::{
    disk::Disk,
    recovery::now,
    scenario::{Outcome, Scale},
    stage::{Crowd, RATE, Stage, lasting},
};

/// How long the disk stays full.
const FULL: Duration = Duration::from_secs(5);
/// Bytes of a stream that is full within seconds.
const LITTLE: i64 = 2 << 20;

/// When the broker syncs what it has acknowledged.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Sync {
    /// Before it acknowledges.
    Always,
    /// Every two minutes, its default.
    Later,
}

/// Everything that was accepted is still there when the power comes back.
pub(crate) async fn power_cut(scale: Scale, sync: Sync) -> anyhow::Result<Outcome> {
    let disk = match Disk::ext4(1_024) {
        Ok(disk) => disk,
        Err(reason) => return Ok(Outcome::Skipped(format!("{reason:#}"))),
    };
    let mut options = FleetOptions::temporary();
    options.broker = NatsServer::builder().sync_always(sync == Sync::Always);
    options.broker_dir = Some(disk.path().join("nats"));
    for service in ["order-service", "audit-service"] {
        let file = disk.path().join(format!("{service}.db"));
        options = options.env(service, "DATABASE_URL", &format!("sqlite://{}", file.display()));
    }
    let mut stage = Stage::open(options).await?;
    disk.sync()?;
    let crowd = Crowd::for_seconds(scale.seconds(25));
    stage
        .round(crowd, async |shop, load| {
            load.accepted((RATE * 5.0) as u64).await;
            cut_power(shop, load, &disk).await?;
            let healed = now();
            restart_services(&shop.fleet).await?;
            Ok(healed)
        })
        .await?;
    stage.close().await
}

/// Everything stops at the same moment, the disk keeps what it has, and the broker is the first to come back.
async fn cut_power(shop: &Shop, load: &Load, disk: &Disk) -> anyhow::Result<()> {
    let fleet = &shop.fleet;
    let gateway = fleet.get("gateway-sim", 1)?.name();
    // The card gateway is somebody else's machine.
    let ours: Vec<_> = fleet.processes().into_iter().filter(|proc| proc.name() != gateway).collect();
    // Frozen first: a dying disk must not look like one that took a write, nor a caller be told so.
    fleet.broker().pause()?;
    ours.iter().try_for_each(|proc| proc.pause())?;
    disk.cut_power()?;
    let accepted = load.progress().borrow().accepted;
    fleet.broker().kill().await?;
    for proc in &ours {
        proc.kill().await?;
    }
    disk.power_on()?;
    fleet.broker().restart().await?;
    let there = orders_requested(shop).await?;
    ensure!(there >= accepted, "{} of {accepted} accepted orders are gone", accepted - there);
    Ok(())
}

async fn restart_services(fleet: &Fleet) -> anyhow::Result<()> {
    let dead = fleet.processes().into_iter().filter(|proc| !proc.is_running());
    let restarts: Vec<_> = dead.map(|proc| async move { proc.restart().await }).collect();
    futures_util::future::try_join_all(restarts).await.map(drop)
}

/// While the broker's disk is full callers are told to come back, and nothing is lost.
pub(crate) async fn full_disk(scale: Scale) -> anyhow::Result<Outcome> {
    let disk = match Disk::small(384) {
        Ok(disk) => disk,
        Err(reason) => return Ok(Outcome::Skipped(format!("{reason:#}"))),
    };
    let mut options = FleetOptions::temporary();
    options.broker_dir = Some(disk.path().join("nats"));
    let mut stage = Stage::open(options).await?;
    let crowd = Crowd::for_seconds(scale.seconds(25));
    stage
        .round(crowd, async |shop, _| {
            disk.fill()?;
            eventually(SOON, "callers are told to come back later", async || told_to_come_back(shop).await)
                .await;
            lasting(FULL).await;
            disk.make_room()?;
            // A broker that ran out of space serves no stream until it is started again, and its health check
            // says so: whoever supervises it restarts it.
            shop.fleet.broker().restart().await?;
            Ok(now())
        })
        .await?;
    stage.close().await
}

/// While the streams are at their limit callers are told to come back, and nothing is lost.
pub(crate) async fn full_streams(scale: Scale) -> anyhow::Result<Outcome> {
    let mut options = FleetOptions::temporary();
    options.topology = TopologyOptions { max_bytes: LITTLE, ..TopologyOptions::default() };
    let mut stage = Stage::open(options).await?;
    let crowd = Crowd::for_seconds(scale.seconds(25));
    stage
        .round(crowd, async |shop, _| {
            eventually(SOON, "callers are told to come back later", async || told_to_come_back(shop).await)
                .await;
            lasting(FULL).await;
            // As an operator does it: `orderfleet setup --max-bytes …`.
            topology::setup(&log(shop).await?, &TopologyOptions::default()).await?;
            Ok(now())
        })
        .await?;
    stage.close().await
}

async fn told_to_come_back(shop: &Shop) -> Result<(), String> {
    // Without a key each is an order of its own; those asked for before the disk was full are accepted.
    let error = match shop.orders.place(&lamps("full-disk", 1), None, None).await {
        Ok(placed) => return Err(format!("accepted: {placed:?}")),
        Err(error) => error,
    };
    match (error.code(), error.retry_after()) {
        (Some(503), Some(_)) => Ok(()),
        (code, after) => Err(format!("{code:?}, Retry-After {after:?}: {error}")),
    }
}
