//! Debt by debt: what each step of an order, and each adjustment, makes somebody owe.

use events::{
    Timestamp,
    catalogue::{
        INVENTORY, NOTIFICATION_ORDERS, NOTIFICATION_REFUNDS, ORDERS, PAYMENT_CHARGE, PAYMENT_REFUND,
        PAYMENTS, REQUESTS, StreamDef,
    },
};
use messaging::topology::REDRIVE;

use super::{Creditor, Owed};
use crate::verify::{
    book::{Adjustment, Book, Fate, Life},
    evidence::Recorded,
    report::CheckId,
};

/// The journal has read on.
const PASSED_OVER: &str = "its cause was passed over";
/// The operator's last attempt has come to nothing.
const IN_VAIN: &str = "its cause was put back and handled without it";
/// The operator has decided so.
const DISCARDED: &str = "its cause was discarded";

/// What becomes of a debt of a worker whose message is discarded.
#[derive(Debug, Clone, Copy)]
enum IfDiscarded {
    /// Something else can still settle it.
    StillOwed,
    /// It can never be settled.
    Lost,
    /// It is forgiven: nobody comes to harm.
    Forgiven,
}

/// Collects what is owed to one creditor.
pub(super) struct Debts<'b, 'a> {
    pub(super) book: &'b Book<'a>,
    pub(super) to: Creditor,
    pub(super) owed: &'b mut Vec<Owed>,
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
        let fate = self.book.fate(journal.name, stream, message.sequence);
        let lost = match fate {
            None => (reached >= message.sequence).then_some(PASSED_OVER),
            Some(Fate::Parked | Fate::UnderWay) => None,
            Some(Fate::Handled) => Some(IN_VAIN),
            Some(Fate::Discarded) => Some(DISCARDED),
        };
        let parked = fate == Some(Fate::Parked);
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
    fn worker(
        &mut self,
        (durable, if_discarded): (&str, IfDiscarded),
        cause: (&StreamDef, &Recorded),
        check: CheckId,
        what: &'static str,
    ) {
        let (stream, message) = (cause.0.name, cause.1);
        let fate = self.book.fate(durable, stream, message.sequence);
        let lost = match (fate, if_discarded) {
            (Some(Fate::Discarded), IfDiscarded::Forgiven) => return,
            (Some(Fate::Discarded), IfDiscarded::Lost) => Some(DISCARDED),
            (Some(Fate::Handled), _) => Some(IN_VAIN),
            (Some(Fate::Discarded), IfDiscarded::StillOwed)
            | (Some(Fate::Parked | Fate::UnderWay) | None, _) => None,
        };
        let parked = fate == Some(Fate::Parked);
        let cause = Some((stream, message.sequence));
        self.owed.push(Owed { to: self.to, what, check, cause, since: message.at, lost, parked });
    }

    /// The order service's answers to requests, stock and payment.
    pub(super) fn decisions(&mut self, life: &Life<'_>) {
        if life.created.is_empty() {
            // Any of several requests with one key would do: what was not read yet gives the most hope,
            // and what was parked is at least not forgotten.
            let hope = |message: &Recorded| {
                let fate = self.book.fate(ORDERS.name, REQUESTS.name, message.sequence);
                let unread = message.sequence > self.book.orders_reached.requests;
                (unread || fate == Some(Fate::UnderWay), fate != Some(Fate::Parked))
            };
            let best = life.place.iter().rev().max_by_key(|seen| hope(seen.message));
            if let Some(place) = best {
                self.orders_owe(&REQUESTS, place.message, CheckId::V1, "the order's creation");
            } else if let Some(place) = life.put_back.place.last() {
                self.put_back_request(&ORDERS, place.message, CheckId::V1, "the order's creation");
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

    /// A request that can be read only since an operator has mended it.
    fn put_back_request(
        &mut self,
        journal: &StreamDef,
        message: &Recorded,
        check: CheckId,
        what: &'static str,
    ) {
        let fate = self.book.fate_of_redrive(journal.name, message.sequence);
        let lost = match fate {
            Fate::Parked | Fate::UnderWay => None,
            Fate::Handled => Some(IN_VAIN),
            Fate::Discarded => Some(DISCARDED),
        };
        let (cause, parked) = (Some((REDRIVE, message.sequence)), fate == Fate::Parked);
        self.owed.push(Owed { to: self.to, what, check, cause, since: message.at, lost, parked });
    }

    pub(super) fn cancel_requests(&mut self, life: &Life<'_>) {
        let answered = !life.cancelled.is_empty() || !life.cancel_refused.is_empty();
        if let (Some(wish), true, false) = (life.put_back.cancel.last(), life.cancel.is_empty(), answered) {
            self.put_back_request(&ORDERS, wish.message, CheckId::V1, "an answer to the wish to cancel");
        }
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

    pub(super) fn stock(&mut self, life: &Life<'_>) {
        let answered = !life.reserved.is_empty() || !life.rejected.is_empty();
        if let (Some(created), false) = (life.created.first(), answered) {
            self.inventory_owes(&ORDERS, created.message, "its stock");
        }
        let released = |returned| life.released.iter().any(|seen| seen.fact.returned == returned);
        let cancelled = life.cancelled.first();
        if let (Some(confirmed), true) = (life.confirmed.first(), life.committed.is_empty()) {
            let sequence = confirmed.message.sequence;
            let given_up = self.book.is_noticed(INVENTORY.name, ORDERS.name, sequence);
            // It was cancelled before its confirmation was put back: what was still set aside is free.
            if given_up && cancelled.is_some() && released(false) {
                return;
            }
            self.inventory_owes(&ORDERS, confirmed.message, "its stock to be booked out");
        }
        let Some(cancelled) = cancelled else { return };
        if life.confirmed.is_empty() {
            if !life.reserved.is_empty() && !released(false) {
                self.inventory_owes(&ORDERS, cancelled.message, "its reserved stock to be freed");
            }
        } else if !released(true) {
            self.inventory_owes(&ORDERS, cancelled.message, "its sold stock to come back");
        }
    }

    pub(super) fn payment(&mut self, life: &Life<'_>) {
        let answered = !life.captured.is_empty() || !life.declined.is_empty();
        if let (Some(reserved), false) = (life.reserved.first(), answered) {
            let cause = (&INVENTORY, reserved.message);
            // An order that was not paid expires; one that has ended needs no payment.
            let if_discarded =
                if life.is_terminal() { IfDiscarded::Forgiven } else { IfDiscarded::StillOwed };
            self.worker((PAYMENT_CHARGE.durable, if_discarded), cause, CheckId::V2, "its payment");
        }
    }

    /// Money of an order that is not confirmed goes back, and every charge but the one that paid it.
    pub(super) fn refunds(&mut self, life: &Life<'_>) {
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
                let refund = (PAYMENT_REFUND.durable, IfDiscarded::Lost);
                self.worker(refund, (&ORDERS, wish.message), CheckId::V2, "its refund");
            }
        }
    }

    /// What the gateway has booked and the payment service has not told yet. It never tells of an order that the fleet has
    /// not heard of, or has forgotten; money of that kind is found by its check.
    pub(super) fn gateway_news(&mut self, life: &Life<'_>) {
        if life.is_unheard_of() {
            return;
        }
        let told = |charge: &str| life.captured.iter().any(|seen| seen.fact.charge == charge);
        let charges =
            life.charges().filter(|entry| !told(&entry.id)).map(|entry| (entry, "news of its charge"));
        let back = |refund: &str| life.refunded.iter().any(|seen| seen.fact.refund == refund);
        let refunds = life.refunds().filter(|(entry, _)| !back(&entry.id));
        for (entry, what) in charges.chain(refunds.map(|(entry, _)| (entry, "news of its refund"))) {
            let since = Timestamp(i64::try_from(entry.time_ms.saturating_mul(1_000)).unwrap_or(i64::MAX));
            let check = CheckId::V2;
            let fate = self.fate_of_payment(life);
            let parked = fate == Some(Fate::Parked);
            let lost = (fate == Some(Fate::Discarded)).then_some(DISCARDED);
            self.owed.push(Owed { to: self.to, what, check, cause: None, since, lost, parked });
        }
    }

    /// What became of the order's charge or refund if the payment service gave it up after the gateway had acted on it.
    fn fate_of_payment(&self, life: &Life<'_>) -> Option<Fate> {
        let charge = |sequence| self.book.fate(PAYMENT_CHARGE.durable, INVENTORY.name, sequence);
        let refund = |sequence| self.book.fate(PAYMENT_REFUND.durable, ORDERS.name, sequence);
        let charges = life.reserved.iter().filter_map(|seen| charge(seen.message.sequence));
        let mut fates =
            charges.chain(life.refund_requested.iter().filter_map(|seen| refund(seen.message.sequence)));
        let first = fates.next();
        fates.find(|fate| *fate == Fate::Parked).or(first)
    }

    pub(super) fn notifications(&mut self, life: &Life<'_>) {
        let told = |message: &Recorded| self.book.notified.contains_key(&message.id);
        let confirmed = life.confirmed.iter().map(|seen| seen.message);
        let outcomes = confirmed.chain(life.cancelled.iter().map(|seen| seen.message));
        for message in outcomes.filter(|message| !told(message)) {
            let cause = (&ORDERS, message);
            let worker = (NOTIFICATION_ORDERS.durable, IfDiscarded::Forgiven);
            self.worker(worker, cause, CheckId::V4, "its notification");
        }
        for refunded in life.refunded.iter().filter(|seen| !told(seen.message)) {
            let cause = (&PAYMENTS, refunded.message);
            let worker = (NOTIFICATION_REFUNDS.durable, IfDiscarded::Forgiven);
            self.worker(worker, cause, CheckId::V4, "the notification of its refund");
        }
    }

    pub(super) fn adjustment(&mut self, adjustment: &Adjustment<'_>) {
        let answered = !adjustment.adjusted.is_empty() || !adjustment.refused.is_empty();
        let wished = adjustment.wished.first().filter(|wish| self.book.is_recent(wish.message));
        if answered {
            return;
        }
        if let Some(wish) = wished {
            self.inventory_owes(&REQUESTS, wish.message, "the adjustment's outcome");
        } else if let (Some(wish), true) = (adjustment.put_back.last(), adjustment.wished.is_empty()) {
            self.put_back_request(&INVENTORY, wish.message, CheckId::V3, "the adjustment's outcome");
        }
    }
}
