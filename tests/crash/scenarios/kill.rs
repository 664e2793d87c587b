//! `kill -9` of everything, one after another.

use anyhow::ensure;
use orderfleet::fleet::FleetOptions;
use testkit::eventually;
use tests::shop::{JOURNALS, SOON, leads};

use crate::{
    probe::crash_broker,
    recovery::now,
    scenario::{Outcome, Scale},
    stage::{Crowd, Stage},
};

const SERVICES: [&str; 5] =
    ["order-service", "inventory-service", "payment-service", "notification-service", "audit-service"];

/// Each service, alone as it is, dies and is started again at once.
pub(crate) async fn each_service(scale: Scale) -> anyhow::Result<Outcome> {
    let mut stage = Stage::open(FleetOptions::temporary()).await?;
    for service in SERVICES {
        let mut ready = None;
        stage
            .round(Crowd::for_seconds(scale.seconds(8)), async |shop, _| {
                let victim = shop.fleet.get(service, 1)?;
                victim.kill().await?;
                let killed = now();
                victim.restart().await?;
                ready = Some(now().since(killed));
                Ok(killed)
            })
            .await?;
        let note = format!("{service}: ready again {:.1?} after the kill", ready.unwrap_or_default());
        stage.figures.notes.push(note);
    }
    stage.close().await
}

/// The leader of each journal dies while its standby follows.
pub(crate) async fn each_journal_leader(scale: Scale) -> anyhow::Result<Outcome> {
    let pairs = FleetOptions::temporary().replicas("order-service", 2).replicas("inventory-service", 2);
    let mut stage = Stage::open(pairs).await?;
    for (service, journal) in JOURNALS {
        stage
            .round(Crowd::for_seconds(scale.seconds(12)), async |shop, _| {
                let (leader, standbys) = shop.leader(service, journal).await;
                leader.kill().await?;
                let killed = now();
                eventually(SOON, "the standby leads", async || leads(&standbys[0], journal).await).await;
                leader.restart().await?;
                ensure!(!leads(&leader, journal).await, "{journal}: who comes back has to follow");
                Ok(killed)
            })
            .await?;
    }
    stage.close().await
}

/// The broker dies and is started again at once.
pub(crate) async fn broker(scale: Scale) -> anyhow::Result<Outcome> {
    let mut stage = Stage::open(FleetOptions::temporary()).await?;
    stage
        .round(Crowd::for_seconds(scale.seconds(15)), async |shop, _| {
            crash_broker(&shop.fleet).await?;
            Ok(now())
        })
        .await?;
    stage.close().await
}
