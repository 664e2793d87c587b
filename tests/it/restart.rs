//! Everything goes down and comes back: no order that was accepted before is missing afterwards.

use std::time::Duration;

use anyhow::ensure;
use futures_util::future::try_join_all;
use orderfleet::fleet::FleetOptions;

use crate::shop::{Shop, busy_day};

#[tokio::test]
async fn everything_is_restarted_in_the_middle_of_the_day() -> anyhow::Result<()> {
    let shop = Shop::open(FleetOptions::temporary()).await?;
    let load = shop.load(busy_day("restart", 1_200, 100.0)).await?;
    load.accepted(400).await;
    for proc in shop.fleet.processes() {
        proc.kill().await?;
    }
    shop.fleet.broker().kill().await?;
    shop.fleet.broker().restart().await?;
    try_join_all(shop.fleet.processes().iter().map(|proc| proc.restart())).await?;
    load.accepted(800).await;
    // And once more, the gentle way.
    let grace = Duration::from_secs(30);
    for proc in shop.fleet.processes().iter().rev() {
        let status = proc.stop(grace).await?;
        ensure!(status.success(), "{} ended with {status}", proc.name());
    }
    shop.fleet.broker().stop_gracefully().await?;
    shop.fleet.broker().restart().await?;
    try_join_all(shop.fleet.processes().iter().map(|proc| proc.restart())).await?;
    let (results, _) = shop.verify_load(load).await?;
    assert_eq!(results.accepted.len(), 1_200);
    assert!(results.retries > 0, "nobody noticed that everything was down");
    shop.close().await
}
