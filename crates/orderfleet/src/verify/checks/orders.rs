//! V1: every accepted request has led to exactly one order, every order has come to one end or is known
//! to be open, and every wish to cancel was answered.

use events::{
    OrderId,
    catalogue::{ORDERS, REQUESTS},
    orders::CancelReason,
};

use super::Case;
use crate::verify::{
    book::{Life, Seen},
    evidence::Place,
    owed::{self, Owed},
    report::{CheckId, CheckResult, Findings},
};

/// Runs the check.
pub(super) fn check(case: &Case<'_, '_>) -> CheckResult {
    let mut findings = Findings::default();
    let debts = owed::by_order(case.owed);
    for (order, life) in case.book.whole_lives().filter(|(_, life)| !life.is_unheard_of()) {
        findings.examined(1);
        origin(order, life, &mut findings);
        content(order, life, &mut findings);
        reason(order, life, &mut findings);
        course(order, life, &mut findings);
        if case.expected.complete {
            end(order, life, debts.get(&order).map_or(&[], Vec::as_slice), &mut findings);
        }
    }
    accepted(case, &mut findings);
    unreadable_requests(case, &mut findings);
    case.debts(CheckId::V1, &mut findings);
    if let Some(why) = case.book.not_judged() {
        findings.partial(why);
    }
    findings.result(CheckId::V1, "orders")
}

/// An order comes from a request, once.
fn origin(order: OrderId, life: &Life<'_>, findings: &mut Findings) {
    if life.created.len() > 1 {
        let places = life.created.iter().map(|seen| format!("{}:{}", ORDERS.name, seen.message.sequence));
        let ids = std::iter::once(order.to_string()).chain(places);
        findings.broken(ids, format!("the order was created {} times", life.created.len()));
    }
    if life.places().next().is_none() && !life.created.is_empty() {
        findings.broken([order.to_string()], "the order was created, but nobody had placed it");
    }
    let followed =
        !life.confirmed.is_empty() || !life.cancelled.is_empty() || !life.refund_requested.is_empty();
    if life.created.is_empty() && followed {
        findings.broken([order.to_string()], "something was decided on the order, but it was never created");
    }
}

/// The order is what was asked for; of several requests under one key, what one of them asked for.
fn content(order: OrderId, life: &Life<'_>, findings: &mut Findings) {
    let Some(created) = life.created.first() else { return };
    let asked = |place: &Seen<'_, Place>| {
        place.fact.total == created.fact.total && place.fact.lines == created.fact.lines
    };
    if life.places().next().is_some() && !life.places().any(asked) {
        findings.broken([order.to_string()], "the order was created as something else than was asked for");
    }
}

/// An order is cancelled for the reason that is told: otherwise it is lost, however tidily.
fn reason(order: OrderId, life: &Life<'_>, findings: &mut Findings) {
    let (Some(cancelled), Some(created)) = (life.cancelled.first(), life.created.first()) else { return };
    let charged_otherwise = || life.captured.iter().any(|seen| seen.fact.amount != created.fact.total);
    let (holds, what) = match cancelled.fact.reason {
        CancelReason::Customer => (life.is_cancel_asked_for(), "but nobody had asked for that"),
        CancelReason::OutOfStock | CancelReason::UnknownSku => {
            (!life.rejected.is_empty(), "but nobody had refused its stock")
        }
        CancelReason::PaymentDeclined => {
            (!life.declined.is_empty() || charged_otherwise(), "but its payment was not declined")
        }
        // Of time alone, and how long it was given is not in the evidence.
        CancelReason::Expired => (true, ""),
    };
    if !holds {
        let reason = cancelled.fact.reason.as_str();
        findings.broken([order.to_string()], format!("the order was cancelled as {reason}, {what}"));
    }
}

/// Created, then confirmed at most once, then cancelled at most once; never back.
fn course(order: OrderId, life: &Life<'_>, findings: &mut Findings) {
    for (count, what) in [(life.confirmed.len(), "confirmed"), (life.cancelled.len(), "cancelled")] {
        if count > 1 {
            findings.broken([order.to_string()], format!("the order was {what} {count} times"));
        }
    }
    let created = life.created.first().map(|seen| seen.message.sequence);
    let confirmed = life.confirmed.first().map(|seen| seen.message.sequence);
    let cancelled = life.cancelled.first().map(|seen| seen.message.sequence);
    if created.is_some_and(|created| confirmed.into_iter().chain(cancelled).any(|end| end < created)) {
        findings.broken([order.to_string()], "the order came to an end before it was created");
    }
    if let (Some(confirmed), Some(cancelled)) = (confirmed, cancelled)
        && cancelled < confirmed
    {
        findings.broken([order.to_string()], "the order was confirmed after it had been cancelled");
    }
}

/// Nothing may be open any more. What the order waits for is said by whoever owes it, where that is known.
fn end(order: OrderId, life: &Life<'_>, debts: &[&Owed], findings: &mut Findings) {
    if life.is_terminal() || life.created.is_empty() {
        return;
    }
    // Told as lost by the check that is concerned, as parked by the one for dead letters.
    if debts.iter().any(|owed| owed.check == CheckId::V1 || owed.lost.is_some() || owed.parked) {
        return;
    }
    let waits = debts.first().map_or("nothing that is under way", |owed| owed.what);
    let status = life.status().as_str();
    findings.broken([order.to_string()], format!("the order is still open ({status}); it waits for {waits}"));
}

/// What a caller was told to be accepted was stored before that.
fn accepted(case: &Case<'_, '_>, findings: &mut Findings) {
    for order in &case.expected.accepted {
        let life = case.book.lives.get(order);
        if life.is_none_or(|life| life.born().is_none()) {
            findings
                .broken([order.to_string()], "a caller was told that it is accepted, but no stream knows it");
        }
    }
}

/// A request that cannot be read was accepted all the same, so it must be parked.
fn unreadable_requests(case: &Case<'_, '_>, findings: &mut Findings) {
    let unreadable = case.book.unreadable.iter().filter(|(stream, _)| *stream == REQUESTS.name);
    for (stream, seen) in unreadable {
        let sequence = seen.message.sequence;
        let parked = case.book.is_parked_by_anybody(stream, sequence);
        let reached = case.book.orders_reached.requests.max(case.book.inventory_reached.requests);
        if !parked && reached >= sequence {
            let message = format!("a request that cannot be read was passed over: {}", seen.fact.error);
            findings.broken([format!("{stream}:{sequence}")], message);
        }
    }
}
