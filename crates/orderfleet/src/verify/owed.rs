//! What is still to happen, who owes it, and whether it can still come.
//!
//! A journal commits its outcomes together with the positions of its inputs. So once it has read past a
//! message without the outcome that had to follow, that outcome will never come: it is lost. A worker
//! has no such mark; what it owes is under way until it is done or parked as a dead letter.

mod debts;

use std::collections::HashMap;

use events::{OrderId, Timestamp};
use messaging::{dead_letter, topology::REDRIVE};
use uuid::Uuid;

use super::{
    book::{Book, Fate},
    evidence::Redriven,
    report::CheckId,
};
use debts::Debts;

/// What somebody owes.
#[derive(Debug, Clone, Copy)]
pub(super) struct Owed {
    /// To whom.
    pub(super) to: Creditor,
    /// What, as a person would say it: `the order waits for …`.
    pub(super) what: &'static str,
    /// The check that is concerned with it.
    pub(super) check: CheckId,
    /// The message that caused the debt: stream and sequence.
    pub(super) cause: Option<(&'static str, u64)>,
    /// When it arose.
    pub(super) since: Timestamp,
    /// It can never come, for this reason.
    pub(super) lost: Option<&'static str>,
    /// Its cause was given up and parked as a dead letter.
    pub(super) parked: bool,
}

/// To whom something is owed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Creditor {
    /// An order.
    Order(OrderId),
    /// An adjustment of stock.
    Adjustment(Uuid),
    /// A dead letter whose message was put back.
    Letter(u64),
}

impl Owed {
    /// Still to come, as far as anybody can tell.
    pub(super) fn is_open(&self) -> bool {
        self.lost.is_none() && !self.parked
    }

    /// What to look for to understand it.
    pub(super) fn ids(&self) -> Vec<String> {
        let to = match self.to {
            Creditor::Order(order) => order.to_string(),
            Creditor::Adjustment(adjustment) => adjustment.to_string(),
            Creditor::Letter(letter) => format!("{}:{letter}", dead_letter::STREAM),
        };
        let cause = self.cause.map(|(stream, sequence)| format!("{stream}:{sequence}"));
        std::iter::once(to).chain(cause).collect()
    }
}

/// Everything that is owed according to the evidence.
pub(super) fn all(book: &Book<'_>) -> Vec<Owed> {
    let mut owed = Vec::new();
    for (order, life) in book.whole_lives() {
        let mut debts = Debts { book, to: Creditor::Order(order), owed: &mut owed };
        debts.decisions(life);
        debts.cancel_requests(life);
        debts.stock(life);
        debts.payment(life);
        debts.refunds(life);
        debts.gateway_news(life);
        debts.notifications(life);
    }
    for (id, adjustment) in &book.adjustments {
        Debts { book, to: Creditor::Adjustment(*id), owed: &mut owed }.adjustment(adjustment);
    }
    owed.extend(book.evidence.redriven.iter().filter_map(|redriven| put_back(book, redriven)));
    owed
}

/// A message that was put back is to be handled, whatever it says.
fn put_back(book: &Book<'_>, redriven: &Redriven) -> Option<Owed> {
    let Redriven { message, consumer, letter } = redriven;
    let to = Creditor::Letter(*letter);
    let (check, cause) = (CheckId::V6, Some((REDRIVE, message.sequence)));
    let owed = Owed { to, what: "its consumer", check, cause, since: message.at, lost: None, parked: false };
    (book.fate_of_redrive(consumer, message.sequence) == Fate::UnderWay).then_some(owed)
}

/// What is owed to each order.
pub(super) fn by_order(owed: &[Owed]) -> HashMap<OrderId, Vec<&Owed>> {
    let mut debts = HashMap::<OrderId, Vec<&Owed>>::new();
    for debt in owed {
        match debt.to {
            Creditor::Order(order) => debts.entry(order).or_default().push(debt),
            Creditor::Adjustment(_) | Creditor::Letter(_) => {}
        }
    }
    debts
}
