//! Everything that is known about one order.

use events::Timestamp;
use gateway_sim::{Entry, Operation};

use super::Seen;
use crate::verify::{
    evidence::{
        Cancel, CancelRefused, Cancelled, Captured, Committed, Confirmed, Created, Declined, Place,
        RefundRequested, Refunded, Rejected, Released, Reserved,
    },
    report::Status,
};

/// Everything about one order, each kind in the order of its stream.
#[derive(Default)]
pub(in crate::verify) struct Life<'a> {
    pub(in crate::verify) place: Vec<Seen<'a, Place>>,
    pub(in crate::verify) cancel: Vec<Seen<'a, Cancel>>,
    pub(in crate::verify) created: Vec<Seen<'a, Created>>,
    pub(in crate::verify) confirmed: Vec<Seen<'a, Confirmed>>,
    pub(in crate::verify) cancelled: Vec<Seen<'a, Cancelled>>,
    pub(in crate::verify) refund_requested: Vec<Seen<'a, RefundRequested>>,
    pub(in crate::verify) cancel_refused: Vec<Seen<'a, CancelRefused>>,
    pub(in crate::verify) reserved: Vec<Seen<'a, Reserved>>,
    pub(in crate::verify) rejected: Vec<Seen<'a, Rejected>>,
    pub(in crate::verify) committed: Vec<Seen<'a, Committed>>,
    pub(in crate::verify) released: Vec<Seen<'a, Released>>,
    pub(in crate::verify) captured: Vec<Seen<'a, Captured>>,
    pub(in crate::verify) declined: Vec<Seen<'a, Declined>>,
    pub(in crate::verify) refunded: Vec<Seen<'a, Refunded>>,
    /// What the gateway has booked for it.
    pub(in crate::verify) ledger: Vec<&'a Entry>,
    /// What was asked for by requests that an operator has put back.
    pub(in crate::verify) put_back: PutBack<'a>,
}

/// Requests about an order that an operator has put back.
#[derive(Default)]
pub(in crate::verify) struct PutBack<'a> {
    pub(in crate::verify) place: Vec<Seen<'a, Place>>,
    pub(in crate::verify) cancel: Vec<Seen<'a, Cancel>>,
}

impl Life<'_> {
    /// When the order was first heard of.
    pub(in crate::verify) fn born(&self) -> Option<Timestamp> {
        let placed = self.place.first().map(|seen| seen.message.at);
        let created = self.created.first().map(|seen| seen.message.at);
        placed.into_iter().chain(created).min()
    }

    /// The fleet has no word of it; only the gateway's books do.
    pub(in crate::verify) fn is_unheard_of(&self) -> bool {
        self.places().next().is_none() && self.created.is_empty() && self.reserved.is_empty()
    }

    /// Whoever asked for it, and however.
    pub(in crate::verify) fn places(&self) -> impl Iterator<Item = &Seen<'_, Place>> {
        self.place.iter().chain(&self.put_back.place)
    }

    /// Somebody wished it to be cancelled.
    pub(in crate::verify) fn is_cancel_asked_for(&self) -> bool {
        !self.cancel.is_empty() || !self.put_back.cancel.is_empty()
    }

    /// Nothing about it is decided by the order service any more, except refunds.
    pub(in crate::verify) fn is_terminal(&self) -> bool {
        !self.confirmed.is_empty() || !self.cancelled.is_empty()
    }

    /// Paid and to be delivered.
    pub(in crate::verify) fn is_confirmed(&self) -> bool {
        !self.confirmed.is_empty() && self.cancelled.is_empty()
    }

    /// How far it has come.
    pub(in crate::verify) fn status(&self) -> Status {
        if !self.cancelled.is_empty() {
            let back = |charge: &str| self.refunded.iter().any(|refund| refund.fact.charge == charge);
            match self.refund_requested.as_slice() {
                [] => Status::Cancelled,
                wishes if wishes.iter().all(|wish| back(&wish.fact.charge)) => Status::Refunded,
                _ => Status::RefundPending,
            }
        } else if !self.confirmed.is_empty() {
            Status::Confirmed
        } else if !self.reserved.is_empty() {
            Status::AwaitingPayment
        } else if !self.created.is_empty() {
            Status::AwaitingStock
        } else {
            Status::Accepted
        }
    }

    /// The charges that took money, by the gateway's ledger.
    pub(in crate::verify) fn charges(&self) -> impl Iterator<Item = &Entry> {
        self.ledger.iter().copied().filter(|entry| matches!(entry.operation, Operation::Capture { .. }))
    }

    /// The refunds in the gateway's ledger, each with the charge it gives back.
    pub(in crate::verify) fn refunds(&self) -> impl Iterator<Item = (&Entry, &str)> {
        self.ledger.iter().copied().filter_map(|entry| match &entry.operation {
            Operation::Refund { charge } => Some((entry, charge.as_str())),
            Operation::Capture { .. } | Operation::Decline { .. } => None,
        })
    }
}
