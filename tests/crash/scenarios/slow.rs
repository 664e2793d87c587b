//! Somebody who is slow, or whose database is away, holds nobody else up.

use std::time::Duration;

use anyhow::ensure;
use orderfleet::fleet::FleetOptions;
use tests::shop::Shop;

use crate::{
    postgres::Postgres,
    probe::resident_bytes,
    recovery::now,
    scenario::{Outcome, Scale},
    stage::{Crowd, Stage, lasting},
};

/// How long the slow ones do nothing at all.
const SLOW: Duration = Duration::from_secs(20);
/// How long PostgreSQL is away.
const AWAY: Duration = Duration::from_secs(5);
/// Most memory a service may hold, however much waits for it.
const MOST_MEMORY: u64 = 256 << 20;
/// The median customer's order is decided so soon while others are slow.
const DECIDED: Duration = Duration::from_secs(1);

/// Notification and audit stand still; orders are decided as if they did not, and their backlog goes once they wake up.
pub(crate) async fn consumers(scale: Scale) -> anyhow::Result<Outcome> {
    let mut stage = Stage::open(FleetOptions::temporary()).await?;
    let results = stage
        .round(Crowd::for_seconds(scale.seconds(27)), async |shop, _| {
            let slow = [shop.fleet.get("notification-service", 1)?, shop.fleet.get("audit-service", 1)?];
            slow.iter().try_for_each(|proc| proc.pause())?;
            lasting(SLOW).await;
            slow.iter().try_for_each(|proc| proc.resume())?;
            Ok(now())
        })
        .await?;
    let median = results.decision.quantile(0.5);
    ensure!(median <= DECIDED, "orders waited for those who were slow: {median:?} in the median");
    let most = most_memory(&stage.shop)?;
    ensure!(most <= MOST_MEMORY, "a service holds {} MiB", most >> 20);
    stage.figures.notes.push(format!(
        "half of all orders decided within {median:.1?}, at most {} MiB per process",
        most >> 20
    ));
    stage.close().await
}

/// Bytes that the largest process holds.
fn most_memory(shop: &Shop) -> anyhow::Result<u64> {
    let held: Result<Vec<u64>, _> = shop.fleet.processes().iter().map(|proc| resident_bytes(proc)).collect();
    Ok(held?.into_iter().max().unwrap_or(0))
}

/// The audit trail's database dies and comes back; the trail is complete and its chain unbroken.
pub(crate) async fn postgres(scale: Scale) -> anyhow::Result<Outcome> {
    let Some(mut postgres) = Postgres::start().await? else {
        return Ok(Outcome::Skipped("PostgreSQL is not installed".to_owned()));
    };
    let options = FleetOptions::temporary().env("audit-service", "DATABASE_URL", &postgres.url());
    let mut stage = Stage::open(options).await?;
    stage
        .round(Crowd::for_seconds(scale.seconds(18)), async |shop, _| {
            postgres.kill().await?;
            lasting(AWAY).await;
            postgres.restart().await?;
            let back = now();
            shop.fleet.get("audit-service", 1)?.wait_ready().await?;
            Ok(back)
        })
        .await?;
    stage.close().await
}
