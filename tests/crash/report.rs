//! What the suite says: a line when something begins and ends, a table, and figures for `docs/RELIABILITY.md`.

use std::{
    collections::BTreeMap,
    fs,
    io::{self, Write},
    path::Path,
    time::Duration,
};

use anyhow::Context;
use orderfleet::fleet::workspace_root;
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};

use crate::{
    recovery,
    scenario::{Figures, Outcome},
};

/// Most lines of a failure that are shown: a broken promise names everybody it was broken to.
const QUOTED: usize = 60;

/// The figures by scenario, as they are written down.
#[derive(Default, Serialize, Deserialize)]
struct Measured {
    scenarios: BTreeMap<String, Value>,
}

/// One row of the table.
pub(crate) struct Row {
    pub(crate) name: &'static str,
    pub(crate) fault: &'static str,
    pub(crate) took: Duration,
    pub(crate) outcome: anyhow::Result<Outcome>,
}

impl Row {
    fn verdict(&self) -> &'static str {
        match &self.outcome {
            Ok(Outcome::Held(_)) => "passed",
            Ok(Outcome::Skipped(_)) => "SKIPPED",
            Err(_) => "FAILED",
        }
    }

    fn figures(&self) -> Option<&Figures> {
        match &self.outcome {
            Ok(Outcome::Held(figures)) => Some(figures),
            Ok(Outcome::Skipped(_)) | Err(_) => None,
        }
    }

    /// How it ended, in full.
    pub(crate) fn tell(&self) {
        say(format_args!("=== {}: {} in {:.0} s", self.name, self.verdict(), self.took.as_secs_f64()));
        match &self.outcome {
            Ok(Outcome::Held(figures)) => {
                figures.notes.iter().for_each(|note| say(format_args!("    {note}")));
                if !figures.last.is_empty() {
                    say(format_args!("    {:.1?} after the fault order {}", figures.recovery, figures.last));
                }
            }
            Ok(Outcome::Skipped(reason)) => {
                say(format_args!("    !!! SKIPPED, which is not a pass: {reason}"))
            }
            Err(error) => {
                format!("{error:#}").lines().take(QUOTED).for_each(|line| say(format_args!("    {line}")))
            }
        }
    }

    fn json(&self) -> Value {
        let mut row = json!({
            "measured_at": recovery::now().to_string(),
            "fault": self.fault,
            "result": self.verdict().to_lowercase(),
            "took_seconds": self.took.as_secs_f64().round(),
        });
        if let Some(figures) = self.figures() {
            row["recovery_seconds"] = rounded(figures.recovery).into();
            row["longest_wait_seconds"] = rounded(figures.longest_wait).into();
            row["orders"] = figures.orders.into();
            row["orders_per_second"] = figures.rate.round().into();
            row["notes"] = figures.notes.clone().into();
        }
        row
    }
}

/// Prints the table and says whether nothing failed.
pub(crate) fn table(rows: &[Row]) -> bool {
    say(format_args!(
        "\n{:<44} {:<8} {:>11} {:>13} {:>8} {:>8}",
        "scenario", "result", "recovery", "longest wait", "orders", "per s"
    ));
    for row in rows {
        let (name, verdict) = (row.name, row.verdict());
        match row.figures() {
            Some(Figures { recovery, last: _, longest_wait, orders, rate, notes: _ }) => say(format_args!(
                "{name:<44} {verdict:<8} {:>9.2} s {:>11.2} s {orders:>8} {rate:>8.0}",
                recovery.as_secs_f64(),
                longest_wait.as_secs_f64()
            )),
            None => say(format_args!("{name:<44} {verdict}")),
        }
    }
    let count = |verdict| rows.iter().filter(|row| row.verdict() == verdict).count();
    let took: Duration = rows.iter().map(|row| row.took).sum();
    let (passed, failed, skipped) = (count("passed"), count("FAILED"), count("SKIPPED"));
    say(format_args!("\n{passed} passed, {failed} failed, {skipped} SKIPPED in {:.0} s", took.as_secs_f64()));
    failed == 0
}

/// Writes the figures for those who put them into documents. What was measured before of scenarios that were not run
/// this time stays; a relative path counts from the workspace.
pub(crate) fn write(rows: &[Row], path: &Path) -> anyhow::Result<()> {
    let path = workspace_root()?.join(path);
    let before: Measured = match fs::read(&path) {
        Ok(text) => {
            serde_json::from_slice(&text).with_context(|| format!("{} is something else", path.display()))?
        }
        Err(_none) => Measured::default(),
    };
    let now = rows.iter().map(|row| (row.name.to_owned(), row.json()));
    let scenarios = before.scenarios.into_iter().chain(now).collect();
    let text = serde_json::to_string_pretty(&Measured { scenarios })?;
    fs::write(&path, text + "\n").with_context(|| format!("cannot write {}", path.display()))
}

/// Prints a line. Nobody reading is no reason to stop.
pub(crate) fn say(text: impl std::fmt::Display) {
    let mut stdout = io::stdout().lock();
    let _ = writeln!(stdout, "{text}").and_then(|()| stdout.flush());
}

fn rounded(duration: Duration) -> f64 {
    (duration.as_secs_f64() * 100.0).round() / 100.0
}
