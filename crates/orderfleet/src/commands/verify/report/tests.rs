//! The report as it is printed.

use std::{collections::BTreeMap, time::Duration};

use events::OrderId;
use uuid::Uuid;

use super::*;
use crate::verify::report::{CheckId, Status};

fn check(id: CheckId, violations: usize) -> CheckResult {
    let violation = |number: usize| Violation {
        ids: vec![format!("o-{number}"), "ch_1".to_owned()],
        message: "is wrong".to_owned(),
    };
    let violations = (0..violations).map(violation).collect();
    CheckResult {
        id,
        title: id.title(),
        examined: 12_345,
        unit: "orders",
        violations,
        partial: Vec::new(),
        notes: Vec::new(),
    }
}

fn report(checks: Vec<CheckResult>) -> Report {
    let summary = Summary {
        messages: 80_000,
        orders: 3,
        by_status: [(Status::Confirmed, 2), (Status::Cancelled, 1)].into(),
        cancelled: [("out_of_stock", 1)].into(),
        captured: [("EUR".to_owned(), 123_456)].into(),
        refunded: BTreeMap::new(),
        notifications: 1,
        dead_letters: 0,
        redriven: 0,
        discarded: 0,
    };
    Report { settled: true, checks, summary, open_orders: Vec::new() }
}

fn text(report: &Report) -> String {
    console::strip_ansi_codes(&lines(report).join("\n")).into_owned()
}

#[test]
fn a_promise_that_holds_is_one_line_per_check_and_the_figures() {
    let text = text(&report(vec![check(CheckId::V1, 0), check(CheckId::LOG, 0)]));
    let expected = "
  ✓ V1   no accepted order is lost                   12,345 orders
  ✓ LOG  one writer at a time, no holes in the log   12,345 orders

  orders     3: 2 confirmed, 1 cancelled
  cancelled  1 in all: 1 out_of_stock
  money      1,234.56 EUR taken
  messages   80,000 in the streams, 1 notification, 0 dead letters

  The promise holds.";
    assert_eq!(text, expected);
}

#[test]
fn a_broken_promise_names_the_ids() {
    let text = text(&report(vec![check(CheckId::V2, 1), check(CheckId::V3, 25)]));
    assert!(
        text.contains("✗ V2   no customer is charged twice                12,345 orders, 1 violation\n"),
        "{text}"
    );
    assert!(text.contains("         o-0  ch_1: is wrong\n"), "{text}");
    assert!(text.contains("         and 5 more\n"), "{text}");
    assert!(text.ends_with("The promise is broken: V2, V3."), "{text}");
}

#[test]
fn what_is_open_and_what_could_not_be_judged_is_told() {
    let mut report = report(vec![check(CheckId::V1, 0)]);
    let order_id = OrderId(Uuid::nil());
    let age = Duration::from_secs(90);
    report.open_orders =
        vec![OpenOrder { order_id, status: Status::AwaitingPayment, age, waiting_on: vec!["its payment"] }];
    let open = text(&report);
    assert!(open.contains("1 order still under way"), "{open}");
    assert!(
        open.contains(&format!("{order_id}  awaiting_payment, 1 min 30 s old, waits for its payment")),
        "{open}"
    );
    assert!(open.ends_with("The promise holds so far; not everything is done."), "{open}");
    report.open_orders.clear();
    report.checks[0].notes.push("ORDERS:7 is no breach".to_owned());
    let noted = text(&report);
    assert!(
        noted.contains("note: ORDERS:7 is no breach") && noted.ends_with("The promise holds."),
        "{noted}"
    );
    report.checks[0].partial.push("ORDERS begins at 7".to_owned());
    let partly = text(&report);
    assert!(partly.contains("note: ORDERS begins at 7") && partly.ends_with("see the notes."), "{partly}");
}
