//! What a demonstration tells at its end.

use std::{collections::BTreeMap, time::Duration};

use console::style;
use serde_json::{Value, json};

use super::super::figures::{amount, grouped};
use crate::{
    client::TimelineEvent,
    load::{Latency, Results},
    ui::Ui,
    verify::Report,
};

/// Longest stretch of an outcome's bar, in characters.
const BAR: u64 = 40;

/// What became of the orders, and how long it took.
pub(super) fn tell(ui: &Ui, results: &Results, report: &Report) {
    ui.object(&as_json(results, report));
    outcomes(ui, results, report);
    latencies(ui, results);
    for surprise in &results.surprises {
        ui.warn(format_args!("unexpected: {surprise}"));
    }
    if results.surprise_count > results.surprises.len() as u64 {
        ui.warn(format_args!("{} unexpected answers in all", results.surprise_count));
    }
}

fn outcomes(ui: &Ui, results: &Results, report: &Report) {
    let outcomes = ends(report);
    let total = outcomes.values().sum::<u64>().max(1);
    let width = outcomes.keys().map(String::len).max().unwrap_or_default();
    ui.say(format_args!("\n{}\n", style("What became of the orders").bold()));
    for (outcome, count) in &outcomes {
        let stretch = (count * BAR).div_ceil(total);
        let bar = "█".repeat(usize::try_from(stretch).unwrap_or_default());
        ui.say(format_args!("  {outcome:<width$}  {:>7}  {}", grouped(*count), style(bar).cyan()));
    }
    let summary = &report.summary;
    let (captured, refunded) = (money(&summary.captured), money(&summary.refunded));
    ui.say(format_args!(
        "\n  taken {captured}, given back {refunded}, {} messages sent",
        summary.notifications
    ));
    if results.retries > 0 {
        ui.say(format_args!("  {} requests had to be repeated", results.retries));
    }
}

fn latencies(ui: &Ui, results: &Results) {
    let seconds = results.elapsed.as_secs_f64();
    ui.say(format_args!("\n{}\n", style("How long it took, from the moment an order was due").bold()));
    for (what, latency) in [("accepted", &results.acceptance), ("decided", &results.decision)] {
        let at = |share| millis(latency.quantile(share));
        let (p50, p90, p99, max) = (at(0.5), at(0.9), at(0.99), millis(latency.max()));
        ui.say(format_args!("  {what:<8}  p50 {p50}   p90 {p90}   p99 {p99}   max {max}"));
    }
    ui.say(format_args!("\n  {} orders in {seconds:.1} s", grouped(results.accepted.len() as u64)));
}

/// An order's life, event by event.
pub(super) fn life(ui: &Ui, events: &[TimelineEvent]) {
    let Some(first) = events.first() else { return };
    ui.object(&json!({"event": "timeline", "events": events}));
    ui.say(format_args!("\n{}\n", style("The life of one of them, from the audit trail").bold()));
    for event in events {
        let after = millis(event.stored_at.since(first.stored_at));
        let place = style(format!("{}:{}", event.stream, event.sequence)).dim();
        ui.say(format_args!("  {after}  {:<26} {place}", event.subject));
    }
}

/// How many orders came to which end.
fn ends(report: &Report) -> BTreeMap<String, u64> {
    let summary = &report.summary;
    let mut ends: BTreeMap<String, u64> =
        summary.cancelled.iter().map(|(reason, count)| (format!("cancelled: {reason}"), *count)).collect();
    let cancelled: u64 = summary.cancelled.values().sum();
    let confirmed = summary.orders.saturating_sub(cancelled + report.open_orders.len() as u64);
    ends.insert("confirmed".to_owned(), confirmed);
    if !report.open_orders.is_empty() {
        ends.insert("open".to_owned(), report.open_orders.len() as u64);
    }
    ends
}

fn as_json(results: &Results, report: &Report) -> Value {
    let latency = |latency: &Latency| {
        let micros = |took: Duration| u64::try_from(took.as_micros()).unwrap_or(u64::MAX);
        let at = |share| micros(latency.quantile(share));
        json!({"count": latency.count(), "p50": at(0.5), "p90": at(0.9), "p99": at(0.99), "max": micros(latency.max())})
    };
    json!({
        "event": "orders",
        "accepted": results.accepted.len(),
        "outcomes": ends(report),
        "seconds": results.elapsed.as_secs_f64(),
        "acceptance_us": latency(&results.acceptance),
        "decision_us": latency(&results.decision),
        "retries": results.retries,
        "unexpected": results.surprises,
        "unexpected_count": results.surprise_count,
    })
}

fn millis(took: Duration) -> String {
    format!("{:>8.1} ms", took.as_secs_f64() * 1_000.0)
}

fn money(amounts: &BTreeMap<String, i64>) -> String {
    let amounts: Vec<String> = amounts.iter().map(|(currency, minor)| amount(*minor, currency)).collect();
    if amounts.is_empty() { "nothing".to_owned() } else { amounts.join(" + ") }
}
