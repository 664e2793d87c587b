//! V5: the audit trail holds every message of every stream it is about, byte for byte, and its chain verifies.

use std::{cmp::Ordering, iter::Peekable};

use super::Case;
use crate::verify::{
    book::NAMES,
    evidence::{AuditRow, Beside, Recorded, TrailFlaw},
    report::{CheckId, CheckResult, Findings},
};

/// Runs the check.
pub(super) fn check(case: &Case<'_, '_>) -> CheckResult {
    let mut findings = Findings::default();
    let evidence = case.book.evidence;
    for TrailFlaw { place, what } in &evidence.audit.flaws {
        findings.broken([place.clone()], what.clone());
    }
    let held = |stream: &str| evidence.audit.streams.get(stream).map_or(&[][..], Vec::as_slice);
    for stream in NAMES {
        let messages = evidence.messages(stream).iter();
        let due = messages.map(|&Recorded { sequence, body, .. }| AuditRow { sequence, body });
        let newest = evidence.streams.get(stream).map_or(0, |stream| stream.last);
        compare(stream, due, held(stream), newest, &mut findings);
    }
    for (stream, Beside { last, rows }) in &evidence.beside {
        compare(stream, rows.iter().copied(), held(stream), *last, &mut findings);
    }
    findings.result(CheckId::V5, "messages")
}

/// Walks what is due of a stream and its copy side by side.
fn compare(
    stream: &str,
    due: impl ExactSizeIterator<Item = AuditRow> + Clone,
    rows: &[AuditRow],
    newest: u64,
    findings: &mut Findings,
) {
    findings.examined(due.len());
    // The trail outlives the stream, and may already have what came after the cut.
    let oldest = due.clone().next().map_or(u64::MAX, |message| message.sequence);
    let mut rows = rows.iter().filter(|row| (oldest..=newest).contains(&row.sequence)).peekable();
    for message in due {
        extra(stream, message.sequence, &mut rows, findings);
        let place = || [format!("{stream}:{}", message.sequence)];
        match rows.next_if(|row| row.sequence == message.sequence) {
            None => findings.broken(place(), "missing in the audit trail"),
            Some(row) if row.body != message.body => {
                findings.broken(place(), "the audit trail holds something else than the stream");
            }
            Some(_) => {}
        }
        while rows.next_if(|row| row.sequence == message.sequence).is_some() {
            findings.broken(place(), "more than once in the audit trail");
        }
    }
    extra(stream, u64::MAX, &mut rows, findings);
}

/// Reports the rows before `next` that no message belongs to.
fn extra<'a>(
    stream: &str,
    next: u64,
    rows: &mut Peekable<impl Iterator<Item = &'a AuditRow>>,
    findings: &mut Findings,
) {
    while let Some(row) = rows.next_if(|row| row.sequence.cmp(&next) == Ordering::Less) {
        findings.broken([format!("{stream}:{}", row.sequence)], "in the audit trail, but not in the stream");
    }
}
