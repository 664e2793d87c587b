//! V6: the messages that were given up are those that were expected to be.

use std::collections::BTreeSet;

use super::Case;
use crate::verify::{
    evidence::{DeadLetter, ExpectedDeadLetters},
    report::{CheckId, CheckResult, Findings},
};

/// Runs the check.
pub(super) fn check(case: &Case<'_, '_>) -> CheckResult {
    let mut findings = Findings::default();
    // Parking the same message again, long after the first time, is not another dead letter.
    let letters: BTreeSet<&DeadLetter> = case.book.evidence.dead_letters.iter().collect();
    findings.examined(letters.len());
    match &case.expected.dead_letters {
        ExpectedDeadLetters::Count(count) => counted(&letters, *count, &mut findings),
        ExpectedDeadLetters::Of(messages) => listed(&letters, messages, &mut findings),
    }
    findings.result(CheckId::V6, "dead letters")
}

fn counted(letters: &BTreeSet<&DeadLetter>, expected: usize, findings: &mut Findings) {
    if letters.len() < expected {
        findings.broken([], format!("{} dead letters, expected {expected}", letters.len()));
    }
    if letters.len() > expected {
        for letter in letters {
            unexpected(letter, findings);
        }
    }
}

fn listed(letters: &BTreeSet<&DeadLetter>, expected: &[(String, u64)], findings: &mut Findings) {
    let is = |letter: &DeadLetter, (stream, sequence): &(String, u64)| {
        letter.stream == *stream && letter.sequence == *sequence
    };
    for letter in letters.iter().filter(|letter| !expected.iter().any(|message| is(letter, message))) {
        unexpected(letter, findings);
    }
    for (stream, sequence) in
        expected.iter().filter(|message| !letters.iter().any(|letter| is(letter, message)))
    {
        findings.broken([format!("{stream}:{sequence}")], "expected among the dead letters, but not there");
    }
}

fn unexpected(letter: &DeadLetter, findings: &mut Findings) {
    let DeadLetter { stream, sequence, consumer, cause, error } = letter;
    findings.broken([format!("{stream}:{sequence}")], format!("given up by {consumer} ({cause}): {error}"));
}
