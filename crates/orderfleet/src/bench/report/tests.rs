//! The page holds what was measured, and nothing from elsewhere.

use std::collections::BTreeMap;

use super::render;
use crate::{
    bench::{
        Ceiling, Figures, Hop, Kind, Machine, Percentiles, Profile, SecondFigures, StageFigures,
        figures::{Backlog, ProcessFigures},
    },
    verify::{
        Report,
        report::{CheckId, CheckResult, Violation},
    },
};

fn percentiles() -> Percentiles {
    Percentiles { count: 90, p50: 5_100, p90: 9_000, p99: 40_200, p999: 60_000, max: 61_000 }
}

fn stage() -> StageFigures {
    StageFigures {
        kind: Kind::Steady,
        rate: 1_000.0,
        seconds: 30.0,
        due: 30_000,
        not_placed: 0,
        accepted_per_second: 998.0,
        confirmed_per_second: 970.0,
        decided_per_second: 997.0,
        acceptance_us: percentiles(),
        confirmation_us: percentiles(),
        acceptance_curve: vec![(0.0, 900), (0.9, 9_000), (0.99, 40_200), (1.0, 61_000)],
        confirmation_curve: vec![(0.0, 1_900), (0.9, 19_000), (1.0, 71_000)],
        shortfall: None,
        cores: Some(0.87),
        cores_of_others: Some(0.1),
        cores_stolen: Some(0.0),
        processes: vec![ProcessFigures {
            name: "audit-service-1".to_owned(),
            cpu_us_per_order: 77.0,
            rss_start: 1 << 24,
            rss_end: 1 << 25,
            rss_peak: 1 << 26,
        }],
        commits: Vec::new(),
    }
}

fn figures() -> Figures {
    let second = |second| SecondFigures {
        second,
        due: 1_000,
        accepted: 998,
        confirmed: Some(970),
        open: Some(20),
        acceptance_p50_us: Some(5_000),
        acceptance_p99_us: Some(40_000),
        ..SecondFigures::default()
    };
    Figures {
        profile: Profile::Steady,
        fsync: true,
        machine: Machine {
            cores: 2,
            cpu: Some("A <fast> CPU".to_owned()),
            memory: Some(8 << 30),
            system: "linux x86_64".to_owned(),
            file_system: Some("ext4".to_owned()),
            nats_server: Some("2.15.0".to_owned()),
            orderfleet: "0.1.0",
            debug_build: false,
        },
        stages: vec![stage()],
        headline: Some(0),
        ceiling: Some(Ceiling {
            orders_per_second: 9_500.0,
            seconds: 10.0,
            p50_us: 1,
            p99_us: 2,
            broker_cpu_us_per_order: None,
        }),
        share_of_ceiling: Some(0.105),
        hops: vec![Hop { from: "orders.created", to: "inventory.reserved", took_us: percentiles() }],
        disk_bytes_per_order: BTreeMap::from([("ORDERS".to_owned(), 1_234.4)]),
        backlog: Backlog::default(),
        series: (0..30).map(second).collect(),
        memory: BTreeMap::from([("broker".to_owned(), vec![(0, 1 << 25), (1, 1 << 26)])]),
        accepted: 30_000,
        retries: 0,
        unexpected: Vec::new(),
        unexpected_count: 0,
    }
}

fn report() -> Report {
    Report { settled: true, checks: Vec::new(), summary: Default::default(), open_orders: Vec::new() }
}

#[test]
fn the_page_holds_every_plot_and_table() {
    let page = render(&figures(), Some(&report()), "cargo fleet-release bench");
    for id in ["throughput", "latency", "backlog", "memory", "percentiles"] {
        assert!(page.contains(&format!("<figure id=\"{id}\">")), "{id}");
    }
    assert_eq!(page.matches("<polyline").count(), 3 + 4 + 1 + 1 + 2);
    for text in ["998", "40.2", "audit-service-1", "inventory.reserved", "1234", "10 % of 9500", "0.87"] {
        assert!(page.contains(text), "{text}");
    }
    assert!(!page.contains("NaN") && !page.contains("inf"));
}

#[test]
fn the_page_needs_nothing_from_elsewhere_and_escapes_what_it_is_told() {
    let page = render(&figures(), Some(&report()), "cargo fleet-release bench --data-dir '/a & <b>'");
    for foreign in ["http:", "https:", "<script", "@import", "url("] {
        assert!(!page.contains(foreign), "{foreign}");
    }
    assert!(page.contains("A &lt;fast&gt; CPU") && page.contains("'/a &amp; &lt;b&gt;'"));
}

fn warnings(figures: &Figures, report: Option<&Report>) -> Vec<String> {
    let page = render(figures, report, "");
    let warnings = page.lines().filter_map(|line| line.strip_prefix("<p class=\"warning\">"));
    warnings.map(|line| line.trim_end_matches("</p>").to_owned()).collect()
}

#[test]
fn what_takes_a_figure_its_worth_is_said() {
    let mut figures = figures();
    assert_eq!(warnings(&figures, Some(&report())), [""; 0]);
    figures.machine.debug_build = true;
    figures.machine.file_system = Some("tmpfs".to_owned());
    figures.retries = 12;
    figures.stages[0].not_placed = 345;
    figures.unexpected = vec!["order-7: 500: <broken>".to_owned()];
    figures.unexpected_count = 30;
    let told = warnings(&figures, Some(&report()));
    for (warning, words) in told.iter().zip([
        "a debug build",
        "in memory",
        "repeated 12 times",
        "345 of 30000 orders at 1000 orders/s were never placed",
        "unexpected: order-7: 500: &lt;broken&gt;",
        "30 unexpected answers in all",
    ]) {
        assert!(warning.contains(words), "{words}: {warning}");
    }
    assert_eq!(told.len(), 6);
}

#[test]
fn it_is_said_whether_the_promise_holds() {
    let violation = Violation { ids: Vec::new(), message: "lost".to_owned() };
    let check = CheckResult {
        id: CheckId::V1,
        title: CheckId::V1.title(),
        examined: 1,
        unit: "orders",
        violations: vec![violation],
        partial: Vec::new(),
        notes: Vec::new(),
    };
    let broken = Report { checks: vec![check], ..report() };
    for (report, words) in [(Some(&broken), "broke its promise"), (None, "nobody knows")] {
        let told = warnings(&figures(), report);
        assert!(told.len() == 1 && told[0].contains(words), "{words}: {told:?}");
    }
    assert!(render(&figures(), None, "").contains("it could not be checked"));
}

#[test]
fn how_far_the_fleet_was_behind_is_said_and_who_else_used_the_processors() {
    let backlog = Backlog { largest: 1_234, seconds_after_load: 2.5, seconds_after_burst: Some(7.1) };
    let figures = Figures { backlog, profile: Profile::BlackFriday, ..figures() };
    let page = render(&figures, Some(&report()), "");
    for words in [
        "at most 1234 orders without an outcome; the last one had it 2.5 s after the load",
        "the backlog of the burst was gone after 7.1 s",
        "0.87 cores in all; others used 0.10, the hypervisor kept 0.00",
    ] {
        assert!(page.contains(words), "{words}");
    }
}

#[test]
fn of_what_nobody_has_seen_no_time_is_told() {
    let mut figures = figures();
    figures.stages[0].confirmation_us = Percentiles::default();
    figures.hops[0].took_us = Percentiles::default();
    assert!(!render(&figures, Some(&report()), "").contains("0.0 ms"));
}

#[test]
fn a_ramp_that_failed_at_once_has_a_page_too() {
    let figures = Figures { headline: None, share_of_ceiling: None, series: Vec::new(), ..figures() };
    let told = warnings(&figures, Some(&report()));
    assert!(told.len() == 1 && told[0].contains("kept up with no step"), "{told:?}");
    let page = render(&figures, Some(&report()), "");
    assert!(page.contains("<figure id=\"throughput\">") && !page.contains("percentiles\">"));
}
