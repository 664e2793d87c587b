//! What is still to happen, who owes it, and whether it can still come.
//!
//! A journal commits its outcomes together with the positions of its inputs. So once it has read past a
//! message without the outcome that had to follow, that outcome will never come: it is lost. A worker
//! has no such mark; what it owes is under way until it is done or parked as a dead letter.

use std::collections::HashMap;

use events::{
    OrderId, Timestamp,
    catalogue::{
        INVENTORY, NOTIFICATION_ORDERS, NOTIFICATION_REFUNDS, ORDERS, PAYMENT_CHARGE, PAYMENT_REFUND,
        PAYMENTS, REQUESTS, StreamDef,
    },
};
use uuid::Uuid;

use super::{
    book::{Adjustment, Book, Life},
    evidence::Recorded,
    report::CheckId,
};

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
    /// It can never come.
    pub(super) lost: bool,
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
}

impl Owed {
    /// Still to come, as far as anybody can tell.
    pub(super) fn is_open(&self) -> bool {
        !self.lost && !self.parked
    }

    /// What to look for to understand it.
    pub(super) fn ids(&self) -> Vec<String> {
        let to = match self.to {
            Creditor::Order(order) => order.to_string(),
            Creditor::Adjustment(adjustment) => adjustment.to_string(),
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
    owed
}

/// What is owed to each order.
pub(super) fn by_order(owed: &[Owed]) -> HashMap<OrderId, Vec<&Owed>> {
    let mut debts = HashMap::<OrderId, Vec<&Owed>>::new();
    for debt in owed {
        match debt.to {
            Creditor::Order(order) => debts.entry(order).or_default().push(debt),
            Creditor::Adjustment(_) => {}
        }
    }
    debts
}

struct Debts<'b, 'a> {
    book: &'b Book<'a>,
    to: Creditor,
    owed: &'b mut Vec<Owed>,
}

impl Debts<'_, '_> {
    /// Something a journal owes for a message it has read up to `reached`.
    fn journal(
        &mut self,
        (journal, reached): (&StreamDef, u64),
        cause: (&StreamDef, &Recorded),
        check: CheckId,
        what: &'static str,
    ) {
        let (stream, message) = (cause.0.name, cause.1);
        let parked = self.book.is_parked(journal.name, stream, message.sequence);
        let lost = reached >= message.sequence && !parked;
        let cause = Some((stream, message.sequence));
        self.owed.push(Owed { to: self.to, what, check, cause, since: message.at, lost, parked });
    }

    fn orders_owe(&mut self, input: &StreamDef, message: &Recorded, check: CheckId, what: &'static str) {
        let at = self.book.orders_reached;
        let reached = if *input == REQUESTS {
            at.requests
        } else if *input == INVENTORY {
            at.inventory
        } else {
            at.payments
        };
        self.journal((&ORDERS, reached), (input, message), check, what);
    }

    fn inventory_owes(&mut self, input: &StreamDef, message: &Recorded, what: &'static str) {
        let at = self.book.inventory_reached;
        let reached = if *input == REQUESTS { at.requests } else { at.orders };
        self.journal((&INVENTORY, reached), (input, message), CheckId::V3, what);
    }

    /// Something a worker owes for a message.
    fn worker(&mut self, durable: &str, cause: (&StreamDef, &Recorded), check: CheckId, what: &'static str) {
        let (stream, message) = (cause.0.name, cause.1);
        let parked = self.book.is_parked(durable, stream, message.sequence);
        let cause = Some((stream, message.sequence));
        self.owed.push(Owed { to: self.to, what, check, cause, since: message.at, lost: false, parked });
    }

    /// The order service's answers to requests, stock and payment.
    fn decisions(&mut self, life: &Life<'_>) {
        if life.created.is_empty() {
            // Any of several requests with one key would do: what was not read yet gives the most hope,
            // and what was parked is at least not forgotten.
            let hope = |message: &Recorded| {
                let parked = self.book.is_parked(ORDERS.name, REQUESTS.name, message.sequence);
                (message.sequence > self.book.orders_reached.requests, !parked)
            };
            let best = life.place.iter().rev().max_by_key(|seen| hope(seen.message));
            if let Some(place) = best {
                self.orders_owe(&REQUESTS, place.message, CheckId::V1, "the order's creation");
            }
        }
        if life.is_terminal() || life.created.is_empty() {
            return;
        }
        if let Some(rejected) = life.rejected.first() {
            self.orders_owe(&INVENTORY, rejected.message, CheckId::V1, "its cancellation for want of stock");
        }
        if let Some(captured) = life.captured.first() {
            self.orders_owe(&PAYMENTS, captured.message, CheckId::V1, "its confirmation");
        }
        if let Some(declined) = life.declined.first() {
            self.orders_owe(&PAYMENTS, declined.message, CheckId::V1, "its cancellation for want of payment");
        }
    }

    fn cancel_requests(&mut self, life: &Life<'_>) {
        for wish in &life.cancel {
            if !self.book.is_recent(wish.message) {
                continue;
            }
            let id = wish.message.id;
            let outcomes = life.cancelled.iter().map(|seen| seen.message);
            let outcomes = outcomes.chain(life.cancel_refused.iter().map(|seen| seen.message));
            let answered = outcomes.filter(|outcome| outcome.cause == id).count();
            // A request that was stored twice is answered twice.
            let asked = life
                .cancel
                .iter()
                .filter(|other| other.message.id == id && other.message.sequence <= wish.message.sequence);
            if answered < asked.count() {
                self.orders_owe(&REQUESTS, wish.message, CheckId::V1, "an answer to the wish to cancel");
            }
        }
    }

    fn stock(&mut self, life: &Life<'_>) {
        let answered = !life.reserved.is_empty() || !life.rejected.is_empty();
        if let (Some(created), false) = (life.created.first(), answered) {
            self.inventory_owes(&ORDERS, created.message, "its stock");
        }
        let released = |returned| life.released.iter().any(|seen| seen.fact.returned == returned);
        if let (Some(confirmed), true) = (life.confirmed.first(), life.committed.is_empty()) {
            self.inventory_owes(&ORDERS, confirmed.message, "its stock to be booked out");
        }
        let Some(cancelled) = life.cancelled.first() else { return };
        if life.confirmed.is_empty() {
            if !life.reserved.is_empty() && !released(false) {
                self.inventory_owes(&ORDERS, cancelled.message, "its reserved stock to be freed");
            }
        } else if !released(true) {
            self.inventory_owes(&ORDERS, cancelled.message, "its sold stock to come back");
        }
    }

    fn payment(&mut self, life: &Life<'_>) {
        let answered = !life.captured.is_empty() || !life.declined.is_empty();
        if let (Some(reserved), false) = (life.reserved.first(), answered) {
            let cause = (&INVENTORY, reserved.message);
            self.worker(PAYMENT_CHARGE.durable, cause, CheckId::V2, "its payment");
        }
    }

    /// Money of an order that is not confirmed goes back, and every charge but the one that paid it.
    fn refunds(&mut self, life: &Life<'_>) {
        for captured in &life.captured {
            let charge = &captured.fact.charge;
            let rightful =
                life.is_confirmed() && life.confirmed.iter().any(|seen| seen.fact.charge == *charge);
            let wished = life.refund_requested.iter().any(|seen| seen.fact.charge == *charge);
            if life.is_terminal() && !rightful && !wished {
                self.orders_owe(&PAYMENTS, captured.message, CheckId::V2, "a refund to be asked for");
            }
        }
        for wish in &life.refund_requested {
            if !life.refunded.iter().any(|seen| seen.fact.charge == wish.fact.charge) {
                self.worker(PAYMENT_REFUND.durable, (&ORDERS, wish.message), CheckId::V2, "its refund");
            }
        }
    }

    /// What the gateway has booked and the payment service has not told yet.
    fn gateway_news(&mut self, life: &Life<'_>) {
        let told = |charge: &str| life.captured.iter().any(|seen| seen.fact.charge == charge);
        let charges =
            life.charges().filter(|entry| !told(&entry.id)).map(|entry| (entry, "news of its charge"));
        let back = |refund: &str| life.refunded.iter().any(|seen| seen.fact.refund == refund);
        let refunds = life.refunds().filter(|(entry, _)| !back(&entry.id));
        for (entry, what) in charges.chain(refunds.map(|(entry, _)| (entry, "news of its refund"))) {
            let since = Timestamp(i64::try_from(entry.time_ms.saturating_mul(1_000)).unwrap_or(i64::MAX));
            let check = CheckId::V2;
            let (lost, parked) = (false, self.is_payment_parked(life));
            self.owed.push(Owed { to: self.to, what, check, cause: None, since, lost, parked });
        }
    }

    /// The payment service has given the order's charge or refund up after the gateway had acted on it.
    fn is_payment_parked(&self, life: &Life<'_>) -> bool {
        let charge = |sequence| self.book.is_parked(PAYMENT_CHARGE.durable, INVENTORY.name, sequence);
        let refund = |sequence| self.book.is_parked(PAYMENT_REFUND.durable, ORDERS.name, sequence);
        life.reserved.iter().any(|seen| charge(seen.message.sequence))
            || life.refund_requested.iter().any(|seen| refund(seen.message.sequence))
    }

    fn notifications(&mut self, life: &Life<'_>) {
        let told = |message: &Recorded| self.book.notified.contains_key(&message.id);
        let confirmed = life.confirmed.iter().map(|seen| seen.message);
        let outcomes = confirmed.chain(life.cancelled.iter().map(|seen| seen.message));
        for message in outcomes.filter(|message| !told(message)) {
            let cause = (&ORDERS, message);
            self.worker(NOTIFICATION_ORDERS.durable, cause, CheckId::V4, "its notification");
        }
        for refunded in life.refunded.iter().filter(|seen| !told(seen.message)) {
            let cause = (&PAYMENTS, refunded.message);
            self.worker(NOTIFICATION_REFUNDS.durable, cause, CheckId::V4, "the notification of its refund");
        }
    }

    fn adjustment(&mut self, adjustment: &Adjustment<'_>) {
        let answered = !adjustment.adjusted.is_empty() || !adjustment.refused.is_empty();
        let wished = adjustment.wished.first().filter(|wish| self.book.is_recent(wish.message));
        if let (Some(wish), false) = (wished, answered) {
            self.inventory_owes(&REQUESTS, wish.message, "the adjustment's outcome");
        }
    }
}
