//! V6: the messages that were given up, and that no operator has seen to, are those that were expected to be; and
//! what was put back is handled.

use std::collections::BTreeSet;

use super::Case;
use crate::verify::{
    evidence::{DeadLetter, ExpectedDeadLetters, Standing},
    report::{CheckId, CheckResult, Findings},
};

/// Runs the check.
pub(super) fn check(case: &Case<'_, '_>) -> CheckResult {
    let mut findings = Findings::default();
    // Parking the same message again, long after the first time, is not another dead letter.
    let letters: BTreeSet<&DeadLetter> = case.book.evidence.dead_letters.iter().collect();
    findings.examined(letters.len());
    // What an operator has seen to is settled; if it failed again, there is another letter about it.
    let letters = letters.into_iter().filter(|letter| letter.standing == Standing::Open).collect();
    match &case.expected.dead_letters {
        ExpectedDeadLetters::Count(count) => counted(&letters, *count, &mut findings),
        ExpectedDeadLetters::Of(messages) => listed(&letters, messages, &mut findings),
    }
    case.debts(CheckId::V6, &mut findings);
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
    let DeadLetter { stream, sequence, consumer, cause, error, .. } = letter;
    findings.broken([format!("{stream}:{sequence}")], format!("given up by {consumer} ({cause}): {error}"));
}
