//! What a bench tells at its end.

use console::style;
use serde_json::json;

use super::super::figures::{grouped, millis, size};
use crate::{
    bench::{Figures, Percentiles, StageFigures},
    ui::Ui,
    verify::Report,
};

/// One object for programs, a page for people. No report means that the promise could not be checked.
pub(super) fn figures(ui: &Ui, figures: &Figures, report: Option<&Report>, command: &str) {
    let mut object = json!(figures);
    object["event"] = "bench".into();
    object["command"] = command.into();
    object["holds"] = report.map(Report::holds).into();
    ui.object(&object);
    machine(ui, figures);
    stages(ui, figures);
    let stage = figures.headline.and_then(|index| figures.stages.get(index));
    if let Some(stage) = stage {
        headline(ui, figures, stage);
    }
    ui.say("");
    figures.behind().iter().for_each(|line| ui.say(format_args!("  {line}")));
    if let Some(stage) = stage {
        costs(ui, figures, stage);
    }
    ceiling(ui, figures);
    figures.warnings().iter().for_each(|warning| ui.warn(warning));
    ui.say("");
}

fn title(ui: &Ui, text: &str) {
    ui.say(format_args!("\n{}\n", style(text).bold()));
}

fn machine(ui: &Ui, figures: &Figures) {
    let machine = &figures.machine;
    title(ui, "The machine");
    let unknown = || "not known".to_owned();
    let memory = machine.memory.map_or_else(unknown, size);
    ui.say(format_args!("  {} × {}", machine.cores, machine.cpu.clone().unwrap_or_else(unknown)));
    ui.say(format_args!("  {memory} of memory, {}", machine.system));
    let (disk, fsync) = (machine.file_system.clone().unwrap_or_else(unknown), figures.fsync);
    let fsync =
        if fsync { "fsync before each acknowledgement" } else { "no fsync before an acknowledgement" };
    ui.say(format_args!("  data on {disk}, {fsync}"));
    ui.say(format_args!(
        "  orderfleet {}{}, nats-server {}",
        machine.orderfleet,
        if machine.debug_build { " (debug build)" } else { "" },
        machine.nats_server.clone().unwrap_or_else(unknown)
    ));
}

fn stages(ui: &Ui, figures: &Figures) {
    title(ui, "Orders per second, and how long until they were accepted");
    ui.say(format_args!(
        "  {:<8} {:>9} {:>9} {:>9} {:>9}  {:>11} {:>11} {:>11}  {:>6}",
        "", "due", "accepted", "confirmed", "decided", "p50", "p99", "p99.9", "cores"
    ));
    for (index, stage) in figures.stages.iter().enumerate() {
        let took = &stage.acceptance_us;
        let cores = stage.cores.map_or_else(|| "?".to_owned(), |cores| format!("{cores:.2}"));
        let line = format!(
            "  {:<8} {:>9.0} {:>9.0} {:>9.0} {:>9.0}  {} {} {}  {cores:>6}  {}",
            stage.kind.as_str(),
            stage.rate,
            stage.accepted_per_second,
            stage.confirmed_per_second,
            stage.decided_per_second,
            micros(took.p50),
            micros(took.p99),
            micros(took.p999),
            stage.shortfall.map_or("", |shortfall| shortfall.as_str()),
        );
        let line = line.trim_end();
        if Some(index) == figures.headline { ui.say(style(line).cyan()) } else { ui.say(line) }
    }
}

fn headline(ui: &Ui, figures: &Figures, stage: &StageFigures) {
    title(ui, &format!("How long it took at {:.0} orders/s, from the moment an order was due", stage.rate));
    latency(ui, "accepted", &stage.acceptance_us);
    latency(ui, "confirmed, as its caller reads it", &stage.confirmation_us);
    title(ui, "From event to event, by the broker's clock");
    for hop in &figures.hops {
        latency(ui, &format!("{} → {}", hop.from, hop.to), &hop.took_us);
    }
}

fn latency(ui: &Ui, what: &str, took: &Percentiles) {
    let [p50, p90, p99, p999, max] = [took.p50, took.p90, took.p99, took.p999, took.max].map(micros);
    ui.say(format_args!(
        "  {what:<45} p50 {p50}  p90 {p90}  p99 {p99}  p99.9 {p999}  max {max}  ({})",
        grouped(took.count)
    ));
}

fn costs(ui: &Ui, figures: &Figures, stage: &StageFigures) {
    title(ui, &format!("What an order costs at {:.0} orders/s", stage.rate));
    for process in &stage.processes {
        ui.say(format_args!(
            "  {:<24} {:>7.0} µs of processor time   {:>10} of memory (began with {}, at most {})",
            process.name,
            process.cpu_us_per_order,
            size(process.rss_end),
            size(process.rss_start),
            size(process.rss_peak)
        ));
    }
    ui.say(format_args!("\n  {}", stage.processors()));
    title(ui, "Messages stored at once");
    for commit in &stage.commits {
        ui.say(format_args!(
            "  {:<24} {:<14} {:>7.1} messages, {:>6.1} times a second",
            commit.service, commit.stream, commit.messages_per_commit, commit.commits_per_second
        ));
    }
    title(ui, "Bytes on the disk per order");
    for (what, bytes) in &figures.disk_bytes_per_order {
        ui.say(format_args!("  {what:<32} {bytes:>9.0}"));
    }
    let all: f64 = figures.disk_bytes_per_order.values().sum();
    ui.say(format_args!("  {:<32} {all:>9.0}", "all"));
}

fn ceiling(ui: &Ui, figures: &Figures) {
    let Some(ceiling) = &figures.ceiling else { return };
    title(ui, "The ceiling: the same messages without the fleet's work");
    let broker = ceiling
        .broker_cpu_us_per_order
        .map_or_else(String::new, |cpu| format!(", for {cpu:.0} µs of the broker's processor time each"));
    ui.say(format_args!("  {:.0} orders/s{broker}", ceiling.orders_per_second));
    if let Some(share) = figures.share_of_ceiling {
        ui.say(format_args!("  the fleet accepted {:.0} % of that", share * 100.0));
    }
}

fn micros(took: u64) -> String {
    millis(std::time::Duration::from_micros(took))
}
