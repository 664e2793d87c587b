//! The verdict: what was checked, what is wrong, what is still under way.

use std::{
    collections::{BTreeMap, BTreeSet},
    time::Duration,
};

use events::OrderId;
use serde::Serialize;

/// One of the checks.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize)]
pub enum CheckId {
    /// No accepted order is lost.
    V1,
    /// No customer is charged twice.
    V2,
    /// No stock is sold twice.
    V3,
    /// Every customer is told once.
    V4,
    /// Every state change is in the audit trail.
    V5,
    /// Nothing was given up unexpectedly.
    V6,
    /// The log itself: one writer at a time, no holes.
    LOG,
}

impl CheckId {
    /// What is promised, in one line.
    #[must_use]
    pub fn title(self) -> &'static str {
        match self {
            Self::V1 => "no accepted order is lost",
            Self::V2 => "no customer is charged twice",
            Self::V3 => "no stock is sold twice",
            Self::V4 => "every outcome is told to the customer once",
            Self::V5 => "every state change is in the audit trail",
            Self::V6 => "no message was given up unexpectedly",
            Self::LOG => "one writer at a time, no holes in the log",
        }
    }
}

/// One breach of the promise.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Serialize)]
pub struct Violation {
    /// Whom it concerns: order ids, SKUs, charges, `STREAM:sequence`; the most telling first.
    pub ids: Vec<String>,
    /// What is wrong, in words.
    pub message: String,
}

/// What one check found.
#[derive(Debug, Clone, Serialize)]
pub struct CheckResult {
    /// Which check.
    pub id: CheckId,
    /// What is promised.
    pub title: &'static str,
    /// How many things were looked at.
    pub examined: u64,
    /// What they are.
    pub unit: &'static str,
    /// Every breach.
    pub violations: Vec<Violation>,
    /// What could not be judged, and why.
    pub partial: Vec<String>,
    /// What looks like a breach, and why it is none.
    pub notes: Vec<String>,
}

/// An order for which something is still to happen.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct OpenOrder {
    /// Which.
    pub order_id: OrderId,
    /// How far it has come.
    pub status: Status,
    /// Time since it was accepted, in seconds.
    #[serde(serialize_with = "seconds", rename = "age_seconds")]
    pub age: Duration,
    /// What it waits for.
    pub waiting_on: Vec<&'static str>,
}

/// How far an order has come.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Status {
    /// The request is stored, nothing has followed yet.
    Accepted,
    /// It exists and waits for its stock.
    AwaitingStock,
    /// Its stock is set aside, it waits for its payment.
    AwaitingPayment,
    /// It is paid.
    Confirmed,
    /// It will not be delivered; no money is held.
    Cancelled,
    /// It will not be delivered; its money is on the way back.
    RefundPending,
    /// It will not be delivered; its money is back.
    Refunded,
}

impl Status {
    /// The spelling of the contract.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Accepted => "accepted",
            Self::AwaitingStock => "awaiting_stock",
            Self::AwaitingPayment => "awaiting_payment",
            Self::Confirmed => "confirmed",
            Self::Cancelled => "cancelled",
            Self::RefundPending => "refund_pending",
            Self::Refunded => "refunded",
        }
    }
}

/// The fleet's work in numbers.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize)]
pub struct Summary {
    /// Messages in the five streams.
    pub messages: u64,
    /// Orders that were accepted.
    pub orders: u64,
    /// Orders by how far they have come.
    pub by_status: BTreeMap<Status, u64>,
    /// Cancelled orders by reason.
    pub cancelled: BTreeMap<&'static str, u64>,
    /// Money taken according to the gateway, minor units by currency.
    pub captured: BTreeMap<String, i64>,
    /// Money given back according to the gateway, minor units by currency.
    pub refunded: BTreeMap<String, i64>,
    /// Customers told something.
    pub notifications: u64,
    /// Messages given up.
    pub dead_letters: u64,
    /// Those of them that operators have put back.
    pub redriven: u64,
    /// Those of them that operators have written off.
    pub discarded: u64,
}

/// The verdict.
#[derive(Debug, Clone, Serialize)]
pub struct Report {
    /// Nothing is under way any more.
    pub settled: bool,
    /// Every check, in order.
    pub checks: Vec<CheckResult>,
    /// The fleet's work in numbers.
    pub summary: Summary,
    /// Orders for which something is still to happen, oldest first.
    pub open_orders: Vec<OpenOrder>,
}

impl Report {
    /// Whether the promise holds as far as it could be judged.
    #[must_use]
    pub fn holds(&self) -> bool {
        self.checks.iter().all(|check| check.violations.is_empty())
    }

    /// The checks that found a breach.
    #[must_use]
    pub fn broken(&self) -> Vec<CheckId> {
        let broken = self.checks.iter().filter(|check| !check.violations.is_empty());
        broken.map(|check| check.id).collect()
    }

    /// Keeps only the violations that an earlier look found, too. A breach of the promise stays for ever,
    /// while what merely looked like one because the fleet moved during a look is gone in the next.
    pub(super) fn keep_what_was_there(&mut self, earlier: &Report) {
        for check in &mut self.checks {
            let before = earlier.checks.iter().find(|other| other.id == check.id);
            let before: BTreeSet<&Violation> =
                before.into_iter().flat_map(|other| &other.violations).collect();
            check.violations.retain(|violation| before.contains(violation));
        }
    }
}

/// What a check has found so far.
#[derive(Debug, Default)]
pub(super) struct Findings {
    examined: u64,
    violations: Vec<Violation>,
    partial: Vec<String>,
    notes: Vec<String>,
}

impl Findings {
    /// One more thing was looked at.
    pub(super) fn examined(&mut self, count: usize) {
        self.examined += count as u64;
    }

    /// The promise is broken.
    pub(super) fn broken(&mut self, ids: impl IntoIterator<Item = String>, message: impl Into<String>) {
        self.violations.push(Violation { ids: ids.into_iter().collect(), message: message.into() });
    }

    /// Something could not be judged.
    pub(super) fn partial(&mut self, why: impl Into<String>) {
        self.partial.push(why.into());
    }

    /// Something looks like a breach, and is none.
    pub(super) fn note(&mut self, why: impl Into<String>) {
        self.notes.push(why.into());
    }

    /// The result of check `id`, which looked at so many `unit`.
    pub(super) fn result(self, id: CheckId, unit: &'static str) -> CheckResult {
        let Self { examined, violations, partial, notes } = self;
        CheckResult { id, title: id.title(), examined, unit, violations, partial, notes }
    }
}

fn seconds<S: serde::Serializer>(duration: &Duration, serializer: S) -> Result<S::Ok, S::Error> {
    serializer.serialize_f64((duration.as_secs_f64() * 1_000.0).round() / 1_000.0)
}
