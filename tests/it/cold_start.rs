//! A journal is loaded from its newest readable snapshot and what was written after it.

use anyhow::ensure;
use events::catalogue::ORDERS;
use inventory_service::decider::InventoryDecider;
use messaging::{journal, log::Log};
use order_service::decider::OrderDecider;
use orderfleet::fleet::{FleetOptions, Proc};
use testkit::eventually;

use crate::shop::{JOURNALS, SOON, Shop, busy_day, lamps, log};

#[tokio::test]
async fn journals_start_from_a_snapshot_and_the_tail_and_past_unreadable_ones() -> anyhow::Result<()> {
    let often = |options: FleetOptions, service| options.env(service, "SNAPSHOT_INTERVAL", "1");
    let options = often(often(FleetOptions::temporary(), "order-service"), "inventory-service");
    let shop = Shop::open(options).await?;
    let log = log(&shop).await?;
    shop.stock.set("LAMP", 10, None).await?;
    let first = shop.orders.place(&lamps("ada", 1), Some("first"), Some(SOON)).await?;
    let load = shop.load(busy_day("cold", 300, 100.0)).await?;
    let mut accepted = load.finish().await?.accepted;

    for (service, journal) in JOURNALS {
        let proc = shop.fleet.get(service, 1)?;
        eventually(SOON, "two snapshots", async || {
            log.snapshots(&shelf(journal)).await.is_ok_and(|all| all.len() >= 2)
        })
        .await;
        restart(&proc).await?;
        let loaded = after_last(&proc, "snapshot loaded")?;
        ensure!(loaded.contains(journal), "{loaded}");
    }
    // The state is that of before: the key is known, and what was sold is not for sale again.
    let again = shop.orders.place(&lamps("ada", 1), Some("first"), Some(SOON)).await?;
    assert_eq!(again.order_id, first.order_id);
    assert_eq!(shop.stock.get("LAMP").await?.map(|level| level.on_hand), Some(9));

    // The newest snapshot is damaged: the one before and a longer tail lead to the same state.
    for (service, journal) in JOURNALS {
        let proc = shop.fleet.get(service, 1)?;
        proc.kill().await?;
        let kept = log.snapshots(&shelf(journal)).await?;
        let newest = *kept.first().expect("there are snapshots");
        log.save_snapshot(&shelf(journal), newest, b"no snapshot at all".to_vec()).await?;
        proc.restart().await?;
        after_last(&proc, "snapshot unreadable")?;
        after_last(&proc, "snapshot loaded")?;
    }
    accepted.extend(shop.load(busy_day("damaged", 200, 100.0)).await?.finish().await?.accepted);

    // All are: the journal itself is enough.
    for (service, journal) in JOURNALS {
        let proc = shop.fleet.get(service, 1)?;
        proc.kill().await?;
        for sequence in log.snapshots(&shelf(journal)).await? {
            log.save_snapshot(&shelf(journal), sequence, Vec::new()).await?;
        }
        proc.restart().await?;
    }
    let last = shop.orders.place(&lamps("ada", 1), Some("last"), Some(SOON)).await?;
    accepted.extend([first.order_id, last.order_id]);
    assert_eq!(shop.stock.get("LAMP").await?.map(|level| level.available), Some(8));
    shop.verify(accepted).await?;
    shop.close().await
}

/// The name under which a journal's snapshots are kept.
fn shelf(name: &str) -> String {
    if name == ORDERS.name {
        journal::shelf::<OrderDecider>(name)
    } else {
        journal::shelf::<InventoryDecider>(name)
    }
}

async fn restart(proc: &Proc) -> anyhow::Result<()> {
    proc.terminate()?;
    ensure!(proc.wait().await?.success(), "{} did not stop well", proc.name());
    proc.restart().await
}

/// The last line of the log with these words, which must have been written since the last start.
fn after_last(proc: &Proc, words: &str) -> anyhow::Result<String> {
    let log = proc.log_tail(100);
    let since = log.rfind("\"starting\"").map_or(log.as_str(), |start| &log[start..]);
    let found = since.lines().rev().find(|line| line.contains(words));
    found.map(str::to_owned).ok_or_else(|| anyhow::anyhow!("{} never said {words:?}:\n{log}", proc.name()))
}
