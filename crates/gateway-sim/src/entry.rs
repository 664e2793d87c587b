//! What the ledger is made of: entries, and the totals over them.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

/// One charge or refund.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Entry {
    /// Place in the ledger, from 1, without gaps.
    pub seq: u64,
    /// When it was booked, Unix time in milliseconds.
    pub time_ms: u64,
    /// The gateway's id for it (`ch_…` or `re_…`).
    pub id: String,
    /// The idempotency key it was made under.
    pub idempotency_key: String,
    /// The order it belongs to.
    pub order_id: String,
    /// The customer it belongs to, where the caller said so.
    pub customer_id: Option<String>,
    /// Minor units of `currency`.
    pub amount: i64,
    /// ISO 4217 code, as the caller spelt it.
    pub currency: String,
    /// What was done; its fields stand beside the others, told apart by `kind`.
    #[serde(flatten)]
    pub operation: Operation,
}

/// What an entry did.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "kind", rename_all = "snake_case")]
pub enum Operation {
    /// The amount was taken from the card.
    Capture {
        /// Token of the card.
        payment_method: String,
    },
    /// The card refused; no money moved.
    Decline {
        /// Token of the card.
        payment_method: String,
        /// Why it refused.
        code: DeclineCode,
    },
    /// The amount was given back.
    Refund {
        /// Id of the refunded charge.
        charge: String,
    },
}

/// Why a card refuses.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum DeclineCode {
    /// Without a reason.
    CardDeclined,
    /// Not enough money.
    InsufficientFunds,
    /// Out of date.
    ExpiredCard,
}

/// Totals of the ledger and of this process.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
pub struct Summary {
    /// Charges, captured or declined.
    pub charges: u64,
    /// Charges that took money.
    pub captured: u64,
    /// Charges that were declined.
    pub declined: u64,
    /// Refunds.
    pub refunds: u64,
    /// Answers repeated for a known idempotency key since the start of the process.
    pub replays: u64,
    /// Requests to `/v1` since the start of the process.
    pub requests: u64,
    /// Money moved, by currency.
    pub amounts: BTreeMap<String, Amounts>,
}

/// Money moved in one currency, in minor units.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
pub struct Amounts {
    /// Taken.
    pub captured: i64,
    /// Given back.
    pub refunded: i64,
}

impl DeclineCode {
    /// Its name on the wire.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::CardDeclined => "card_declined",
            Self::InsufficientFunds => "insufficient_funds",
            Self::ExpiredCard => "expired_card",
        }
    }

    /// A sentence for the card's holder.
    pub fn message(self) -> &'static str {
        match self {
            Self::CardDeclined => "The card was declined.",
            Self::InsufficientFunds => "The card has insufficient funds.",
            Self::ExpiredCard => "The card has expired.",
        }
    }
}

impl Summary {
    /// Counts one more entry.
    pub(crate) fn add(&mut self, entry: &Entry) {
        match entry.operation {
            Operation::Capture { .. } => {
                self.charges += 1;
                self.captured += 1;
                let amounts = self.amounts_in(&entry.currency);
                amounts.captured = amounts.captured.saturating_add(entry.amount);
            }
            Operation::Decline { .. } => {
                self.charges += 1;
                self.declined += 1;
            }
            Operation::Refund { .. } => {
                self.refunds += 1;
                let amounts = self.amounts_in(&entry.currency);
                amounts.refunded = amounts.refunded.saturating_add(entry.amount);
            }
        }
    }

    fn amounts_in(&mut self, currency: &str) -> &mut Amounts {
        // Looked up first: the key is copied once per currency, not once per entry.
        if !self.amounts.contains_key(currency) {
            self.amounts.insert(currency.to_owned(), Amounts::default());
        }
        self.amounts.entry(currency.to_owned()).or_default()
    }
}
