//! The page holds what was measured, and nothing from elsewhere.

use std::collections::BTreeMap;

use super::render;
use crate::{
    bench::{
        Backlog, Ceiling, Figures, Hop, Kind, Machine, Percentiles, ProcessFigures, Profile, SecondFigures,
        StageFigures,
    },
    verify::Report,
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
    let page = render(&figures(), &report(), "cargo fleet-release bench");
    for id in ["throughput", "latency", "backlog", "percentiles"] {
        assert!(page.contains(&format!("<figure id=\"{id}\">")), "{id}");
    }
    assert_eq!(page.matches("<polyline").count(), 3 + 4 + 1 + 2);
    for text in ["998", "40.2", "audit-service-1", "inventory.reserved", "1234", "10 % of 9500", "0.87"] {
        assert!(page.contains(text), "{text}");
    }
    assert!(!page.contains("NaN") && !page.contains("inf"));
}

#[test]
fn the_page_needs_nothing_from_elsewhere_and_escapes_what_it_is_told() {
    let page = render(&figures(), &report(), "cargo fleet-release bench --data-dir '/a & <b>'");
    for foreign in ["http:", "https:", "<script", "@import", "url("] {
        assert!(!page.contains(foreign), "{foreign}");
    }
    assert!(page.contains("A &lt;fast&gt; CPU") && page.contains("'/a &amp; &lt;b&gt;'"));
}

#[test]
fn what_takes_a_figure_its_worth_is_said() {
    let mut figures = figures();
    assert!(!render(&figures, &report(), "").contains("class=\"warning\""));
    figures.machine.debug_build = true;
    figures.machine.file_system = Some("tmpfs".to_owned());
    let page = render(&figures, &report(), "");
    assert_eq!(page.matches("class=\"warning\"").count(), 2);
}

#[test]
fn a_ramp_that_failed_at_once_has_a_page_too() {
    let figures = Figures { headline: None, share_of_ceiling: None, series: Vec::new(), ..figures() };
    let page = render(&figures, &report(), "");
    assert!(page.contains("<figure id=\"throughput\">") && !page.contains("percentiles\">"));
}
