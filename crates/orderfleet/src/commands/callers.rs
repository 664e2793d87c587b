//! A load of orders placed from the command line: how much of it, its progress, and what its callers saw.

use std::time::Duration;

use clap::Args as ClapArgs;
use console::style;
use serde_json::{Value, json};
use uuid::Uuid;

use super::figures::{counted, millis};
use crate::{
    client::OrderClient,
    load::{Latency, Load, Mix, Options, Plan, Results},
    ui::Ui,
};

/// How much is placed, how fast.
#[derive(Debug, Clone, Copy, ClapArgs)]
pub(super) struct Amount {
    /// How many orders are placed.
    #[arg(long, value_name = "N", default_value_t = 1_000, value_parser = clap::value_parser!(u64).range(1..=10_000_000))]
    pub(super) orders: u64,

    /// How many of them per second.
    #[arg(long, value_name = "N", default_value_t = 200.0, value_parser = rate)]
    pub(super) rate: f64,
}

impl Amount {
    /// The orders of a shop on a busy day.
    pub(super) fn plan(self, purpose: &str) -> Plan {
        #[expect(clippy::disallowed_methods, reason = "no two loads are to share their idempotency keys")]
        let run = Uuid::new_v4();
        Plan { orders: self.orders, rate: self.rate, mix: Mix::SHOP, run: format!("{purpose}-{run}") }
    }
}

/// Places the orders at the order services behind `clients`, showing how far it has come.
pub(super) async fn place(plan: Plan, clients: Vec<OrderClient>, ui: &Ui) -> anyhow::Result<Results> {
    let bar = ui.progress(plan.orders, format_args!("placing {}", counted(plan.orders, "orders")));
    let load = Load::start(plan, clients, Options::default());
    let mut progress = load.progress();
    while progress.changed().await.is_ok() {
        bar.at(progress.borrow_and_update().finished);
    }
    let results = load.finish().await;
    bar.done();
    results
}

/// How long callers waited.
pub(super) fn latencies(ui: &Ui, results: &Results) {
    let seconds = results.elapsed.as_secs_f64();
    ui.say(format_args!("\n{}\n", style("How long it took, from the moment an order was due").bold()));
    for (what, latency) in [("accepted", &results.acceptance), ("decided", &results.decision)] {
        let at = |share| millis(latency.quantile(share));
        let (p50, p90, p99, max) = (at(0.5), at(0.9), at(0.99), millis(latency.max()));
        ui.say(format_args!("  {what:<8}  p50 {p50}   p90 {p90}   p99 {p99}   max {max}"));
    }
    ui.say(format_args!("\n  {} in {seconds:.1} s", counted(results.accepted.len() as u64, "orders")));
}

/// What should not have been.
pub(super) fn surprises(ui: &Ui, results: &Results) {
    for surprise in &results.surprises.first {
        ui.warn(format_args!("unexpected: {surprise}"));
    }
    if results.surprises.count > results.surprises.first.len() as u64 {
        ui.warn(format_args!("{} unexpected answers in all", results.surprises.count));
    }
}

/// All of it, for programs.
pub(super) fn as_json(results: &Results) -> Value {
    let micros = |took: Duration| u64::try_from(took.as_micros()).unwrap_or(u64::MAX);
    let latency = |latency: &Latency| {
        let at = |share| micros(latency.quantile(share));
        json!({"count": latency.count(), "p50": at(0.5), "p90": at(0.9), "p99": at(0.99), "max": micros(latency.max())})
    };
    json!({
        "accepted": results.accepted.len(),
        "decided": results.decided(),
        "confirmed": results.confirmed,
        "seconds": results.elapsed.as_secs_f64(),
        "acceptance_us": latency(&results.acceptance),
        "decision_us": latency(&results.decision),
        "longest_without_accepted_us": micros(results.accepting.longest()),
        "longest_without_confirmed_us": micros(results.confirming.longest()),
        "retries": results.retries,
        "unexpected": results.surprises.first,
        "unexpected_count": results.surprises.count,
    })
}

fn rate(text: &str) -> Result<f64, String> {
    match text.parse() {
        Ok(rate) if (0.1..=100_000.0).contains(&rate) => Ok(rate),
        Ok(_) | Err(_) => Err("not a number of orders per second from 0.1 to 100000".to_owned()),
    }
}
