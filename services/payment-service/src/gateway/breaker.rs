//! The circuit breaker: `failsafe`'s state machine, wrapped so that it can be swapped, and held to what it lacks.
//!
//! What is added to it: half-open admits exactly one call (failsafe admits all), the calls admitted after an outage
//! grow one by one with each success, the results of calls that began before the breaker opened do not count
//! afterwards, a dropped call gives its place back, time is tokio's, and the state, its changes and the time left are
//! visible.

use std::{
    sync::{Arc, Mutex, MutexGuard, PoisonError},
    time::Duration,
};

use failsafe::{
    Instrument, StateMachine,
    failure_policy::{ConsecutiveFailures, consecutive_failures},
};
use tokio::{sync::watch, time::Instant};

mod open_times;

use open_times::{LastDrawn, OpenTimes};

/// How long a caller is asked to wait while others are under way and their end is not known.
const OTHERS_FIRST: Duration = Duration::from_secs(1);

/// When the breaker opens, for how long, and how calls come back afterwards.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct BreakerSettings {
    /// Failures in a row that open it.
    pub failures: u32,
    /// The first opening lasts up to this long, each further one up to twice the one before.
    pub open_for: Duration,
    /// No opening lasts longer than this.
    pub open_max: Duration,
    /// The share of each opening's time that is drawn at random, 0 to 1, so that replicas do not probe in step.
    pub jitter: f64,
    /// The most calls made at once: where the ramp-up after an outage ends.
    pub calls: usize,
}

impl Default for BreakerSettings {
    fn default() -> Self {
        let (open_for, open_max) = (Duration::from_secs(2), Duration::from_secs(10));
        Self { failures: 5, open_for, open_max, jitter: 0.5, calls: 288 }
    }
}

/// Whether calls go through.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum BreakerState {
    /// All of them; after an outage, as many as there were successes since.
    Closed,
    /// One, to find out.
    HalfOpen,
    /// None.
    Open,
}

type Machine = StateMachine<ConsecutiveFailures<OpenTimes>, Signal>;

/// Decides which calls go through, from how earlier ones ended.
pub(super) struct Breaker {
    machine: Machine,
    state: Arc<watch::Sender<BreakerState>>,
    open_time: LastDrawn,
    calls: usize,
    book: Mutex<Book>,
}

/// What failsafe does not keep.
struct Book {
    /// Counts openings; a permit of an earlier one has nothing to say any more.
    generation: u64,
    probing: bool,
    open_until: Instant,
    /// Calls that may be under way at once while closed.
    admitted: usize,
    under_way: usize,
}

/// The right to make one call; says how it ended. Dropping it without saying so leaves no trace.
pub(super) struct Permit<'a> {
    breaker: &'a Breaker,
    generation: u64,
    probe: bool,
}

impl Breaker {
    pub(super) fn new(settings: BreakerSettings) -> Self {
        let state = Arc::new(watch::Sender::new(BreakerState::Closed));
        let open_times = OpenTimes::new(settings);
        let open_time = open_times.last_drawn();
        let machine = failsafe::Config::new()
            .failure_policy(consecutive_failures(settings.failures, open_times))
            .instrument(Signal { state: Arc::clone(&state) })
            .build();
        let (calls, open_until) = (settings.calls, Instant::now());
        let book = Book { generation: 0, probing: false, open_until, admitted: calls, under_way: 0 };
        Self { machine, state, open_time, calls, book: Mutex::new(book) }
    }

    /// The state, and its changes.
    pub(super) fn watch(&self) -> watch::Receiver<BreakerState> {
        self.state.subscribe()
    }

    /// The state.
    pub(super) fn state(&self) -> BreakerState {
        *self.state.borrow()
    }

    /// Lets one call through, or says how long to wait.
    pub(super) fn permit(&self) -> Result<Permit<'_>, Duration> {
        let mut book = self.book();
        if let Some(wait) = self.wait(&book) {
            return Err(wait);
        }
        // Asking is what moves failsafe from open to half-open.
        if !self.machine.is_call_permitted() {
            return Err(OTHERS_FIRST);
        }
        book.probing = self.state() == BreakerState::HalfOpen;
        book.under_way += 1;
        Ok(Permit { breaker: self, generation: book.generation, probe: book.probing })
    }

    /// Returns as soon as a permit is likely to be granted: closed, or time for a probe that nobody is making.
    pub(super) async fn available(&self) {
        // Subscribed before looking, so that no change falls in between.
        let mut changes = self.state.subscribe();
        loop {
            let Some(wait) = self.wait(&self.book()) else { return };
            // Either way it is time to look again; the sender lives as long as `self`.
            let _ = tokio::time::timeout(wait, changes.changed()).await;
        }
    }

    fn wait(&self, book: &Book) -> Option<Duration> {
        match self.state() {
            BreakerState::Closed => (book.under_way >= book.admitted).then_some(OTHERS_FIRST),
            BreakerState::HalfOpen => book.probing.then_some(OTHERS_FIRST),
            BreakerState::Open => {
                Some(book.open_until.saturating_duration_since(Instant::now())).filter(|left| !left.is_zero())
            }
        }
    }

    fn success(&self, permit: &Permit<'_>) {
        let mut book = self.book();
        if permit.generation != book.generation {
            return;
        }
        if permit.probe {
            book.admitted = 1;
        }
        book.admitted = book.calls_after_success(self.calls);
        self.machine.on_success();
    }

    fn failure(&self, permit: &Permit<'_>, not_before: Duration) {
        let mut book = self.book();
        if permit.generation != book.generation {
            return;
        }
        book.admitted = book.calls_after_failure();
        self.machine.on_error();
        if self.state() == BreakerState::Open {
            let open_time = self.open_time.get().max(not_before);
            book.generation += 1;
            book.probing = false;
            book.open_until = Instant::now() + open_time;
            tracing::warn!(open_ms = open_time.as_millis(), "the gateway's breaker is open");
        }
    }

    fn book(&self) -> MutexGuard<'_, Book> {
        self.book.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Book {
    /// One more with each success: 1, 2, 4 and so on from round to round, until nobody waits.
    fn calls_after_success(&self, all: usize) -> usize {
        self.admitted.saturating_add(1).min(all)
    }

    /// One less with each failure, so that a gateway that fails every other call is not given more and more.
    fn calls_after_failure(&self) -> usize {
        self.admitted.saturating_sub(1).max(1)
    }
}

impl Permit<'_> {
    /// The call shows a gateway that works.
    pub(super) fn succeeded(self) {
        self.breaker.success(&self);
    }

    /// The call shows a gateway that does not work; if that opens the breaker, then at least for `not_before`.
    pub(super) fn failed(self, not_before: Duration) {
        self.breaker.failure(&self, not_before);
    }
}

impl Drop for Permit<'_> {
    fn drop(&mut self) {
        let mut book = self.breaker.book();
        book.under_way -= 1;
        let waited_for = self.probe || book.admitted < self.breaker.calls;
        if self.probe && self.generation == book.generation {
            book.probing = false;
        }
        drop(book);
        if waited_for {
            // Wakes those who wait for the place, also when the state stays as it is.
            self.breaker.state.send_modify(|_| {});
        }
    }
}

/// Passes failsafe's transitions on to whoever watches.
struct Signal {
    state: Arc<watch::Sender<BreakerState>>,
}

impl Instrument for Signal {
    fn on_call_rejected(&self) {}

    fn on_open(&self) {
        self.state.send_replace(BreakerState::Open);
    }

    fn on_half_open(&self) {
        self.state.send_replace(BreakerState::HalfOpen);
        tracing::info!("the gateway's breaker is half-open");
    }

    fn on_closed(&self) {
        self.state.send_replace(BreakerState::Closed);
        tracing::info!("the gateway's breaker is closed");
    }
}

#[cfg(test)]
mod tests;
