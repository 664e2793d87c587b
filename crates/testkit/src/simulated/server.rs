//! The whole state of the simulated server, and what happens in it at which time.

use std::{
    collections::{BTreeMap, VecDeque},
    sync::{Arc, Mutex, MutexGuard, PoisonError},
    time::Duration,
};

use events::Timestamp;
use messaging::log::{Attempts, Beat};
use tokio::{sync::Notify, time::Instant};

use super::{
    connection::{ClientId, Connection},
    dice::Dice,
    durable::Durable,
    faults::NetFaults,
    stream::Stream,
    trace::Trace,
};

/// Something that happens at a certain time.
pub(super) type Job = Box<dyn FnOnce(&mut Server) + Send>;

/// When the simulated broker's time begins.
const EPOCH: Timestamp = Timestamp(1_800_000_000_000_000);

/// The server.
pub(super) struct Server {
    pub(super) started: Instant,
    pub(super) dice: Dice,
    pub(super) faults: NetFaults,
    /// Between a kill and the next start.
    pub(super) killed: bool,
    pub(super) streams: BTreeMap<String, Stream>,
    pub(super) durables: BTreeMap<String, Durable>,
    pub(super) snapshots: BTreeMap<(String, u64), Snapshot>,
    pub(super) attempts: BTreeMap<(String, u64), Attempts>,
    pub(super) listeners: BTreeMap<u64, Listener>,
    pub(super) connections: Vec<Connection>,
    pub(super) trace: Trace,
    jobs: BTreeMap<(Instant, u64), Job>,
    /// Rung when something is to happen earlier than anything before.
    alarm: Arc<Notify>,
    ids: u64,
}

/// A snapshot in the bucket.
pub(super) struct Snapshot {
    pub(super) body: Vec<u8>,
    pub(super) damaged: bool,
}

/// Somebody who listens for the beats of a journal's leader.
pub(super) struct Listener {
    pub(super) client: ClientId,
    pub(super) journal: String,
    pub(super) heard: VecDeque<(Instant, Beat)>,
    pub(super) wake: Arc<Notify>,
}

/// The server, shared by everybody who talks to it. Never locked over an await.
pub(super) struct Shared(Mutex<Server>);

impl Shared {
    pub(super) fn new(server: Server) -> Self {
        Self(Mutex::new(server))
    }

    pub(super) fn lock(&self) -> MutexGuard<'_, Server> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Lets happen what is due, for ever.
    pub(super) async fn run(self: Arc<Self>) {
        let alarm = Arc::clone(&self.lock().alarm);
        loop {
            let next = self.lock().run_due();
            match next {
                // Both outcomes mean the same: look again.
                Some(at) => drop(tokio::time::timeout_at(at, alarm.notified()).await),
                None => alarm.notified().await,
            }
        }
    }
}

impl Server {
    pub(super) fn new(seed: u64, faults: NetFaults) -> Self {
        Self {
            started: Instant::now(),
            dice: Dice::new(seed),
            faults,
            killed: false,
            streams: BTreeMap::new(),
            durables: BTreeMap::new(),
            snapshots: BTreeMap::new(),
            attempts: BTreeMap::new(),
            listeners: BTreeMap::new(),
            connections: Vec::new(),
            trace: Trace::default(),
            jobs: BTreeMap::new(),
            alarm: Arc::default(),
            ids: 0,
        }
    }

    /// A number never given before.
    pub(super) fn fresh_id(&mut self) -> u64 {
        self.ids += 1;
        self.ids
    }

    /// The server's time of day.
    pub(super) fn now(&self) -> (Instant, Timestamp) {
        let now = Instant::now();
        (now, EPOCH.after(now.saturating_duration_since(self.started)))
    }

    /// Adds a line to the trace.
    pub(super) fn note(&mut self, who: &str, what: impl FnOnce() -> String) {
        self.trace.note(self.started.elapsed(), who, what);
    }

    /// Lets something happen at a time.
    pub(super) fn at(&mut self, time: Instant, job: Job) {
        let earliest = self.jobs.first_key_value().is_none_or(|((first, _), _)| time < *first);
        let id = self.fresh_id();
        self.jobs.insert((time, id), job);
        if earliest {
            self.alarm.notify_one();
        }
    }

    /// Lets something happen after a while; at once if there is nothing to wait for.
    pub(super) fn after(&mut self, delay: Duration, job: Job) {
        if delay.is_zero() { job(self) } else { self.at(Instant::now() + delay, job) }
    }

    /// Whether nothing is to happen before or at this time any more.
    pub(super) fn is_idle_until(&self, time: Instant) -> bool {
        self.jobs.first_key_value().is_none_or(|((first, _), _)| time < *first)
    }

    fn run_due(&mut self) -> Option<Instant> {
        loop {
            let ((time, _), _) = self.jobs.first_key_value()?;
            if *time > Instant::now() {
                return Some(*time);
            }
            if let Some((_, job)) = self.jobs.pop_first() {
                job(self);
            }
        }
    }
}
