//! The ledger: every charge and refund ever made, the keys they were made under, and the rules between them.

use std::{collections::HashMap, io, sync::Arc};

use crate::{
    entry::{Entry, Operation, Summary},
    index::Index,
    ledger_file::LedgerFile,
};

/// An entry that is not booked yet.
pub(crate) struct Draft {
    pub(crate) id_tag: u64,
    pub(crate) time_ms: u64,
    pub(crate) idempotency_key: String,
    pub(crate) order_id: String,
    pub(crate) customer_id: Option<String>,
    pub(crate) amount: i64,
    pub(crate) currency: String,
    pub(crate) operation: Operation,
}

/// What came of a draft.
pub(crate) struct Booked {
    pub(crate) entry: Arc<Entry>,
    /// It had been booked before under the same key.
    pub(crate) replayed: bool,
}

#[derive(Debug, thiserror::Error)]
pub(crate) enum LedgerError {
    #[error("the idempotency key was used before for another request")]
    KeyReused,
    #[error("no captured charge has the id `{0}`")]
    NoSuchCharge(String),
    #[error("charge `{0}` has already been refunded in full")]
    AlreadyRefunded(String),
    #[error("only {0} of the charge is left to refund")]
    RefundTooLarge(i64),
    #[error("the ledger cannot be written")]
    Storage(#[source] io::Error),
}

#[derive(Default)]
pub(crate) struct Ledger {
    file: Option<LedgerFile>,
    entries: Vec<Arc<Entry>>,
    by_key: Index,
    by_order: Index,
    /// Refunded so far, by the sequence of the charge.
    refunded: HashMap<u64, i64>,
    totals: Summary,
}

impl Ledger {
    /// A ledger that holds `entries`, and writes further ones to `file` if there is one.
    pub(crate) fn restore(file: Option<LedgerFile>, entries: Vec<Entry>) -> Self {
        let mut ledger = Self { file, ..Self::default() };
        for entry in entries {
            ledger.remember(entry);
        }
        ledger
    }

    /// Books a draft, or finds what its key booked before unless keys are not to be honoured.
    pub(crate) fn book(&mut self, draft: Draft, honour_keys: bool) -> Result<Booked, LedgerError> {
        if honour_keys && let Some(entry) = self.under_key(&draft.idempotency_key).next() {
            if !entry.answers(&draft) {
                return Err(LedgerError::KeyReused);
            }
            return Ok(Booked { entry: Arc::clone(entry), replayed: true });
        }
        self.check_refund(&draft)?;
        let entry = draft.numbered(self.next_seq());
        if let Some(file) = &mut self.file {
            file.append(&entry).map_err(LedgerError::Storage)?;
        }
        Ok(Booked { entry: self.remember(entry), replayed: false })
    }

    /// The captured charge with this id.
    pub(crate) fn captured(&self, id: &str) -> Result<&Arc<Entry>, LedgerError> {
        seq_of(id)
            .and_then(|seq| self.entries.get(place_of(seq)?))
            .filter(|entry| entry.id == id && matches!(entry.operation, Operation::Capture { .. }))
            .ok_or_else(|| LedgerError::NoSuchCharge(id.to_owned()))
    }

    /// Everything booked under a key, oldest first.
    pub(crate) fn under_key<'a>(&'a self, key: &'a str) -> impl Iterator<Item = &'a Arc<Entry>> {
        self.at(self.by_key.candidates(key)).filter(move |entry| entry.idempotency_key == key)
    }

    /// Everything booked for an order, oldest first.
    pub(crate) fn of_order<'a>(&'a self, order_id: &'a str) -> impl Iterator<Item = &'a Arc<Entry>> {
        self.at(self.by_order.candidates(order_id)).filter(move |entry| entry.order_id == order_id)
    }

    /// Refunded so far of a charge, in minor units.
    pub(crate) fn refunded(&self, charge: &Entry) -> i64 {
        self.refunded.get(&charge.seq).copied().unwrap_or(0)
    }

    /// At most `limit` entries after sequence `cursor`.
    pub(crate) fn page(&self, cursor: u64, limit: usize) -> Vec<Arc<Entry>> {
        let skipped = usize::try_from(cursor).unwrap_or(usize::MAX);
        self.entries.iter().skip(skipped).take(limit).cloned().collect()
    }

    pub(crate) fn totals(&self) -> &Summary {
        &self.totals
    }

    fn at<'a>(&'a self, places: impl Iterator<Item = usize> + 'a) -> impl Iterator<Item = &'a Arc<Entry>> {
        places.filter_map(|place| self.entries.get(place))
    }

    fn next_seq(&self) -> u64 {
        u64::try_from(self.entries.len()).unwrap_or(u64::MAX).saturating_add(1)
    }

    fn check_refund(&self, draft: &Draft) -> Result<(), LedgerError> {
        let Operation::Refund { charge } = &draft.operation else { return Ok(()) };
        let captured = self.captured(charge)?;
        let left = captured.amount - self.refunded(captured);
        if left == 0 {
            Err(LedgerError::AlreadyRefunded(charge.clone()))
        } else if draft.amount > left {
            Err(LedgerError::RefundTooLarge(left))
        } else {
            Ok(())
        }
    }

    fn remember(&mut self, entry: Entry) -> Arc<Entry> {
        let place = self.entries.len();
        self.by_key.insert(&entry.idempotency_key, place);
        self.by_order.insert(&entry.order_id, place);
        if let Operation::Refund { charge } = &entry.operation
            && let Some(seq) = seq_of(charge)
        {
            *self.refunded.entry(seq).or_default() += entry.amount;
        }
        self.totals.add(&entry);
        let entry = Arc::new(entry);
        self.entries.push(Arc::clone(&entry));
        entry
    }
}

impl Entry {
    /// The draft asks for what this entry did. A charge may come out either way, so the outcome does not count.
    fn answers(&self, draft: &Draft) -> bool {
        self.order_id == draft.order_id
            && self.customer_id == draft.customer_id
            && self.amount == draft.amount
            && self.currency == draft.currency
            && self.operation.request() == draft.operation.request()
    }
}

impl Operation {
    /// The part that the caller asked for: which operation, on what.
    fn request(&self) -> (&'static str, &str) {
        match self {
            Self::Capture { payment_method } | Self::Decline { payment_method, .. } => {
                ("charge", payment_method)
            }
            Self::Refund { charge } => ("refund", charge),
        }
    }
}

impl Draft {
    fn numbered(self, seq: u64) -> Entry {
        let prefix = match self.operation {
            Operation::Capture { .. } | Operation::Decline { .. } => "ch",
            Operation::Refund { .. } => "re",
        };
        // The sequence in the id is what finds the entry again; the tag keeps ids of different runs apart.
        let id = format!("{prefix}_{:012x}{seq:012}", self.id_tag >> 16);
        Entry {
            seq,
            time_ms: self.time_ms,
            id,
            idempotency_key: self.idempotency_key,
            order_id: self.order_id,
            customer_id: self.customer_id,
            amount: self.amount,
            currency: self.currency,
            operation: self.operation,
        }
    }
}

/// The sequence written into an id.
fn seq_of(id: &str) -> Option<u64> {
    id.get("ch_".len() + 12..)?.parse().ok()
}

fn place_of(seq: u64) -> Option<usize> {
    usize::try_from(seq.checked_sub(1)?).ok()
}

#[cfg(test)]
mod tests;
