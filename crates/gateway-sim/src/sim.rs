//! The gateway itself: one ledger, one set of fault switches, one seed; cheap to clone.

use std::{
    path::PathBuf,
    sync::{
        Arc, Mutex, MutexGuard, PoisonError,
        atomic::{AtomicU64, Ordering},
    },
    time::{Duration, SystemTime},
};

use runtime::Clock;
use serde_json::{Map, Value};
use tokio::{task::JoinHandle, time::Instant};
use tokio_util::task::TaskTracker;

use crate::{
    dice::Dice,
    entry::{DeclineCode, Entry, Operation, Summary},
    error::ApiError,
    faults::{Fate, FaultError, Faults},
    ledger::{Booked, Draft, Ledger},
    ledger_file::{LedgerFile, OpenLedgerError},
    traffic::{Meter, Traffic},
    wire::{ChargeBody, RefundBody},
};

/// How a gateway is set up.
#[derive(Clone)]
pub struct Options {
    /// Decides every draw of chance.
    pub seed: u64,
    /// Where the ledger is kept across restarts; `None` keeps it in memory only.
    pub ledger: Option<PathBuf>,
    /// The fault switches at the start.
    pub faults: Faults,
    /// Dates the ledger's entries; nothing is decided by it.
    pub clock: Clock,
}

impl Options {
    /// Seed 0, ledger in memory, no faults.
    pub fn new(clock: Clock) -> Self {
        Self { seed: 0, ledger: None, faults: Faults::default(), clock }
    }

    /// As [`Options::new`], at a moment that stands still.
    pub fn for_tests() -> Self {
        const START: Duration = Duration::from_secs(1_700_000_000);
        Self::new(Clock::manual(SystemTime::UNIX_EPOCH + START).0)
    }
}

/// A card gateway. Clones share everything.
#[derive(Clone)]
pub struct GatewaySim {
    shared: Arc<Shared>,
}

struct Shared {
    ledger: Mutex<Ledger>,
    faults: Mutex<Faults>,
    dice: Dice,
    clock: Clock,
    requests: AtomicU64,
    replays: AtomicU64,
    meter: Mutex<Meter>,
    /// Work that goes on when its caller has gone.
    work: TaskTracker,
}

impl GatewaySim {
    /// Sets a gateway up, reading its ledger file if it has one.
    ///
    /// # Errors
    /// The ledger file cannot be read or is not a ledger.
    pub fn new(options: Options) -> Result<Self, OpenLedgerError> {
        let ledger = match &options.ledger {
            None => Ledger::default(),
            Some(path) => {
                let (file, entries) = LedgerFile::open(path)?;
                Ledger::restore(Some(file), entries)
            }
        };
        Ok(Self {
            shared: Arc::new(Shared {
                ledger: Mutex::new(ledger),
                faults: Mutex::new(options.faults),
                dice: Dice::new(options.seed),
                clock: options.clock,
                requests: AtomicU64::new(0),
                replays: AtomicU64::new(0),
                meter: Mutex::new(Meter::new(Instant::now())),
                work: TaskTracker::new(),
            }),
        })
    }

    /// The fault switches as they stand.
    pub fn faults(&self) -> Faults {
        *lock(&self.shared.faults)
    }

    /// Sets all fault switches; requests under way keep the fate they have.
    pub fn set_faults(&self, faults: Faults) {
        *lock(&self.shared.faults) = faults;
        lock(&self.shared.meter).begin();
    }

    /// Sets the named fault switches only, all of them or none.
    pub(crate) fn change_faults(&self, changes: &Map<String, Value>) -> Result<Faults, FaultError> {
        let mut faults = lock(&self.shared.faults);
        *faults = faults.patched(changes)?;
        lock(&self.shared.meter).begin();
        Ok(*faults)
    }

    /// Everything booked so far, in order.
    pub fn entries(&self) -> Vec<Arc<Entry>> {
        self.page(0, usize::MAX)
    }

    /// Charges of an order, captured or declined, and its refunds, oldest first.
    pub fn entries_of_order(&self, order_id: &str) -> Vec<Arc<Entry>> {
        self.ledger().of_order(order_id).cloned().collect()
    }

    /// Totals so far.
    pub fn summary(&self) -> Summary {
        Summary {
            requests: self.shared.requests.load(Ordering::Relaxed),
            replays: self.shared.replays.load(Ordering::Relaxed),
            ..self.ledger().totals().clone()
        }
    }

    /// What has reached `/v1`, and when.
    pub fn traffic(&self) -> Traffic {
        lock(&self.shared.meter).read(Instant::now())
    }

    pub(crate) fn entries_under_key(&self, key: &str) -> Vec<Arc<Entry>> {
        self.ledger().under_key(key).cloned().collect()
    }

    pub(crate) fn page(&self, cursor: u64, limit: usize) -> Vec<Arc<Entry>> {
        self.ledger().page(cursor, limit)
    }

    pub(crate) fn refunded(&self, charge: &Entry) -> i64 {
        self.ledger().refunded(charge)
    }

    /// Counts a request in and draws its delay and fate. It is under way until the guard is dropped.
    pub(crate) fn admit(&self, moves_money: bool) -> (Duration, Fate, UnderWay) {
        self.shared.requests.fetch_add(1, Ordering::Relaxed);
        lock(&self.shared.meter).enter(Instant::now(), moves_money);
        let faults = self.faults();
        let roll = || self.shared.dice.roll();
        let delay = faults.delay(if faults.latency_jitter_ms > 0 { roll() } else { 0.0 });
        (delay, faults.fate(roll), UnderWay(self.clone()))
    }

    /// Does work to its end, whether or not the caller stays to hear of it.
    pub(crate) fn carry_out<T: Send + 'static>(
        &self,
        work: impl Future<Output = T> + Send + 'static,
    ) -> JoinHandle<T> {
        self.shared.work.spawn(work)
    }

    /// Charges a card, or finds what the key did before.
    pub(crate) fn charge(&self, key: String, body: ChargeBody) -> Result<Booked, ApiError> {
        let order_id = body.checked_order_id()?;
        if body.payment_method == "tok_internal_error" {
            return Err(ApiError::internal());
        }
        let operation = self.outcome(&key, body.payment_method);
        self.book(Draft {
            id_tag: self.shared.dice.tag(&key),
            time_ms: self.shared.clock.unix_micros() / 1_000,
            idempotency_key: key,
            order_id,
            customer_id: body.metadata.customer_id,
            amount: body.amount,
            currency: body.currency,
            operation,
        })
    }

    /// Refunds part or all of a charge, or finds what the key did before.
    pub(crate) fn refund(&self, key: String, body: RefundBody) -> Result<Booked, ApiError> {
        body.check()?;
        let charge = Arc::clone(self.ledger().captured(&body.charge)?);
        body.check_against(&charge)?;
        self.book(Draft {
            id_tag: self.shared.dice.tag(&key),
            time_ms: self.shared.clock.unix_micros() / 1_000,
            idempotency_key: key,
            order_id: charge.order_id.clone(),
            customer_id: charge.customer_id.clone(),
            amount: body.amount,
            currency: charge.currency.clone(),
            operation: Operation::Refund { charge: body.charge },
        })
    }

    fn book(&self, draft: Draft) -> Result<Booked, ApiError> {
        let honour_keys = !self.faults().ignore_idempotency;
        let booked = self.ledger().book(draft, honour_keys)?;
        if booked.replayed {
            self.shared.replays.fetch_add(1, Ordering::Relaxed);
        }
        Ok(booked)
    }

    fn outcome(&self, key: &str, payment_method: String) -> Operation {
        let by_token = match payment_method.as_str() {
            "tok_charge_declined" => Some(DeclineCode::CardDeclined),
            "tok_insufficient_funds" => Some(DeclineCode::InsufficientFunds),
            "tok_expired_card" => Some(DeclineCode::ExpiredCard),
            _ => None,
        };
        let by_chance = || {
            let unlucky = self.shared.dice.roll_for(key) < self.faults().decline_rate;
            unlucky.then_some(DeclineCode::CardDeclined)
        };
        match by_token.or_else(by_chance) {
            Some(code) => Operation::Decline { payment_method, code },
            None => Operation::Capture { payment_method },
        }
    }

    /// The ledger. Its file is written while it is held: a short append to the page cache, which orders the file as
    /// the ledger is ordered.
    fn ledger(&self) -> MutexGuard<'_, Ledger> {
        lock(&self.shared.ledger)
    }
}

/// A request under way.
pub(crate) struct UnderWay(GatewaySim);

impl Drop for UnderWay {
    fn drop(&mut self) {
        lock(&self.0.shared.meter).leave();
    }
}

/// A panic elsewhere does not make the data worse: every change to it is made in one step.
fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}
