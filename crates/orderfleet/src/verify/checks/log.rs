//! LOG: journals have one writer at a time and decide nothing twice, and no stream has a hole.

use std::collections::HashSet;

use events::catalogue::{REQUESTS, STREAMS, StreamDef};
use messaging::journal::Control;

use super::Case;
use crate::verify::{
    evidence::{Fact, Reached, Recorded, StreamEvidence},
    report::{CheckId, CheckResult, Findings},
};

/// Runs the check.
pub(super) fn check(case: &Case<'_, '_>) -> CheckResult {
    let mut findings = Findings::default();
    for stream in &STREAMS {
        let Some(evidence) = case.book.evidence.streams.get(stream.name) else { continue };
        findings.examined(evidence.messages.len());
        holes(stream, evidence, &mut findings);
        if stream.control.is_some() {
            writers(case, stream, evidence, &mut findings);
            let (off, on): (Vec<_>, Vec<_>) =
                evidence.messages.iter().partition(|message| case.book.is_written_off(stream.name, message));
            positions(stream, &on, &mut findings);
            repetitions(stream, &on, &mut findings);
            for message in off {
                let place = format!("{}:{}", stream.name, message.sequence);
                findings
                    .note(format!("{place} was written by nobody of the fleet; written off by an operator"));
            }
        }
    }
    for (stream, seen) in case.book.unreadable.iter().filter(|(stream, _)| *stream != REQUESTS.name) {
        if case.book.is_parked_by_anybody(stream, seen.message.sequence) {
            continue;
        }
        let ids = [format!("{stream}:{}", seen.message.sequence)];
        let (subject, error) = (&seen.fact.subject, &seen.fact.error);
        findings.broken(ids, format!("no event of this stream (published to {subject}): {error}"));
    }
    findings.result(CheckId::LOG, "messages")
}

/// Every sequence from the first to the last is there.
fn holes(stream: &StreamDef, evidence: &StreamEvidence, findings: &mut Findings) {
    let mut next = evidence.first;
    let ends = evidence.messages.iter().map(|message| message.sequence).chain([evidence.last + 1]);
    for sequence in ends {
        if sequence > next {
            let ids = [format!("{}:{next}", stream.name)];
            findings.broken(ids, format!("messages {next} to {} are missing", sequence - 1));
        }
        next = next.max(sequence + 1);
    }
}

/// After a fence, nothing of an earlier epoch; and nothing that the writer did not write, unless it was noticed.
fn writers(case: &Case<'_, '_>, stream: &StreamDef, evidence: &StreamEvidence, findings: &mut Findings) {
    // The fence of the oldest messages may have aged out; then the first one tells.
    let aged = evidence.first > 1;
    let mut fence = evidence.messages.first().filter(|_| aged).and_then(|message| message.epoch).unwrap_or(0);
    for message in &evidence.messages {
        let ids = || [format!("{}:{}", stream.name, message.sequence)];
        if let Fact::Control(Control::Fence { epoch, instance }) = &message.fact {
            let first = aged && message.sequence == evidence.first;
            if *epoch <= fence && !first {
                findings.broken(
                    ids(),
                    format!("{instance} took over with epoch {epoch}, but {fence} was reached"),
                );
            }
            fence = fence.max(*epoch);
        }
        match message.epoch {
            Some(epoch) if epoch < fence => {
                findings.broken(ids(), format!("stale writer: epoch {epoch} after the fence of {fence}"));
            }
            Some(epoch) if epoch > fence => {
                findings.broken(ids(), format!("epoch {epoch} without a fence; the last one was {fence}"));
            }
            Some(_) => {}
            None if case.book.is_noticed(stream.name, stream.name, message.sequence) => {}
            None => findings.broken(ids(), "a message that no writer of the journal has written"),
        }
    }
}

/// Inputs are never consumed a second time.
fn positions(stream: &StreamDef, messages: &[&Recorded], findings: &mut Findings) {
    let mut before = Reached::default();
    for message in messages {
        let Some(now) = message.reached.as_deref() else { continue };
        let back = now.requests < before.requests
            || now.orders < before.orders
            || now.inventory < before.inventory
            || now.payments < before.payments
            || now.redrive < before.redrive;
        if back {
            let ids = [format!("{}:{}", stream.name, message.sequence)];
            findings.broken(ids, "the input positions went back: inputs were decided on twice");
        }
        before = *now;
    }
}

/// An event's id follows from its input, so an id that comes twice is an input decided on twice.
fn repetitions(stream: &StreamDef, messages: &[&Recorded], findings: &mut Findings) {
    let mut seen = HashSet::with_capacity(messages.len());
    for message in messages {
        let event = !matches!(message.fact, Fact::Control(_) | Fact::Unreadable(_));
        if event && !seen.insert(message.id) {
            let ids = [format!("{}:{}", stream.name, message.sequence), message.id.to_string()];
            findings.broken(ids, "the same event a second time");
        }
    }
}
