//! Negative controls: a healthy fleet's evidence, broken in one way at a time, turns exactly one check red.

mod aged;
mod audit;
mod dead_letters;
mod discard;
mod log;
mod notifications;
mod orders;
mod payments;
mod redrive;
mod stock;
mod strangers;
mod world;
mod written_off;

use super::{Evidence, Expectations, Report, judge, report::CheckId};
use world::World;

/// The verdict when everything must be done.
fn strict(evidence: &Evidence) -> Report {
    judge(evidence, &Expectations { complete: true, ..Expectations::default() })
}

/// The verdict when things may still be under way.
fn lenient(evidence: &Evidence) -> Report {
    judge(evidence, &Expectations::default())
}

/// Exactly `check` is red, and one of its violations names `id` and says `what`.
#[track_caller]
fn assert_red(report: &Report, check: CheckId, id: &str, what: &str) {
    assert_eq!(report.broken(), [check], "{:#?}", report.checks);
    let violations =
        report.checks.iter().filter(|result| result.id == check).flat_map(|result| &result.violations);
    let fits = |ids: &[String], message: &str| ids.iter().any(|named| named == id) && message.contains(what);
    let found: Vec<_> = violations.collect();
    assert!(
        found.iter().any(|violation| fits(&violation.ids, &violation.message)),
        "{id}: {what}: {found:#?}"
    );
}

#[track_caller]
fn assert_green(report: &Report) {
    assert!(report.holds(), "{:#?}", report.checks);
}

#[test]
fn a_healthy_fleet_keeps_its_promise() {
    let (world, _) = World::busy();
    let report = strict(&world.evidence());
    assert_green(&report);
    assert!(report.settled && report.open_orders.is_empty(), "{:?}", report.open_orders);
    assert!(report.checks.iter().all(|check| check.partial.is_empty()), "{:#?}", report.checks);
    assert!(report.checks.iter().filter(|check| check.id != CheckId::V6).all(|check| check.examined > 0));
}

#[test]
fn a_fleet_that_has_done_nothing_yet_keeps_it_too() {
    assert_green(&strict(&Evidence::default()));
    assert_green(&strict(&World::new().evidence()));
}

#[test]
fn the_summary_counts_what_happened() {
    let (world, orders) = World::busy();
    let summary = strict(&world.evidence()).summary;
    assert_eq!(summary.orders, orders.len() as u64);
    assert_eq!(summary.by_status.values().sum::<u64>(), summary.orders);
    assert_eq!(summary.cancelled.get("out_of_stock"), Some(&1));
    assert!(summary.captured["EUR"] > summary.refunded["EUR"]);
}

#[test]
fn what_is_under_way_is_listed_with_its_age_and_not_condemned() {
    let mut world = World::new();
    let order = world.placed();
    world.create(order);
    world.reserve(order);
    let evidence = world.evidence();
    let report = lenient(&evidence);
    assert_green(&report);
    assert!(!report.settled && super::open(&evidence) == 1);
    let [open] = report.open_orders.as_slice() else { panic!("{:?}", report.open_orders) };
    assert_eq!((open.order_id, open.waiting_on.as_slice()), (order, &["its payment"][..]));
    assert!(open.age > std::time::Duration::ZERO);
}

#[test]
fn only_what_is_wrong_at_both_looks_is_wrong() {
    let mut world = World::new();
    let lost = world.placed();
    let first = strict(&world.evidence());
    let another = world.placed();
    let mut second = strict(&world.evidence());
    assert_eq!(second.checks[0].violations.len(), 2);
    second.keep_what_was_there(&first);
    assert_red(&second, CheckId::V1, &lost.to_string(), "can no longer come");
    assert_eq!(second.checks[0].violations.len(), 1, "{another} was seen once only");
}
