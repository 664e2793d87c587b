//! What a demonstration tells at its end.

use std::collections::BTreeMap;

use console::style;
use serde_json::{Value, json};

use super::super::{
    callers,
    figures::{amount, counted, grouped, millis},
};
use crate::{client::TimelineEvent, load::Results, ui::Ui, verify::Report};

/// Longest stretch of an outcome's bar, in characters.
const BAR: u64 = 40;

/// What became of the orders, and how long it took.
pub(super) fn tell(ui: &Ui, results: &Results, report: &Report) {
    ui.object(&as_json(results, report));
    outcomes(ui, results, report);
    callers::latencies(ui, results);
    callers::surprises(ui, results);
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
        "\n  taken {captured}, given back {refunded}, {} sent",
        counted(summary.notifications, "messages")
    ));
    if results.retries > 0 {
        ui.say(format_args!("  {} had to be repeated", counted(results.retries, "requests")));
    }
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
    let mut object = callers::as_json(results);
    object["event"] = "orders".into();
    object["outcomes"] = json!(ends(report));
    object
}

fn money(amounts: &BTreeMap<String, i64>) -> String {
    let amounts: Vec<String> = amounts.iter().map(|(currency, minor)| amount(*minor, currency)).collect();
    if amounts.is_empty() { "nothing".to_owned() } else { amounts.join(" + ") }
}
