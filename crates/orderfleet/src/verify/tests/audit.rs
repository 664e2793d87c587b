//! V5: every state change is in the audit trail.

use super::{assert_green, assert_red, strict, world::World};
use crate::verify::{
    Report,
    evidence::{AuditRow, BESIDE, Evidence, TrailFlaw},
    report::CheckId::V5,
};

fn tampered(tamper: impl Fn(&mut Vec<AuditRow>)) -> Report {
    let mut evidence = World::busy().0.evidence();
    tamper(evidence.audit.streams.entry("ORDERS".to_owned()).or_default());
    strict(&evidence)
}

#[test]
fn a_message_that_is_missing_is_named() {
    let report = tampered(|rows| rows.retain(|row| row.sequence != 3));
    assert_red(&report, V5, "ORDERS:3", "missing in the audit trail");
    let last = World::busy().0.evidence().streams["ORDERS"].last;
    let report = tampered(|rows| rows.truncate(rows.len() - 1));
    assert_red(&report, V5, &format!("ORDERS:{last}"), "missing in the audit trail");
}

#[test]
fn a_whole_stream_that_is_missing_is_noticed() {
    let mut evidence = World::busy().0.evidence();
    evidence.audit.streams.remove("PAYMENTS");
    assert_red(&strict(&evidence), V5, "PAYMENTS:1", "missing in the audit trail");
}

#[test]
fn what_operators_did_and_the_broker_reports_is_in_it_too() {
    for stream in BESIDE {
        let tampered = |tamper: fn(&mut Vec<AuditRow>)| {
            let mut evidence = World::busy().0.evidence();
            tamper(evidence.audit.streams.get_mut(stream).expect("the trail holds it"));
            strict(&evidence)
        };
        let place = format!("{stream}:2");
        assert_red(
            &tampered(|rows| rows.retain(|row| row.sequence != 2)),
            V5,
            &place,
            "missing in the audit trail",
        );
        assert_red(&tampered(|rows| rows[1].body += 1), V5, &place, "something else than the stream");
        assert_red(&tampered(|rows| rows.insert(1, rows[1])), V5, &place, "more than once");
        assert_green(&tampered(|rows| rows.push(AuditRow { sequence: 4, body: 7 })));
    }
}

#[test]
fn a_message_that_was_changed_is_named() {
    assert_red(&tampered(|rows| rows[4].body += 1), V5, "ORDERS:5", "something else than the stream");
}

#[test]
fn a_message_that_is_there_twice_is_named() {
    assert_red(&tampered(|rows| rows.insert(1, rows[1])), V5, "ORDERS:2", "more than once");
}

#[test]
fn a_message_that_nobody_has_published_is_named() {
    let mut evidence: Evidence = World::busy().0.evidence();
    let orders = evidence.streams.get_mut("ORDERS").expect("there are orders");
    let gone = orders.messages.remove(3);
    let report = strict(&evidence);
    let found = report.checks.iter().find(|check| check.id == V5).expect("it was checked");
    let said = found.violations.iter().any(|violation| {
        violation.ids == [format!("ORDERS:{}", gone.sequence)]
            && violation.message.contains("not in the stream")
    });
    assert!(said, "{:#?}", found.violations);
}

#[test]
fn what_came_after_the_cut_is_no_surprise() {
    let mut evidence = World::busy().0.evidence();
    let last = evidence.streams["ORDERS"].last;
    let rows = evidence.audit.streams.entry("ORDERS".to_owned()).or_default();
    rows.push(AuditRow { sequence: last + 1, body: 7 });
    assert_green(&strict(&evidence));
}

#[test]
fn what_the_trail_itself_has_found_is_told() {
    let mut evidence = World::busy().0.evidence();
    let flaw =
        TrailFlaw { place: "PAYMENTS:2".to_owned(), what: "the chain of hashes breaks here".to_owned() };
    evidence.audit.flaws.push(flaw);
    assert_red(&strict(&evidence), V5, "PAYMENTS:2", "breaks here");
}
