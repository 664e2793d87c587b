//! The page around plots and tables.

use super::{
    plot::{Axis, COLORS, Line, Scale, plot},
    tables::{self, escaped},
};
use crate::{
    bench::{Figures, Kind, SecondFigures, StageFigures},
    verify::Report,
};

const STYLE: &str = "
:root { color-scheme: light dark; --ink: #1c2024; --paper: #fff; --faint: #d8dce0;
  --c0: #2563c9; --c1: #c2410c; --c2: #15803d; --c3: #7e22ce; --c4: #0e7490; --c5: #a16207; --c6: #be185d; --c7: #57606a; }
@media (prefers-color-scheme: dark) { :root { --ink: #e4e7ea; --paper: #14171a; --faint: #363c42;
  --c0: #7aa7f7; --c1: #fb9a5b; --c2: #5fd08a; --c3: #c79bf5; --c4: #5cc7dd; --c5: #dcb552; --c6: #f589bb; --c7: #a5adb5; } }
body { font: 15px/1.5 system-ui, sans-serif; color: var(--ink); background: var(--paper);
  max-width: 960px; margin: 2rem auto; padding: 0 1rem; }
h1 { margin-bottom: 0; }
h2 { margin-top: 2.2rem; }
.faint { opacity: .7; }
pre { overflow-x: auto; border: 1px solid var(--faint); border-radius: 4px; padding: .6rem .8rem; }
.warning { border-left: 4px solid var(--c1); padding: .4rem .8rem; overflow-wrap: anywhere; }
.sentence::first-letter, .warning::first-letter { text-transform: uppercase; }
.tiles { display: flex; flex-wrap: wrap; gap: 1rem; margin: 1.2rem 0; }
.tiles div { border: 1px solid var(--faint); border-radius: 4px; padding: .5rem 1rem; min-width: 8rem; }
.tiles b { display: block; font-size: 1.5rem; }
.wide { overflow-x: auto; }
table { border-collapse: collapse; font-variant-numeric: tabular-nums; }
th, td { text-align: right; padding: .15rem .7rem; border-bottom: 1px solid var(--faint); white-space: nowrap; }
th:first-child, td:first-child { text-align: left; }
figure { margin: 1rem 0; }
figcaption { text-align: center; }
svg { width: 100%; height: auto; }
svg text { fill: var(--ink); font: 12px system-ui, sans-serif; }
text.x { text-anchor: middle; }
text.y { text-anchor: end; }
.grid { stroke: var(--faint); stroke-width: 1; }
.line { fill: none; stroke-width: 1.8; }
.key { margin: 0 .6rem; white-space: nowrap; }
.key::before { content: '— '; font-weight: bold; }
";

const SECONDS: Axis = Axis { title: "seconds since the load began", scale: Scale::Linear };
const ORDERS: Axis = Axis { title: "orders per second", scale: Scale::Linear };
const MILLIS: Axis = Axis { title: "milliseconds", scale: Scale::Logarithmic };

/// The report of a bench that `command` began. No verdict means that the promise could not be checked.
#[must_use]
pub(crate) fn render(figures: &Figures, report: Option<&Report>, command: &str) -> String {
    let stage = figures.headline.and_then(|index| figures.stages.get(index));
    let mut page = format!(
        "<!doctype html>\n<html lang=\"en\">\n<head><meta charset=\"utf-8\"><meta name=\"viewport\" \
         content=\"width=device-width\"><title>orderfleet bench</title><style>{STYLE}{}</style></head>\n<body>\n",
        colors()
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

/// What the plots call their colours.
fn colors() -> String {
    let rule =
        |c| format!(".line.c{c} {{ stroke: var(--c{c}); }} .key.c{c}::before {{ color: var(--c{c}); }}\n");
    (0..COLORS).map(rule).collect()
}

fn section(title: &str, body: &str) -> String {
    if body.is_empty() { String::new() } else { format!("<h2>{}</h2>\n{body}", escaped(title)) }
}

fn sentence(text: String) -> String {
    format!("<p class=\"sentence\">{}</p>\n", escaped(text))
}

fn head(figures: &Figures, report: Option<&Report>, command: &str) -> String {
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
    let worthless = match report {
        Some(report) if report.holds() => None,
        Some(_) => Some("the fleet broke its promise: these figures count for nothing"),
        None => Some("nobody knows whether the promise holds: these figures count for nothing"),
    };
    let warnings = worthless.map(str::to_owned).into_iter().chain(figures.warnings());
    warnings.for_each(|warning| head += &format!("<p class=\"warning\">{}</p>\n", escaped(warning)));
    head
}

fn tiles(figures: &Figures, stage: &StageFigures) -> String {
    let millis =
        |micros: u64| format!("{:.1} ms", std::time::Duration::from_micros(micros).as_secs_f64() * 1_000.0);
    let mut tiles = vec![
        ("accepted per second", format!("{:.0}", stage.accepted_per_second)),
        ("confirmed per second", format!("{:.0}", stage.confirmed_per_second)),
    ];
    if stage.confirmation_us.count > 0 {
        tiles.push(("p50 until confirmed", millis(stage.confirmation_us.p50)));
        tiles.push(("p99 until confirmed", millis(stage.confirmation_us.p99)));
    }
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
    let line = |name: &str, value: fn(&SecondFigures) -> Option<u64>, unit: f64| {
        let points = figures
            .series
            .iter()
            .filter_map(|second| Some((second.second as f64, value(second)? as f64 / unit)));
        Line { name: name.to_owned(), points: points.collect() }
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
    let behind: String = figures.behind().into_iter().map(sentence).collect();
    let orders = Axis { title: "orders", scale: Scale::Linear };
    section("Orders over time", &plot("throughput", SECONDS, ORDERS, &throughput))
        + &section("Latency over time", &plot("latency", SECONDS, MILLIS, &latency))
        + &section("Backlog over time", &(plot("backlog", SECONDS, orders, &open) + &behind))
        + &memory(figures)
}

fn memory(figures: &Figures) -> String {
    #[expect(clippy::cast_precision_loss, reason = "a plot")]
    let line = |(name, points): (&String, &Vec<(u64, u64)>)| Line {
        name: name.clone(),
        points: points
            .iter()
            .map(|(second, bytes)| (*second as f64, *bytes as f64 / f64::from(1 << 20)))
            .collect(),
    };
    let lines: Vec<_> = figures.memory.iter().map(line).collect();
    if lines.is_empty() {
        return String::new();
    }
    let mebibytes = Axis { title: "MiB", scale: Scale::Linear };
    section("Memory over time", &plot("memory", SECONDS, mebibytes, &lines))
}

fn at_the_headline(figures: &Figures, stage: &StageFigures) -> String {
    #[expect(clippy::cast_precision_loss, reason = "a plot")]
    let line = |name: &str, curve: &[(f64, u64)]| {
        let points = curve.iter().map(|(share, micros)| (*share, *micros as f64 / 1_000.0)).collect();
        Line { name: name.to_owned(), points }
    };
    let curves = [line("accepted", &stage.acceptance_curve), line("confirmed", &stage.confirmation_curve)];
    let shares = Axis { title: "share of the orders that took no longer", scale: Scale::Nines };
    let what =
        if stage.kind == Kind::Step { "the highest step it kept up with" } else { stage.kind.as_str() };
    section(
        &format!("Latency at {:.0} orders/s ({what})", stage.rate),
        &(plot("percentiles", shares, MILLIS, &curves) + &tables::latencies(figures, stage).html()),
    ) + &section("What an order costs", &(tables::processes(stage).html() + &sentence(stage.processors())))
        + &section("Messages stored at once", &tables::commits(stage).html())
}

fn promise(report: Option<&Report>) -> String {
    let Some(report) = report else { return sentence("it could not be checked".to_owned()) };
    let line = |check: &crate::verify::report::CheckResult| {
        let mark = if check.violations.is_empty() { "✓" } else { "✗" };
        format!("<li>{mark} {}: {} {}</li>\n", check.title, check.examined, check.unit)
    };
    let lines: String = report.checks.iter().map(line).collect();
    format!("<ul>\n{lines}</ul>\n")
}
