//! A fleet loses its broker and its databases, and goes on from a backup that was taken while it was at work.

use std::{
    collections::{BTreeMap, BTreeSet},
    fs,
    path::Path,
    time::Duration,
};

use events::{EventData, RawEnvelope, payments::PaymentCaptured, requests::PlaceOrder};
use messaging::log::Stored;
use nats_server::NatsServer;
use orderfleet::{
    client::{OrderClient, StockClient},
    fleet::{DataDir, Fleet, FleetOptions},
    load::{Load, Mix, Options, Plan, Results},
    verify::{self, Expectations, Report, Target, report::CheckId},
};
use serde_json::json;
use tempfile::TempDir;

use crate::operator::{connect, run, stored};

const ORDERS: u64 = 900;
const SETTLE: Duration = Duration::from_secs(120);
/// Enough of everything, and nobody cancels: else two histories from the same past may differ in what they come to,
/// while the gateway's books keep what the lost one came to.
pub(crate) const MIX: Mix = Mix {
    scarce: 0,
    unknown: 5,
    declined: 30,
    cancelled_early: 0,
    cancelled_late: 0,
    repeated: 30,
    key_reused: 10,
    hot: 0,
};

pub(crate) fn options(home: &Path) -> FleetOptions {
    FleetOptions {
        data_dir: DataDir::Kept { path: home.to_owned(), fresh: false },
        ..FleetOptions::temporary()
    }
}

pub(crate) async fn load(fleet: &Fleet, plan: Plan) -> Load {
    let stock = StockClient::new(&fleet.url("inventory-service").unwrap()).unwrap();
    for (sku, pieces) in plan.stock() {
        stock.set(sku, pieces, Some(&plan.run)).await.unwrap();
    }
    let orders = OrderClient::new(&fleet.url("order-service").unwrap()).unwrap();
    // Callers leave once their order is accepted.
    Load::start(plan, vec![orders], Options { follow: false, ..Options::default() })
}

pub(crate) async fn verify(fleet: &Fleet) -> Report {
    let expected = Expectations { complete: true, ..Expectations::default() };
    let options = verify::Options { wait: SETTLE };
    verify::run(&Target::of(fleet).unwrap(), &expected, &options, |_| {}).await.unwrap()
}

/// The orders that messages of this type are about.
fn orders(messages: &[Stored], kind: &str) -> BTreeSet<String> {
    let read = |message: &Stored| {
        let envelope = RawEnvelope::parse(&message.payload).ok()?;
        (envelope.kind == kind).then(|| envelope.aggregate_id.into_owned())
    };
    messages.iter().filter_map(read).collect()
}

fn http() -> reqwest::Client {
    runtime::http_client().no_proxy().build().unwrap()
}

/// The machine with the broker burns down, and so do the databases. The gateway is another company's.
pub(crate) fn disaster(home: &TempDir) {
    fs::remove_dir_all(home.path().join("nats")).unwrap();
    for entry in fs::read_dir(home.path()).unwrap() {
        let path = entry.unwrap().path();
        if path.file_name().unwrap().to_string_lossy().contains(".db") {
            fs::remove_file(path).unwrap();
        }
    }
}

/// What was in the streams right after a restore.
struct Restored {
    placed: BTreeSet<String>,
    captured: BTreeSet<String>,
}

async fn restore(home: &TempDir, dir: &Path) -> Restored {
    let broker = NatsServer::builder().store_dir(home.path().join("nats")).start().await.unwrap();
    run(&broker.url(), "restore", dir, &[]).await.done();
    let js = connect(&broker.url()).await;
    let placed = orders(&stored(&js, "REQUESTS").await, PlaceOrder::TYPE);
    let captured = orders(&stored(&js, "PAYMENTS").await, PaymentCaptured::TYPE);
    broker.stop_gracefully().await.unwrap();
    Restored { placed, captured }
}

#[tokio::test]
async fn a_fleet_restored_from_a_backup_under_load_goes_on_where_it_was() {
    let (home, backup) = (tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap());
    let fleet = Fleet::start(options(home.path())).await.unwrap();
    // Many charges are under way whenever the streams are cut.
    let slow = format!("{}/admin/faults", fleet.url("gateway-sim").unwrap());
    let answer = http().patch(slow).json(&json!({"latency_ms": 500})).send().await.unwrap();
    assert!(answer.status().is_success());
    let load = load(&fleet, Plan { orders: ORDERS, rate: 60.0, mix: MIX, run: "backup".to_owned() }).await;
    load.accepted(ORDERS / 3).await;

    let before: BTreeSet<String> = {
        let js = connect(&fleet.broker().url()).await;
        orders(&stored(&js, "REQUESTS").await, PlaceOrder::TYPE)
    };
    let saved = run(&fleet.broker().url(), "backup", backup.path(), &[]).await.done();
    assert!(
        load.progress().borrow().accepted < ORDERS,
        "the load ended before the backup did: it proves little"
    );
    let came_in = |stream: &str| backup.path().join(format!("{stream}.tail")).exists();
    assert!(came_in("ORDERS") && came_in("INVENTORY") && came_in("REQUESTS"), "{saved:?}");
    let results = load.finish().await.unwrap();
    assert_eq!(results.surprises.count, 0, "{:?}", results.surprises);
    assert!(verify(&fleet).await.holds(), "the backup has changed nothing");
    fleet.shutdown().await.unwrap();
    drop(fleet);

    disaster(&home);
    let restored = restore(&home, backup.path()).await;
    assert!(restored.placed.is_superset(&before), "what was accepted before the backup began is in it");
    let fleet =
        Fleet::start(options(home.path()).env("payment-service", "LOOK_FIRST", "true")).await.unwrap();
    let report = verify(&fleet).await;
    only_what_is_lost_is_missed(&report, &restored, &results);
    charged_since(&fleet, &restored).await;
    fleet.shutdown().await.unwrap();
}

/// Every order of the backup has come to its end, and all promises hold for it; the gateway has taken money for orders
/// that were accepted later, and `verify` names each.
fn only_what_is_lost_is_missed(report: &Report, restored: &Restored, results: &Results) {
    let accepted: BTreeSet<String> = results.accepted.iter().map(ToString::to_string).collect();
    let lost: BTreeSet<&String> = accepted.difference(&restored.placed).collect();
    assert!(!lost.is_empty(), "nothing was accepted after the backup: it proves little");
    let open: Vec<_> =
        report.open_orders.iter().filter(|order| !lost.contains(&order.order_id.to_string())).collect();
    assert!(open.is_empty(), "orders of the backup are still open: {open:#?}");
    let mut named = BTreeSet::new();
    for check in &report.checks {
        for violation in &check.violations {
            let order = violation.ids.iter().find(|id| lost.contains(id));
            assert!(order.is_some() && check.id == CheckId::V2, "{:?}: {violation:?}", check.id);
            named.extend(order);
        }
    }
    assert!(!named.is_empty(), "the gateway took money for orders that are lost");
}

/// Money that was taken after the backup was found, and told of, and not taken again.
async fn charged_since(fleet: &Fleet, restored: &Restored) {
    let js = connect(&fleet.broker().url()).await;
    let messages = stored(&js, "PAYMENTS").await;
    let since: BTreeSet<_> =
        orders(&messages, PaymentCaptured::TYPE).difference(&restored.captured).cloned().collect();
    assert!(!since.is_empty(), "no charge was under way when the streams were cut: it proves little");
    let url = format!("{}/admin/ledger?limit=10000", fleet.url("gateway-sim").unwrap());
    let ledger: serde_json::Value = http().get(url).send().await.unwrap().json().await.unwrap();
    let mut charges: BTreeMap<&str, usize> = BTreeMap::new();
    for entry in ledger["entries"].as_array().unwrap().iter().filter(|entry| entry["kind"] == "capture") {
        *charges.entry(entry["order_id"].as_str().unwrap()).or_default() += 1;
    }
    for order in &since {
        assert_eq!(charges.get(order.as_str()), Some(&1), "{order}");
    }
}
