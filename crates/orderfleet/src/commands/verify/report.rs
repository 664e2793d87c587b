//! The report on a fleet for people: one line per check, then what is wrong, then what is open.

use console::style;

use super::super::figures::{amount, counted, grouped, lasting};
use crate::verify::{
    Report,
    report::{CheckResult, OpenOrder, Summary, Violation},
};

/// Most violations, and most notes, printed of one check; `--json` has them all.
const MOST: usize = 20;
/// Most open orders printed.
const MOST_OPEN: usize = 10;

/// The report, line by line.
pub(super) fn lines(report: &Report) -> Vec<String> {
    let mut lines = vec![String::new()];
    for check in &report.checks {
        lines.push(headline(check));
        lines.extend(most(&check.violations, violation));
        for notes in [&check.partial, &check.notes] {
            lines.extend(most(notes, |why| format!("         {}", style(format!("note: {why}")).dim())));
        }
    }
    lines.push(String::new());
    lines.extend(summary(&report.summary));
    lines.extend(open(&report.open_orders));
    lines.push(String::new());
    lines.push(verdict(report));
    lines
}

/// The first of them, and how many more there are.
fn most<T>(all: &[T], line: impl Fn(&T) -> String) -> impl Iterator<Item = String> {
    let more = all.len().saturating_sub(MOST);
    let more =
        (more > 0).then(|| format!("         {}", style(format!("and {} more", grouped(more as u64))).dim()));
    all.iter().take(MOST).map(line).collect::<Vec<_>>().into_iter().chain(more)
}

fn headline(check: &CheckResult) -> String {
    let (mark, id) = if check.violations.is_empty() {
        (style("✓").green().bold(), style(format!("{:?}", check.id)).bold())
    } else {
        (style("✗").red().bold(), style(format!("{:?}", check.id)).red().bold())
    };
    let looked_at = counted(check.examined, check.unit);
    let found = match check.violations.len() {
        0 => style(looked_at).dim().to_string(),
        count => format!("{}, {}", style(looked_at).dim(), style(counted(count as u64, "violations")).red()),
    };
    // Padded before it is coloured: escape codes would count as width.
    format!(
        "  {mark} {id}{}{:<43} {found}",
        " ".repeat(5_usize.saturating_sub(format!("{:?}", check.id).len())),
        check.title
    )
}

fn violation(violation: &Violation) -> String {
    let ids = style(violation.ids.join("  ")).yellow();
    let separator = if violation.ids.is_empty() { "" } else { ": " };
    format!("         {ids}{separator}{}", violation.message)
}

fn summary(summary: &Summary) -> Vec<String> {
    let by_status =
        summary.by_status.iter().map(|(status, count)| format!("{} {}", grouped(*count), status.as_str()));
    let by_reason = summary.cancelled.iter().map(|(reason, count)| format!("{} {reason}", grouped(*count)));
    let (by_status, by_reason): (Vec<_>, Vec<_>) = (by_status.collect(), by_reason.collect());
    let mut lines = vec![row("orders", &format!("{}{}", grouped(summary.orders), listed(&by_status)))];
    if !by_reason.is_empty() {
        let all: u64 = summary.cancelled.values().sum();
        // Those whose money went back stand among the orders as refunded.
        lines.push(row("cancelled", &format!("{} in all: {}", grouped(all), by_reason.join(", "))));
    }
    let money = summary.captured.iter().map(|(currency, taken)| {
        let back = summary.refunded.get(currency).copied().unwrap_or(0);
        let back = if back == 0 { String::new() } else { format!(", {} given back", amount(back, currency)) };
        format!("{} taken{back}", amount(*taken, currency))
    });
    lines.extend(money.map(|money| row("money", &money)));
    let told = format!(
        "{} in the streams, {}, {}{}",
        grouped(summary.messages),
        counted(summary.notifications, "notifications"),
        counted(summary.dead_letters, "dead letters"),
        seen_to(summary),
    );
    lines.push(row("messages", &told));
    lines
}

/// How many of the dead letters operators have seen to.
fn seen_to(summary: &Summary) -> String {
    let parts = [(summary.redriven, "put back"), (summary.discarded, "discarded")];
    let parts = parts.into_iter().filter(|(count, _)| *count > 0);
    let parts: Vec<_> = parts.map(|(count, what)| format!("{} {what}", grouped(count))).collect();
    if parts.is_empty() { String::new() } else { format!(" ({})", parts.join(", ")) }
}

fn row(name: &str, text: &str) -> String {
    format!("  {}{text}", style(format!("{name:<11}")).dim())
}

fn listed(parts: &[String]) -> String {
    if parts.is_empty() { String::new() } else { format!(": {}", parts.join(", ")) }
}

fn open(orders: &[OpenOrder]) -> Vec<String> {
    if orders.is_empty() {
        return Vec::new();
    }
    let count = orders.len();
    let title = format!("{} still under way, oldest first:", counted(count as u64, "orders"));
    let mut lines = vec![String::new(), format!("  {}", style(title).yellow())];
    lines.extend(orders.iter().take(MOST_OPEN).map(|order| {
        let OpenOrder { order_id, status, age, waiting_on } = order;
        let waits = waiting_on.join(", ");
        format!("    {order_id}  {}, {} old, waits for {waits}", status.as_str(), lasting(*age))
    }));
    if count > MOST_OPEN {
        lines.push(format!("    and {} more", grouped((count - MOST_OPEN) as u64)));
    }
    lines
}

fn verdict(report: &Report) -> String {
    let broken: Vec<String> = report.broken().iter().map(|id| format!("{id:?}")).collect();
    if !broken.is_empty() {
        return format!("  {}", style(format!("The promise is broken: {}.", broken.join(", "))).red().bold());
    }
    let partly = report.checks.iter().any(|check| !check.partial.is_empty());
    let text = match (partly, report.open_orders.is_empty()) {
        (false, true) => "The promise holds.",
        (false, false) => "The promise holds so far; not everything is done.",
        (true, _) => "The promise holds as far as it could be checked; see the notes.",
    };
    format!("  {}", style(text).green().bold())
}

#[cfg(test)]
mod tests;
