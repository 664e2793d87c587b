//! The report's tables.

use std::fmt::Display;

use crate::bench::{Figures, Percentiles, StageFigures};

/// A table; the first column is text, the others are numbers.
#[derive(Debug)]
pub(super) struct Table {
    head: Vec<String>,
    rows: Vec<Vec<String>>,
}

impl Table {
    fn new<const N: usize>(head: [&str; N]) -> Self {
        Self { head: head.map(str::to_owned).into(), rows: Vec::new() }
    }

    fn row<const N: usize>(&mut self, cells: [String; N]) {
        self.rows.push(cells.into());
    }

    /// As HTML; nothing if there is no row.
    pub(super) fn html(&self) -> String {
        if self.rows.is_empty() {
            return String::new();
        }
        let line = |cells: &[String], tag: &str| {
            let cells: String =
                cells.iter().map(|cell| format!("<{tag}>{}</{tag}>", escaped(cell))).collect();
            format!("<tr>{cells}</tr>\n")
        };
        let rows: String = self.rows.iter().map(|row| line(row, "td")).collect();
        format!("<div class=\"wide\"><table>\n{}{rows}</table></div>\n", line(&self.head, "th"))
    }
}

/// Text that means itself in HTML.
pub(super) fn escaped(text: impl Display) -> String {
    let text = text.to_string();
    text.replace('&', "&amp;").replace('<', "&lt;").replace('>', "&gt;").replace('"', "&quot;")
}

/// One row for each stage.
pub(super) fn stages(figures: &Figures) -> Table {
    let mut table = Table::new([
        "stage",
        "due/s",
        "accepted/s",
        "confirmed/s",
        "decided/s",
        "p50 ms",
        "p99 ms",
        "p99.9 ms",
        "cores",
        "µs/order",
        "",
    ]);
    for stage in &figures.stages {
        let took = &stage.acceptance_us;
        let cpu: f64 = stage.processes.iter().map(|process| process.cpu_us_per_order).sum();
        table.row([
            stage.kind.as_str().to_owned(),
            whole(stage.rate),
            whole(stage.accepted_per_second),
            whole(stage.confirmed_per_second),
            whole(stage.decided_per_second),
            millis(took.p50),
            millis(took.p99),
            millis(took.p999),
            stage.cores.map_or_else(|| "?".to_owned(), |cores| format!("{cores:.2}")),
            whole(cpu),
            stage.shortfall.map_or("", |shortfall| shortfall.as_str()).to_owned(),
        ]);
    }
    table
}

/// One row for each way.
pub(super) fn latencies(figures: &Figures, stage: &StageFigures) -> Table {
    let mut table = Table::new(["from → to", "p50 ms", "p90 ms", "p99 ms", "p99.9 ms", "max ms", "orders"]);
    let mut row = |what: String, took: &Percentiles| {
        let [p50, p90, p99, p999, max] = [took.p50, took.p90, took.p99, took.p999, took.max].map(millis);
        table.row([what, p50, p90, p99, p999, max, took.count.to_string()]);
    };
    row("due → accepted".to_owned(), &stage.acceptance_us);
    row("due → its caller reads: confirmed".to_owned(), &stage.confirmation_us);
    for hop in &figures.hops {
        row(format!("{} → {}", hop.from, hop.to), &hop.took_us);
    }
    table
}

/// One row for each process.
pub(super) fn processes(stage: &StageFigures) -> Table {
    let mut table = Table::new(["process", "µs/order", "MiB at first", "MiB at last", "MiB at most"]);
    for process in &stage.processes {
        let [start, end, peak] = [process.rss_start, process.rss_end, process.rss_peak].map(mebibytes);
        table.row([process.name.clone(), whole(process.cpu_us_per_order), start, end, peak]);
    }
    table
}

/// One row for each service and stream.
pub(super) fn commits(stage: &StageFigures) -> Table {
    let mut table = Table::new(["service", "stream", "messages at once", "commits/s"]);
    for commit in &stage.commits {
        let (size, rate) = (commit.messages_per_commit, commit.commits_per_second);
        table.row([
            commit.service.clone(),
            commit.stream.clone(),
            format!("{size:.1}"),
            format!("{rate:.1}"),
        ]);
    }
    table
}

/// One row for each stream and file.
pub(super) fn disk(figures: &Figures) -> Table {
    let mut table = Table::new(["what", "bytes/order"]);
    for (what, bytes) in &figures.disk_bytes_per_order {
        table.row([what.clone(), whole(*bytes)]);
    }
    let all: f64 = figures.disk_bytes_per_order.values().sum();
    table.row(["all".to_owned(), whole(all)]);
    table
}

fn whole(number: f64) -> String {
    format!("{number:.0}")
}

fn millis(micros: u64) -> String {
    format!("{:.1}", std::time::Duration::from_micros(micros).as_secs_f64() * 1_000.0)
}

fn mebibytes(bytes: u64) -> String {
    #[expect(clippy::cast_precision_loss, reason = "one digit after the point is shown")]
    let mebibytes = bytes as f64 / f64::from(1 << 20);
    format!("{mebibytes:.1}")
}
