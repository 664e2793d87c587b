//! The fleet's work in numbers, and what is still open.

use std::{collections::BTreeMap, time::Duration};

use events::catalogue::NOTIFICATIONS;
use gateway_sim::Operation;

use super::{
    book::Book,
    evidence::Standing,
    owed::{self, Owed},
    report::{OpenOrder, Summary},
};

/// The fleet's work in numbers.
pub(super) fn of(book: &Book<'_>) -> Summary {
    let evidence = book.evidence;
    let standing = |is: &dyn Fn(&Standing) -> bool| {
        evidence.dead_letters.iter().filter(|letter| is(&letter.standing)).count() as u64
    };
    let mut summary = Summary {
        messages: evidence.streams.values().map(|stream| stream.messages.len() as u64).sum(),
        notifications: evidence.messages(NOTIFICATIONS.name).len() as u64,
        dead_letters: evidence.dead_letters.len() as u64,
        redriven: standing(&|standing| matches!(standing, Standing::Redriven(_))),
        discarded: standing(&|standing| *standing == Standing::Discarded),
        ..Summary::default()
    };
    for life in book.lives.values().filter(|life| life.born().is_some()) {
        summary.orders += 1;
        *summary.by_status.entry(life.status()).or_default() += 1;
        if let Some(cancelled) = life.cancelled.first() {
            *summary.cancelled.entry(cancelled.fact.reason.as_str()).or_default() += 1;
        }
    }
    for entry in &evidence.ledger {
        let amounts: &mut BTreeMap<String, i64> = match entry.operation {
            Operation::Capture { .. } => &mut summary.captured,
            Operation::Refund { .. } => &mut summary.refunded,
            Operation::Decline { .. } => continue,
        };
        let amount = amounts.entry(entry.currency.to_uppercase()).or_default();
        *amount = amount.saturating_add(entry.amount);
    }
    summary
}

/// Orders for which something is still to happen, oldest first.
pub(super) fn open_orders(book: &Book<'_>, owed: &[Owed]) -> Vec<OpenOrder> {
    let mut open: Vec<OpenOrder> = owed::by_order(owed)
        .into_iter()
        .filter_map(|(order_id, debts)| {
            let life = book.lives.get(&order_id)?;
            let since = life.born().or_else(|| debts.iter().map(|debt| debt.since).min())?;
            let age: Duration = book.evidence.as_of.since(since);
            let waiting_on = debts.iter().map(|debt| debt.what).collect();
            Some(OpenOrder { order_id, status: life.status(), age, waiting_on })
        })
        .collect();
    open.sort_by(|one, other| other.age.cmp(&one.age).then(one.order_id.cmp(&other.order_id)));
    open
}
