//! The card gateway: a ledger, and everything that can go wrong on the way to it and back.
//!
//! What has been sent to it happens there whether or not its sender lives, listens or remembers.

use std::{
    sync::{Arc, Mutex, MutexGuard, PoisonError},
    time::Duration,
};

use gateway_sim::{DeclineCode, Entry, Operation};
use tokio::sync::oneshot;
use tokio_util::task::TaskTracker;

use crate::{
    chance::{Chance, pass},
    trace::Trace,
};

/// What may go wrong; probabilities are from 0 to 1.
#[derive(Debug, Clone, Copy, Default, PartialEq)]
pub(crate) struct BankFaults {
    /// 500 before anything is done.
    pub(crate) error_before: f64,
    /// 500 although it is done.
    pub(crate) error_after: f64,
    /// The connection breaks before anything is done.
    pub(crate) reset_before: f64,
    /// It is done, and the connection breaks.
    pub(crate) reset_after: f64,
    /// It is done, and nothing is ever heard of it.
    pub(crate) hang: f64,
    /// It takes longer than anybody waits, and then it is done.
    pub(crate) slow: f64,
    /// Nothing works.
    pub(crate) outage: bool,
}

/// What a call comes to, as its sender hears it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Answer<T> {
    /// An answer.
    Said(T),
    /// Something else than an answer.
    Failed(&'static str),
    /// The connection broke.
    CutOff,
    /// The connection was refused.
    Refused,
}

/// The gateway.
pub(crate) struct Bank {
    pub(crate) tasks: TaskTracker,
    /// It takes no notice of idempotency keys.
    pub(crate) ignores_keys: bool,
    chance: Chance,
    trace: Arc<Trace>,
    book: Mutex<Book>,
}

#[derive(Default)]
struct Book {
    ledger: Vec<Entry>,
    faults: BankFaults,
    calls: u64,
}

/// A charge or refund as it is asked for.
#[derive(Debug, Clone)]
pub(crate) struct Draft {
    pub(crate) key: String,
    pub(crate) order: String,
    pub(crate) amount: i64,
    pub(crate) currency: String,
    pub(crate) operation: Operation,
}

impl Bank {
    pub(crate) fn new(chance: Chance, trace: Arc<Trace>, ignores_keys: bool) -> Arc<Self> {
        let (tasks, book) = (TaskTracker::new(), Mutex::default());
        Arc::new(Self { tasks, ignores_keys, chance, trace, book })
    }

    pub(crate) fn set_faults(&self, faults: BankFaults) {
        self.book().faults = faults;
    }

    pub(crate) fn is_down(&self) -> bool {
        self.book().faults.outage
    }

    pub(crate) fn ledger(&self) -> Vec<Entry> {
        self.book().ledger.clone()
    }

    /// How many calls have come.
    pub(crate) fn calls(&self) -> u64 {
        self.book().calls
    }

    /// The entries of an order.
    pub(crate) fn of_order(&self, order: &str) -> Vec<Entry> {
        self.book().ledger.iter().filter(|entry| entry.order_id == order).cloned().collect()
    }

    /// Sends a request; it goes its way from here on. `None` is told when nothing ever comes back.
    pub(crate) fn send<T: Send + 'static>(
        self: &Arc<Self>,
        work: impl FnOnce(&Self) -> T + Send + 'static,
    ) -> oneshot::Receiver<Answer<T>> {
        let (tell, told) = oneshot::channel();
        let bank = Arc::clone(self);
        self.tasks.spawn(async move {
            if let Some(answer) = bank.serve(work).await {
                // Whoever asked may be dead.
                let _gone = tell.send(answer);
            } else {
                std::future::pending::<()>().await;
                drop(tell);
            }
        });
        told
    }

    async fn serve<T>(&self, work: impl FnOnce(&Self) -> T) -> Option<Answer<T>> {
        pass(self.chance.millis(1..40)).await;
        let faults = {
            let mut book = self.book();
            book.calls += 1;
            book.faults
        };
        let hits = |rate: f64, what: &str| {
            let hit = self.chance.hits(rate);
            if hit {
                self.trace.sometimes(what);
            }
            hit
        };
        if faults.outage {
            self.trace.sometimes("the gateway is down");
            return Some(if self.chance.hits(0.5) { Answer::Refused } else { Answer::Failed("503") });
        }
        if hits(faults.error_before, "the gateway fails before it acts") {
            return Some(Answer::Failed("500"));
        }
        if hits(faults.reset_before, "the gateway is cut off before it acts") {
            return Some(Answer::CutOff);
        }
        if hits(faults.slow, "the gateway acts after nobody waits any more") {
            pass(self.chance.millis(10_500..14_000)).await;
        }
        let done = work(self);
        if hits(faults.hang, "the gateway acts and never answers") {
            return None;
        }
        pass(self.chance.millis(1..40)).await;
        if hits(faults.error_after, "the gateway fails after it has acted") {
            return Some(Answer::Failed("500"));
        }
        if hits(faults.reset_after, "the gateway is cut off after it has acted") {
            return Some(Answer::CutOff);
        }
        Some(Answer::Said(done))
    }

    /// Books it, or finds what its key did before.
    pub(crate) fn book_entry(&self, draft: Draft) -> Entry {
        let mut book = self.book();
        let known = book.ledger.iter().find(|entry| entry.idempotency_key == draft.key).cloned();
        if let Some(entry) = known.filter(|_| !self.ignores_keys) {
            self.trace.sometimes("the gateway knows the key");
            return entry;
        }
        let seq = book.ledger.len() as u64 + 1;
        let prefix = match draft.operation {
            Operation::Capture { .. } => "ch",
            Operation::Decline { .. } => "de",
            Operation::Refund { .. } => "re",
        };
        let entry = Entry {
            seq,
            time_ms: u64::try_from(self.trace.elapsed().as_millis()).unwrap_or(0),
            id: format!("{prefix}_{seq}"),
            idempotency_key: draft.key,
            order_id: draft.order,
            customer_id: None,
            amount: draft.amount,
            currency: draft.currency,
            operation: draft.operation,
        };
        book.ledger.push(entry.clone());
        self.trace.note("gateway", "books", seq, || format!("{} for {}", entry.id, entry.order_id));
        entry
    }

    /// What becomes of a card.
    pub(crate) fn operation(payment_method: &str) -> Operation {
        let payment_method = payment_method.to_owned();
        match payment_method.as_str() {
            "tok_charge_declined" => Operation::Decline { payment_method, code: DeclineCode::CardDeclined },
            _ => Operation::Capture { payment_method },
        }
    }

    fn book(&self) -> MutexGuard<'_, Book> {
        self.book.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// How long a caller waits for an answer.
pub(crate) const PATIENCE: Duration = Duration::from_secs(10);
