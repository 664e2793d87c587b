//! The card gateway is down, or half down.

use std::{collections::BTreeMap, time::Duration};

use anyhow::ensure;
use gateway_sim::{Entry, LedgerPage, Operation};
use orderfleet::fleet::FleetOptions;
use serde_json::json;
use tests::shop::{Shop, http};

use crate::{
    probe::{gateway_traffic, metric_sum, set_faults},
    recovery::now,
    scenario::{Outcome, Scale},
    stage::{Crowd, RATE, Stage, lasting},
};

/// How long the gateway is away.
const OUTAGE: Duration = Duration::from_secs(60);
/// The breaker's longest opening as it is shipped.
const LONGEST_OPEN: Duration = Duration::from_secs(10);
/// No opening is shorter than half of what it may last, and the second may last as long as this.
const SECOND_OPEN: Duration = Duration::from_secs(4);
/// All orders are confirmed so soon after the gateway is back.
const RECOVERY: Duration = Duration::from_secs(30);
/// How long the payment service may take to notice that the gateway is away, and its breaker to open.
const NOTICED: Duration = Duration::from_secs(5);
/// For how long a hanging gateway is at a request, and for how long payments wait until they ask again.
const HANGS: Duration = Duration::from_secs(4);
const SETTLE: Duration = Duration::from_secs(5);

/// How long the breaker leaves a gateway in peace that is down.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Breaker {
    /// As it is shipped: longer each time.
    Patient,
    /// A second.
    Impatient,
}

/// Whether the gateway does what it is asked only once per idempotency key.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Keys {
    /// Yes.
    Honoured,
    /// No: every request is a new one.
    Ignored,
}

/// Nothing goes to the dead letters, the gateway is hardly bothered, and everything is paid soon after.
pub(crate) async fn outage(scale: Scale, breaker: Breaker) -> anyhow::Result<Outcome> {
    let setting = |name, value: u64| (name, value.to_string());
    let settings = match breaker {
        Breaker::Patient => Vec::new(),
        Breaker::Impatient => vec![setting("BREAKER_OPEN", 1), setting("BREAKER_OPEN_MAX", 1)],
    };
    let mut options = FleetOptions::temporary();
    for (name, value) in settings {
        options = options.env("payment-service", name, &value);
    }
    let mut stage = Stage::open(options).await?;
    // Nobody stays at the till for a minute.
    let crowd = Crowd { seconds: scale.seconds(70), stays: false };
    let mut probes = 0;
    stage
        .round(crowd, async |shop, _| {
            set_faults(shop, json!({ "outage": true })).await?;
            lasting(NOTICED).await;
            let before = gateway_traffic(shop).await?.requests;
            lasting(OUTAGE - NOTICED).await;
            probes = gateway_traffic(shop).await?.requests - before;
            set_faults(shop, json!({ "outage": false })).await?;
            let healed = now();
            ensure!(probes <= most_probes(), "{probes} probes within {OUTAGE:?}, at most {}", most_probes());
            Ok(healed)
        })
        .await?;
    let recovery = stage.figures.recovery;
    ensure!(recovery <= RECOVERY, "orders accepted during the outage were still open {recovery:?} after it");
    stage
        .figures
        .notes
        .push(format!("the gateway was asked {probes} times in the outage's last {:?}", OUTAGE - NOTICED));
    stage.close().await
}

/// One probe per opening, if every opening were as short as can be.
fn most_probes() -> u64 {
    let (mut left, mut longest, mut probes) = (OUTAGE - NOTICED, SECOND_OPEN, 0);
    while !left.is_zero() {
        left = left.saturating_sub(longest / 2);
        longest = (longest * 2).min(LONGEST_OPEN);
        probes += 1;
    }
    probes
}

/// Whatever the gateway says or does not say, each card is charged once, by the gateway's own ledger.
pub(crate) async fn brownout(scale: Scale, keys: Keys) -> anyhow::Result<Outcome> {
    let options = FleetOptions::temporary().env("payment-service", "GATEWAY_TIMEOUT", "2").env(
        "payment-service",
        "GATEWAY_SETTLE",
        &SETTLE.as_secs().to_string(),
    );
    let mut stage = Stage::open(options).await?;
    let crowd = Crowd { seconds: scale.seconds(20), stays: false };
    let most = (crowd.seconds as f64 * RATE * 0.8) as u64;
    stage
        .round(crowd, async |shop, load| {
            let faults = json!({
                "error_rate": 0.15, "error_after_rate": 0.15, "hang_rate": 0.01, "late_rate": 0.01, "hang_ms": HANGS.as_secs() * 1_000,
                "ignore_idempotency": keys == Keys::Ignored,
            });
            set_faults(shop, faults).await?;
            load.accepted(most).await;
            set_faults(shop, json!({ "error_rate": 0, "error_after_rate": 0, "hang_rate": 0, "late_rate": 0 })).await?;
            Ok(now())
        })
        .await?;
    charged_once(&stage.shop).await?;
    let failed = metric_sum(
        &*stage.shop.fleet.get("payment-service", 1)?,
        &["gateway_request_duration_seconds_count", "unknown"],
    )
    .await?;
    ensure!(failed > 0.0, "the gateway never failed, so nothing was tested");
    stage.figures.notes.push(format!("{failed} requests to the gateway ended with an unknown outcome"));
    stage.close().await
}

/// Reads the whole ledger.
async fn charged_once(shop: &Shop) -> anyhow::Result<()> {
    let mut charges: BTreeMap<String, usize> = BTreeMap::new();
    for entry in ledger(shop).await? {
        if matches!(entry.operation, Operation::Capture { .. }) {
            *charges.entry(entry.order_id).or_default() += 1;
        }
    }
    let twice: Vec<_> = charges.iter().filter(|(_, count)| **count > 1).collect();
    ensure!(twice.is_empty(), "{} orders were charged more than once: {twice:?}", twice.len());
    Ok(())
}

async fn ledger(shop: &Shop) -> anyhow::Result<Vec<Entry>> {
    let mut entries = Vec::new();
    let mut cursor = 0;
    loop {
        let url = format!("{}/admin/ledger?cursor={cursor}&limit=10000", shop.fleet.url("gateway-sim")?);
        let page: LedgerPage = http()?.get(url).send().await?.json().await?;
        entries.extend(page.entries);
        match page.next_cursor {
            Some(next) => cursor = next,
            None => return Ok(entries),
        }
    }
}
