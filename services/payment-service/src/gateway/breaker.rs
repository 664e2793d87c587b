//! The circuit breaker: `failsafe`'s state machine, wrapped so that it can be swapped, and held to what it lacks.
//!
//! What is added to it: half-open admits exactly one call (failsafe admits all), the results of calls that began
//! before the breaker opened do not count afterwards, a dropped call gives its place back, and the state, its changes
//! and the time left are visible.

use std::{
    sync::{
        Arc, Mutex, MutexGuard, PoisonError,
        atomic::{AtomicU64, Ordering},
    },
    time::Duration,
};

use backoff::{ExponentialBackoff, ExponentialBackoffBuilder, backoff::Backoff};
use failsafe::{
    Instrument, StateMachine,
    failure_policy::{ConsecutiveFailures, consecutive_failures},
};
use tokio::{sync::watch, time::Instant};

/// How long a caller is asked to wait while another one's probe is under way and its end is not known.
const PROBE_WAIT: Duration = Duration::from_secs(1);

/// When the breaker opens, and for how long.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct BreakerSettings {
    /// Failures in a row that open it.
    pub failures: u32,
    /// The first opening lasts up to this long, each further one up to twice the one before. The time is drawn
    /// evenly from zero (full jitter), so that replicas do not probe in step, but not below a tenth of this.
    pub open_for: Duration,
    /// No opening lasts longer than this.
    pub open_max: Duration,
}

impl Default for BreakerSettings {
    fn default() -> Self {
        Self { failures: 5, open_for: Duration::from_secs(30), open_max: Duration::from_secs(300) }
    }
}

/// Whether calls go through.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum BreakerState {
    /// All of them.
    Closed,
    /// One, to find out.
    HalfOpen,
    /// None.
    Open,
}

/// Decides which calls go through, from how earlier ones ended.
pub(super) struct Breaker {
    machine: StateMachine<ConsecutiveFailures<OpenTimes>, Signal>,
    state: Arc<watch::Sender<BreakerState>>,
    last_open_time: Arc<AtomicU64>,
    book: Mutex<Book>,
}

/// What failsafe does not keep.
struct Book {
    /// Counts openings; a permit of an earlier one has nothing to say any more.
    generation: u64,
    probing: bool,
    open_until: Instant,
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
        let last_open_time = Arc::clone(&open_times.last_drawn);
        let machine = failsafe::Config::new()
            .failure_policy(consecutive_failures(settings.failures, open_times))
            .instrument(Signal { state: Arc::clone(&state) })
            .build();
        let book = Mutex::new(Book { generation: 0, probing: false, open_until: Instant::now() });
        Self { machine, state, last_open_time, book }
    }

    /// The state, and its changes.
    pub(super) fn watch(&self) -> watch::Receiver<BreakerState> {
        self.state.subscribe()
    }

    /// Lets one call through, or says how long to wait.
    pub(super) fn permit(&self) -> Result<Permit<'_>, Duration> {
        let mut book = self.book();
        if let Some(wait) = self.wait(&book) {
            return Err(wait);
        }
        // Asking is what moves failsafe from open to half-open.
        if !self.machine.is_call_permitted() {
            return Err(PROBE_WAIT);
        }
        book.probing = *self.state.borrow() == BreakerState::HalfOpen;
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
        match *self.state.borrow() {
            BreakerState::Closed => None,
            BreakerState::HalfOpen => book.probing.then_some(PROBE_WAIT),
            BreakerState::Open => {
                Some(book.open_until.saturating_duration_since(Instant::now())).filter(|left| !left.is_zero())
            }
        }
    }

    fn settle(
        &self,
        permit: &Permit<'_>,
        report: impl FnOnce(&StateMachine<ConsecutiveFailures<OpenTimes>, Signal>),
    ) {
        let mut book = self.book();
        if permit.generation != book.generation {
            return;
        }
        report(&self.machine);
        if *self.state.borrow() == BreakerState::Open {
            let open_time = Duration::from_nanos(self.last_open_time.load(Ordering::Relaxed));
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

impl Permit<'_> {
    /// The call shows a gateway that works.
    pub(super) fn succeeded(self) {
        self.breaker.settle(&self, StateMachine::on_success);
    }

    /// The call shows a gateway that does not work.
    pub(super) fn failed(self) {
        self.breaker.settle(&self, StateMachine::on_error);
    }
}

impl Drop for Permit<'_> {
    fn drop(&mut self) {
        let mut book = self.breaker.book();
        if self.probe && self.generation == book.generation {
            book.probing = false;
            // Wakes those who wait for the place, also when the state stays half-open.
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

/// The time of each opening in turn; starts over when the breaker has closed.
#[derive(Clone)]
struct OpenTimes {
    steps: ExponentialBackoff,
    shortest: Duration,
    longest: Duration,
    last_drawn: Arc<AtomicU64>,
}

impl OpenTimes {
    fn new(settings: BreakerSettings) -> Self {
        // The whole interval is random around its middle: evenly from zero to twice the middle.
        let steps = ExponentialBackoffBuilder::new()
            .with_initial_interval(settings.open_for / 2)
            .with_max_interval(settings.open_max / 2)
            .with_multiplier(2.0)
            .with_randomization_factor(1.0)
            .with_max_elapsed_time(None)
            .build();
        let shortest = settings.open_for / 10;
        Self { steps, shortest, longest: settings.open_max, last_drawn: Arc::default() }
    }
}

impl Iterator for OpenTimes {
    type Item = Duration;

    fn next(&mut self) -> Option<Duration> {
        let drawn = self.steps.next_backoff()?.max(self.shortest).min(self.longest);
        self.last_drawn.store(u64::try_from(drawn.as_nanos()).unwrap_or(u64::MAX), Ordering::Relaxed);
        Some(drawn)
    }
}

#[cfg(test)]
mod tests;
