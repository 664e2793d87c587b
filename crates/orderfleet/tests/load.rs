//! `load` against a fleet that somebody else has started.
#![expect(clippy::unwrap_used, reason = "a failed setup fails the test")]

use std::process::Stdio;

use orderfleet::{
    client::StockClient,
    fleet::{Fleet, FleetOptions},
};
use serde_json::Value;
use tokio::process::Command;

/// Runs `load` for programs with what the fleet's addresses are: its exit code, and what it told.
async fn load(fleet: &Fleet, words: &[&str]) -> (Option<i32>, Value) {
    let orders = fleet.processes().into_iter().filter(|proc| proc.service() == "order-service");
    let output = Command::new(env!("CARGO_BIN_EXE_orderfleet"))
        .args(["load", "--json", "--order-url"])
        .arg(orders.map(|proc| proc.url()).collect::<Vec<_>>().join(","))
        .args(["--inventory-url", &fleet.url("inventory-service").unwrap()])
        .args(words)
        .stdin(Stdio::null())
        .output();
    let output = output.await.unwrap();
    let told = serde_json::from_slice(&output.stdout);
    (output.status.code(), told.unwrap_or_else(|error| panic!("{error}: {output:?}")))
}

#[tokio::test]
async fn it_places_orders_wherever_the_fleet_is() {
    let fleet = Fleet::start(FleetOptions::temporary().replicas("order-service", 2)).await.unwrap();
    let stock = StockClient::new(&fleet.url("inventory-service").unwrap()).unwrap();
    stock.set("MUG-ENAMEL", 7, None).await.unwrap();

    let (code, told) = load(&fleet, &["--orders", "60", "--rate", "60"]).await;
    assert_eq!(code, Some(0), "{told}");
    assert_eq!((&told["event"], &told["unexpected_count"]), (&"load".into(), &0.into()), "{told}");
    assert_eq!((&told["accepted"], &told["decided"]), (&60.into(), &60.into()), "{told}");
    let [confirmed, accepting, confirming] =
        ["confirmed", "longest_without_accepted_us", "longest_without_confirmed_us"]
            .map(|key| told[key].as_u64().unwrap());
    assert!((1..=60).contains(&confirmed), "{told}");
    // One order is due 16 ms after the other; no pause is longer than the whole.
    assert!(accepting >= 16_000 && confirming > 0, "{told}");
    assert!((accepting.max(confirming) as f64) < told["seconds"].as_f64().unwrap() * 1e6, "{told}");

    // It came on top of what somebody had put there.
    let mugs = stock.get("MUG-ENAMEL").await.unwrap().unwrap();
    assert!(mugs.on_hand > 7, "{mugs:?}");
    fleet.shutdown().await.unwrap();
}
