//! V2: nobody is charged twice, paid orders are paid exactly, cancelled ones cost nothing, and the
//! payment service's events agree with the gateway's own ledger.

use std::collections::HashSet;

use events::{Money, OrderId};
use gateway_sim::Entry;

use super::Case;
use crate::verify::{
    book::Life,
    report::{CheckId, CheckResult, Findings},
};

/// Runs the check.
pub(super) fn check(case: &Case<'_, '_>) -> CheckResult {
    let mut findings = Findings::default();
    findings.examined(case.book.evidence.ledger.len());
    for entry in &case.book.strangers {
        let ids = [entry.id.clone(), entry.order_id.clone()];
        findings.broken(ids, "the gateway booked something for what is no order");
    }
    for (order, life) in case.book.whole_lives() {
        known(order, life, &mut findings);
        charged_once(order, life, &mut findings);
        confirmed_is_paid(order, life, &mut findings);
        events_agree(order, life, &mut findings);
        refunds_are_due(order, life, &mut findings);
    }
    case.debts(CheckId::V2, &mut findings);
    if let Some(why) = case.book.not_judged() {
        findings.partial(why);
    }
    findings.result(CheckId::V2, "ledger entries")
}

/// Money moves only for orders that exist and whose stock was set aside.
fn known(order: OrderId, life: &Life<'_>, findings: &mut Findings) {
    let Some(charge) = life.charges().next() else { return };
    let ids = [order.to_string(), charge.id.clone()];
    if life.reserved.is_empty() {
        findings.broken(ids, "money was taken for an order whose stock was never set aside");
    } else if life.created.is_empty() {
        findings.broken(ids, "money was taken for an order that nobody placed");
    }
}

/// One charge per order, whatever became of it.
fn charged_once(order: OrderId, life: &Life<'_>, findings: &mut Findings) {
    let told = life.captured.iter().map(|seen| seen.fact.charge.as_str());
    let booked = life.charges().map(|entry| entry.id.as_str());
    let charges: HashSet<&str> = told.chain(booked).collect();
    if charges.len() > 1 {
        let mut charges: Vec<String> = charges.into_iter().map(str::to_owned).collect();
        charges.sort();
        let count = charges.len();
        let ids = std::iter::once(order.to_string()).chain(charges);
        findings.broken(ids, format!("the customer was charged {count} times"));
    }
    if !life.captured.is_empty() && !life.declined.is_empty() {
        findings.broken([order.to_string()], "the charge is told both as captured and as declined");
    }
    if life.captured.is_empty() && !life.declined.is_empty() && life.charges().next().is_some() {
        findings
            .broken([order.to_string()], "the charge is told as declined, but the gateway took the money");
    }
}

/// A confirmed order was paid by the charge it names, with what it costs.
fn confirmed_is_paid(order: OrderId, life: &Life<'_>, findings: &mut Findings) {
    let Some(confirmed) = life.confirmed.first() else { return };
    let (charge, total) = (&confirmed.fact.charge, confirmed.fact.total);
    let ids = || [order.to_string(), charge.clone()];
    match life.charges().find(|entry| entry.id == *charge) {
        None => findings.broken(ids(), "the order is confirmed, but the gateway knows no such charge"),
        Some(entry) if !is_amount(entry, total) => {
            let took = format!("{} {}", entry.amount, entry.currency);
            findings.broken(ids(), format!("the order costs {total}, but the gateway took {took}"));
        }
        Some(_) => {}
    }
    if let Some(created) = life.created.first()
        && created.fact.total != total
    {
        let cost = created.fact.total;
        findings.broken(ids(), format!("the order costs {cost}, but was confirmed as paid with {total}"));
    }
}

/// What the payment service says happened is what the gateway booked.
fn events_agree(order: OrderId, life: &Life<'_>, findings: &mut Findings) {
    for captured in &life.captured {
        let fact = captured.fact;
        let entry = life.charges().find(|entry| entry.id == fact.charge);
        booked(order, (&fact.charge, fact.amount), entry, "captured", findings);
    }
    for refunded in &life.refunded {
        let fact = refunded.fact;
        let entry = life.refunds().find(|(entry, charge)| entry.id == fact.refund && *charge == fact.charge);
        booked(order, (&fact.refund, fact.amount), entry.map(|(entry, _)| entry), "refunded", findings);
    }
}

fn booked(
    order: OrderId,
    (id, amount): (&str, Money),
    entry: Option<&Entry>,
    what: &str,
    findings: &mut Findings,
) {
    let ids = [order.to_string(), id.to_owned()];
    match entry {
        None => findings.broken(ids, format!("told as {what}, but not in the gateway's ledger")),
        Some(entry) if !is_amount(entry, amount) => {
            let real = format!("{} {}", entry.amount, entry.currency);
            findings.broken(ids, format!("told as {what} with {amount}, but the gateway booked {real}"));
        }
        Some(_) => {}
    }
}

/// Money goes back only where it was asked for, never for a confirmed order, never more than was taken.
fn refunds_are_due(order: OrderId, life: &Life<'_>, findings: &mut Findings) {
    for (entry, charge) in life.refunds() {
        let wished = life.refund_requested.iter().any(|seen| seen.fact.charge == charge);
        if !wished {
            let ids = [order.to_string(), entry.id.clone(), charge.to_owned()];
            findings.broken(ids, "money went back that nobody had asked to give back");
        }
    }
    for charge in life.charges() {
        let refunds = life.refunds().filter(|(_, of)| *of == charge.id);
        let back = refunds.map(|(entry, _)| i128::from(entry.amount)).sum::<i128>();
        if back > i128::from(charge.amount) {
            let ids = [order.to_string(), charge.id.clone()];
            findings.broken(ids, format!("{back} went back of a charge of {}", charge.amount));
        } else if back < i128::from(charge.amount) && all_refunds_done(life, &charge.id) {
            let ids = [order.to_string(), charge.id.clone()];
            findings.broken(ids, format!("only {back} of {} went back of a cancelled order", charge.amount));
        }
    }
    let paid_by = life.confirmed.first().map(|seen| seen.fact.charge.as_str());
    for wish in life.refund_requested.iter().filter(|_| life.is_confirmed()) {
        if Some(wish.fact.charge.as_str()) == paid_by {
            let ids = [order.to_string(), wish.fact.charge.clone()];
            findings.broken(ids, "the order is confirmed and its money is given back");
        }
    }
}

/// The charge is told as given back.
fn all_refunds_done(life: &Life<'_>, charge: &str) -> bool {
    life.refunded.iter().any(|seen| seen.fact.charge == charge)
}

fn is_amount(entry: &Entry, amount: Money) -> bool {
    entry.amount == amount.amount && entry.currency.eq_ignore_ascii_case(amount.currency.code())
}
