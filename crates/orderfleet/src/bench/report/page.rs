//! The page around plots and tables.

use super::{
    plot::{Axis, Line, Scale, plot},
    tables::{self, escaped},
};
use crate::{
    bench::{Figures, Kind, SecondFigures, StageFigures},
    verify::Report,
};

const STYLE: &str = "
:root { color-scheme: light dark; --ink: #1c2024; --paper: #fff; --faint: #d8dce0; --c0: #2563c9; --c1: #c2410c; --c2: #15803d; --c3: #7e22ce; }
@media (prefers-color-scheme: dark) {
  :root { --ink: #e4e7ea; --paper: #14171a; --faint: #363c42; --c0: #7aa7f7; --c1: #fb9a5b; --c2: #5fd08a; --c3: #c79bf5; }
}
body { font: 15px/1.5 system-ui, sans-serif; color: var(--ink); background: var(--paper); max-width: 960px; margin: 2rem auto; padding: 0 1rem; }
h1 { margin-bottom: 0; } h2 { margin-top: 2.2rem; } .faint { opacity: .7; }
pre { overflow-x: auto; border: 1px solid var(--faint); border-radius: 4px; padding: .6rem .8rem; }
.warning { border-left: 4px solid var(--c1); padding: .4rem .8rem; }
.tiles { display: flex; flex-wrap: wrap; gap: 1rem; margin: 1.2rem 0; }
.tiles div { border: 1px solid var(--faint); border-radius: 4px; padding: .5rem 1rem; min-width: 8rem; }
.tiles b { display: block; font-size: 1.5rem; }
.wide { overflow-x: auto; } table { border-collapse: collapse; font-variant-numeric: tabular-nums; }
th, td { text-align: right; padding: .15rem .7rem; border-bottom: 1px solid var(--faint); white-space: nowrap; }
th:first-child, td:first-child { text-align: left; }
figure { margin: 1rem 0; } svg { width: 100%; height: auto; } figcaption { text-align: center; }
svg text { fill: var(--ink); font: 12px system-ui, sans-serif; } text.x { text-anchor: middle; } text.y { text-anchor: end; }
.grid { stroke: var(--faint); stroke-width: 1; } .line { fill: none; stroke-width: 1.8; }
.c0 { stroke: var(--c0); } .c1 { stroke: var(--c1); } .c2 { stroke: var(--c2); } .c3 { stroke: var(--c3); }
.key { margin: 0 .6rem; } .key::before { content: '— '; font-weight: bold; }
.key.c0::before { color: var(--c0); } .key.c1::before { color: var(--c1); } .key.c2::before { color: var(--c2); } .key.c3::before { color: var(--c3); }
";

const SECONDS: Axis = Axis { title: "seconds since the load began", scale: Scale::Linear };
const ORDERS: Axis = Axis { title: "orders per second", scale: Scale::Linear };
const MILLIS: Axis = Axis { title: "milliseconds", scale: Scale::Logarithmic };

/// The report of a bench that `command` began.
#[must_use]
pub fn render(figures: &Figures, report: &Report, command: &str) -> String {
    let stage = figures.headline.and_then(|index| figures.stages.get(index));
    let mut page = format!(
        "<!doctype html>\n<html lang=\"en\">\n<head><meta charset=\"utf-8\"><meta name=\"viewport\" \
         content=\"width=device-width\"><title>orderfleet bench</title><style>{STYLE}</style></head>\n<body>\n"
    );
    page += &head(figures, report, command);
    page += &stage.map(|stage| tiles(figures, stage)).unwrap_or_default();
    page += &over_time(figures);
    page += &section("Stages", &tables::stages(figures).html());
    if let Some(stage) = stage {
        page += &at_the_headline(figures, stage);
    }
    page += &section("Bytes on the disk per order", &tables::disk(figures).html());
    page += &section("The promise", &promise(report));
    page + "</body>\n</html>\n"
}

fn section(title: &str, body: &str) -> String {
    if body.is_empty() { String::new() } else { format!("<h2>{}</h2>\n{body}", escaped(title)) }
}

fn head(figures: &Figures, report: &Report, command: &str) -> String {
    let machine = &figures.machine;
    let unknown = || "not known".to_owned();
    let memory = machine.memory.map_or_else(unknown, |bytes| format!("{} MiB", bytes >> 20));
    let facts = [
        format!("{} × {}, {memory} of memory", machine.cores, machine.cpu.clone().unwrap_or_else(unknown)),
        format!("{}, data on {}", machine.system, machine.file_system.clone().unwrap_or_else(unknown)),
        format!(
            "orderfleet {}, nats-server {}, {}",
            machine.orderfleet,
            machine.nats_server.clone().unwrap_or_else(unknown),
            if figures.fsync {
                "fsync before each acknowledgement"
            } else {
                "no fsync before an acknowledgement"
            }
        ),
    ];
    let facts: String = facts.iter().map(|fact| format!("{}<br>\n", escaped(fact))).collect();
    let mut head = format!(
        "<h1>orderfleet bench</h1>\n<p class=\"faint\">{facts}</p>\n<pre>{}</pre>\n",
        escaped(command)
    );
    let mut warn = |warning: &str| head += &format!("<p class=\"warning\">{warning}</p>\n");
    if machine.debug_build {
        warn("This was a debug build: its figures say nothing about how fast the fleet is.");
    }
    if machine.disk_is_memory() && figures.fsync {
        warn("The data was on a file system in memory, where fsync costs nothing.");
    }
    if !report.holds() {
        warn("The fleet broke its promise: these figures count for nothing.");
    }
    head
}

fn tiles(figures: &Figures, stage: &StageFigures) -> String {
    let millis =
        |micros: u64| format!("{:.1} ms", std::time::Duration::from_micros(micros).as_secs_f64() * 1_000.0);
    let mut tiles = vec![
        ("accepted per second", format!("{:.0}", stage.accepted_per_second)),
        ("confirmed per second", format!("{:.0}", stage.confirmed_per_second)),
        ("p50 until confirmed", millis(stage.confirmation_us.p50)),
        ("p99 until confirmed", millis(stage.confirmation_us.p99)),
    ];
    tiles.extend(stage.cores.map(|cores| ("cores", format!("{cores:.2}"))));
    if let (Some(ceiling), Some(share)) = (&figures.ceiling, figures.share_of_ceiling) {
        let text = format!("{:.0} % of {:.0}", share * 100.0, ceiling.orders_per_second);
        tiles.push(("accepted, of the ceiling", text));
    }
    tiles.extend(
        figures
            .backlog
            .seconds_after_burst
            .map(|seconds| ("until the burst's backlog was gone", format!("{seconds:.1} s"))),
    );
    let tiles: String =
        tiles.iter().map(|(what, value)| format!("<div><b>{value}</b>{what}</div>\n")).collect();
    format!("<div class=\"tiles\">\n{tiles}</div>\n")
}

fn over_time(figures: &Figures) -> String {
    #[expect(clippy::cast_precision_loss, reason = "a plot")]
    let line = |name, value: fn(&SecondFigures) -> Option<u64>, unit: f64| {
        let points = figures
            .series
            .iter()
            .filter_map(|second| Some((second.second as f64, value(second)? as f64 / unit)));
        Line { name, points: points.collect() }
    };
    let throughput = [
        line("due", |second| Some(second.due), 1.0),
        line("accepted", |second| Some(second.accepted), 1.0),
        line("confirmed", |second| second.confirmed, 1.0),
    ];
    let latency = [
        line("accepted p50", |second| second.acceptance_p50_us, 1_000.0),
        line("accepted p99", |second| second.acceptance_p99_us, 1_000.0),
        line("confirmed p50", |second| second.confirmation_p50_us, 1_000.0),
        line("confirmed p99", |second| second.confirmation_p99_us, 1_000.0),
    ];
    let open = [line("orders without an outcome", |second| second.open, 1.0)];
    let orders = Axis { title: "orders", scale: Scale::Linear };
    section("Orders over time", &plot("throughput", SECONDS, ORDERS, &throughput))
        + &section("Latency over time", &plot("latency", SECONDS, MILLIS, &latency))
        + &section("Backlog over time", &plot("backlog", SECONDS, orders, &open))
}

fn at_the_headline(figures: &Figures, stage: &StageFigures) -> String {
    #[expect(clippy::cast_precision_loss, reason = "a plot")]
    let line = |name, curve: &[(f64, u64)]| {
        let points = curve.iter().map(|(share, micros)| (*share, *micros as f64 / 1_000.0)).collect();
        Line { name, points }
    };
    let curves = [line("accepted", &stage.acceptance_curve), line("confirmed", &stage.confirmation_curve)];
    let shares = Axis { title: "share of the orders that took no longer", scale: Scale::Nines };
    let what =
        if stage.kind == Kind::Step { "the highest step it kept up with" } else { stage.kind.as_str() };
    section(
        &format!("Latency at {:.0} orders/s ({what})", stage.rate),
        &(plot("percentiles", shares, MILLIS, &curves) + &tables::latencies(figures, stage).html()),
    ) + &section("What an order costs", &tables::processes(stage).html())
        + &section("Messages stored at once", &tables::commits(stage).html())
}

fn promise(report: &Report) -> String {
    let line = |check: &crate::verify::report::CheckResult| {
        let mark = if check.violations.is_empty() { "✓" } else { "✗" };
        format!("<li>{mark} {}: {} {}</li>\n", check.title, check.examined, check.unit)
    };
    let lines: String = report.checks.iter().map(line).collect();
    format!("<ul>\n{lines}</ul>\n")
}
