//! The checks, one file each. Every one is a pure function of the evidence.

mod audit;
mod dead_letters;
mod log;
mod notifications;
mod orders;
mod payments;
mod stock;

use super::{
    book::Book,
    evidence::Expectations,
    owed::{Creditor, Owed},
    report::{CheckId, CheckResult, Findings},
};

/// What a check is given.
pub(super) struct Case<'b, 'a> {
    pub(super) book: &'b Book<'a>,
    pub(super) owed: &'b [Owed],
    pub(super) expected: &'b Expectations,
}

/// Every check, in order.
pub(super) fn all(case: &Case<'_, '_>) -> Vec<CheckResult> {
    vec![
        orders::check(case),
        payments::check(case),
        stock::check(case),
        notifications::check(case),
        audit::check(case),
        dead_letters::check(case),
        log::check(case),
    ]
}

impl Case<'_, '_> {
    /// Reports what is owed under check `id` and will never come, and, if nothing may be open any more,
    /// what has not come yet. What was parked is a matter of the check for dead letters alone.
    fn debts(&self, id: CheckId, findings: &mut Findings) {
        for owed in self.owed.iter().filter(|owed| owed.check == id && !owed.parked) {
            let waits = match owed.to {
                Creditor::Order(_) => "the order waits for",
                Creditor::Adjustment(_) => "the adjustment of stock waits for",
                Creditor::Letter(_) => "what was put back waits for",
            };
            if let Some(why) = owed.lost {
                findings
                    .broken(owed.ids(), format!("{waits} {}, which can no longer come: {why}", owed.what));
            } else if self.expected.complete && !self.is_told_elsewhere(owed) {
                findings.broken(owed.ids(), format!("{waits} {}", owed.what));
            }
        }
    }

    /// An order that is not terminal is reported as such by the first check, not by each it concerns.
    fn is_told_elsewhere(&self, owed: &Owed) -> bool {
        match owed.to {
            Creditor::Order(order) => {
                owed.check != CheckId::V1
                    && self.book.lives.get(&order).is_some_and(|life| !life.is_terminal())
            }
            Creditor::Adjustment(_) | Creditor::Letter(_) => false,
        }
    }
}
