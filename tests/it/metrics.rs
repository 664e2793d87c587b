//! The list of metrics that rules and dashboards rest on, held to what the processes answer.
//!
//! That it names every metric of the sources is checked without a build, in `tests/deployments/test_monitoring.py`; only
//! a process that runs says of which type they are and which labels they have.

use std::{
    collections::{BTreeMap, BTreeSet},
    time::Duration,
};

use anyhow::{Context, ensure};
use orderfleet::fleet::FleetOptions;
use testkit::eventually;

use crate::shop::{SOON, Shop, lamps};

const LIST: &str = include_str!("../../deployments/monitoring/metrics.txt");

const SERVICES: [&str; 5] =
    ["order-service", "inventory-service", "payment-service", "notification-service", "audit-service"];

/// Not to be seen while nothing goes wrong: these are told by label, and nothing has one yet.
const SELDOM: [&str; 3] = ["dead_letters_open", "dead_letters_total", "projection_errors_total"];

/// A metric's type, and its labels in order.
type Shape = (String, BTreeSet<String>);

#[tokio::test]
async fn every_metric_is_listed_with_its_type_and_labels() -> anyhow::Result<()> {
    let shop = Shop::open(FleetOptions::temporary()).await?;
    shop.stock.set("LAMP", 5, None).await?;
    let wait = Some(Duration::from_secs(25));
    shop.orders.place(&lamps("ada", 2), None, wait).await?.order.context("not settled in time")?;
    let declined =
        orderfleet::client::OrderBody { payment_method: "tok_charge_declined".to_owned(), ..lamps("bob", 1) };
    shop.orders.place(&declined, None, wait).await?.order.context("not settled in time")?;

    let listed = listed();
    // Some are told by tasks that look every few seconds.
    eventually(SOON, "every metric that there should be", async || {
        let seen = seen(&shop).await.map_err(|error| format!("{error:#}"))?;
        let unseen: Vec<_> = listed.keys().filter(|name| !seen.contains_key(*name)).collect();
        if unseen == SELDOM { Ok(()) } else { Err(format!("unseen: {unseen:?}")) }
    })
    .await;
    for (name, shape) in seen(&shop).await? {
        ensure!(listed.get(&name) == Some(&shape), "{name} is {shape:?}, listed is {:?}", listed.get(&name));
    }
    shop.close().await
}

fn listed() -> BTreeMap<String, Shape> {
    let lines = LIST.lines().filter(|line| !line.starts_with('#'));
    let entry = |line: &str| {
        let mut words = line.split_whitespace().map(str::to_owned);
        Some((words.next()?, (words.next()?, words.collect())))
    };
    lines.filter_map(entry).collect()
}

/// What all services tell.
async fn seen(shop: &Shop) -> anyhow::Result<BTreeMap<String, Shape>> {
    let mut seen = BTreeMap::new();
    let http = runtime::http_client().no_proxy().build()?;
    for service in SERVICES {
        let text = http.get(format!("{}/metrics", shop.fleet.url(service)?)).send().await?.text().await?;
        seen.extend(shapes(&text)?);
    }
    Ok(seen)
}

/// The metrics of one answer. The type stands before the samples.
fn shapes(text: &str) -> anyhow::Result<BTreeMap<String, Shape>> {
    let (mut shapes, mut current) = (BTreeMap::new(), None);
    for line in text.lines() {
        if let Some(declared) = line.strip_prefix("# TYPE ") {
            current = declared.split_once(' ');
        } else if !line.starts_with('#') {
            let (name, kind) = current.context("a sample without a type")?;
            ensure!(line.starts_with(name), "{line} after the type of {name}");
            let labels = labels(line).filter(|label| label != "le" || kind != "histogram").collect();
            shapes.insert(name.to_owned(), (kind.to_owned(), labels));
        }
    }
    Ok(shapes)
}

/// The names of a sample's labels.
fn labels(sample: &str) -> impl Iterator<Item = String> {
    let inside = sample.split_once('{').and_then(|(_, rest)| rest.rsplit_once('}'));
    let pairs = inside.map_or("", |(pairs, _)| pairs).split("\",");
    pairs.filter_map(|pair| Some(pair.split_once('=')?.0.to_owned()))
}
