//! The simulated world: a broker, a gateway, disks that outlive processes, and the processes that live just now.

use std::{
    collections::BTreeMap,
    path::PathBuf,
    sync::{
        Arc, Mutex, MutexGuard, PoisonError,
        atomic::{AtomicU64, Ordering},
    },
    time::Duration,
};

use events::catalogue::{INVENTORY, ORDERS};
use messaging::{commit::GroupCommit, journal::Role as Leadership};
use testkit::simulated::{NetFaults, SimBroker};
use tokio::time::Instant;

use crate::{
    bank::Bank,
    body::Body,
    chance::Chance,
    plan::Plan,
    process::Process,
    role::{Role, Seat},
    sabotage::Guard,
    trace::Trace,
};

/// Everything there is.
pub(crate) struct World {
    pub(crate) broker: SimBroker,
    pub(crate) bank: Arc<Bank>,
    pub(crate) trace: Arc<Trace>,
    pub(crate) plan: Plan,
    pub(crate) chance: Chance,
    /// The guard that is switched off.
    pub(crate) off: Option<Guard>,
    pub(crate) calm: Calm,
    breaches: Mutex<Vec<String>>,
    disk: PathBuf,
    fleet: Mutex<Fleet>,
}

/// After this time nothing is left of a trouble that is over: stalled readers have begun anew.
const AFTERMATH: Duration = Duration::from_secs(5);

/// How much trouble there is: what is asked of the fleet within a time is asked of it undisturbed.
#[derive(Default)]
pub(crate) struct Calm {
    under_way: AtomicU64,
    begun: AtomicU64,
    last_over: Mutex<Option<Instant>>,
}

impl Calm {
    /// Trouble begins.
    pub(crate) fn disturb(&self) {
        self.under_way.fetch_add(1, Ordering::Relaxed);
        self.begun.fetch_add(1, Ordering::Relaxed);
    }

    /// That trouble is over.
    pub(crate) fn restore(&self) {
        self.under_way.fetch_sub(1, Ordering::Relaxed);
        *self.last_over.lock().unwrap_or_else(PoisonError::into_inner) = Some(Instant::now());
    }

    /// How much has begun so far, if no more than one is under way.
    pub(crate) fn mark(&self) -> Option<u64> {
        (self.under_way.load(Ordering::Relaxed) <= 1).then(|| self.begun.load(Ordering::Relaxed))
    }

    /// Whether the last trouble that is over has been for long.
    pub(crate) fn is_settled(&self) -> bool {
        let last_over = *self.last_over.lock().unwrap_or_else(PoisonError::into_inner);
        last_over.is_none_or(|over| over.elapsed() > AFTERMATH)
    }
}

#[derive(Default)]
struct Fleet {
    living: BTreeMap<Seat, Process>,
    lives: u64,
}

/// What a caller needs of a process: a way to store a request through it.
pub(crate) struct Door {
    pub(crate) body: Arc<Body>,
    pub(crate) requests: GroupCommit,
    pub(crate) now: events::Timestamp,
}

impl World {
    /// A world that follows from the seed; its databases are in the directory.
    pub(crate) fn new(seed: u64, off: Option<Guard>, disk: PathBuf, verbose: bool) -> Arc<Self> {
        let chance = Chance::new(seed);
        let trace = Arc::new(Trace::new(verbose));
        let plan = Plan::draw(&chance.fork());
        let bank = Bank::new(chance.fork(), Arc::clone(&trace), plan.ignores_keys);
        let broker = SimBroker::new(chance.any(), NetFaults { latency_ms: (0, 3), ..NetFaults::none() });
        Arc::new(Self {
            broker,
            bank,
            trace,
            plan,
            chance,
            off,
            disk,
            fleet: Mutex::default(),
            calm: Calm::default(),
            breaches: Mutex::default(),
        })
    }

    /// Notes a breach of the promise that nobody could see in the end.
    pub(crate) fn breach(&self, what: String) {
        self.trace.note("verdict", "breach", 0, || what.clone());
        self.breaches.lock().unwrap_or_else(PoisonError::into_inner).push(what);
    }

    /// The breaches that were noted.
    pub(crate) fn breaches(&self) -> Vec<String> {
        self.breaches.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }

    /// Where a process keeps its database.
    pub(crate) fn database(&self, seat: Seat) -> String {
        format!("sqlite://{}", self.disk.join(seat.name()).with_extension("db").display())
    }

    /// Starts the process of a seat, unless it lives.
    pub(crate) async fn start(self: &Arc<Self>, seat: Seat) -> anyhow::Result<()> {
        if self.body(seat).is_some_and(|body| !body.is_dead()) {
            return Ok(());
        }
        let life = {
            let mut fleet = self.fleet();
            fleet.lives += 1;
            fleet.lives
        };
        let skew = match self.plan.skew {
            0 => 0,
            most => i64::try_from(self.chance.number(0..2 * most.unsigned_abs())).unwrap_or(0) - most,
        };
        let process = Process::start(self, seat, life, skew).await?;
        self.fleet().living.insert(seat, process);
        Ok(())
    }

    /// The body of the process in a seat, dead or alive.
    pub(crate) fn body(&self, seat: Seat) -> Option<Arc<Body>> {
        self.fleet().living.get(&seat).map(|process| Arc::clone(&process.body))
    }

    /// Tells a process to stop, and waits until it has.
    pub(crate) async fn stop(&self, seat: Seat) {
        let process = self.fleet().living.remove(&seat);
        if let Some(process) = process.filter(|process| !process.body.is_dead()) {
            process.stop().await;
        }
    }

    /// The seat of the journal's leader, as far as one knows that it is.
    pub(crate) fn leader(&self, role: Role) -> Option<Seat> {
        let fleet = self.fleet();
        let leads = |process: &&Process| {
            let leading = process.orders.as_ref().map(|handle| handle.status().borrow().role);
            let leading = leading.or(process.stock.as_ref().map(|handle| handle.status().borrow().role));
            leading == Some(Leadership::Leading) && !process.body.is_dead()
        };
        let mut candidates = fleet.living.values().filter(|process| process.seat.role == role);
        candidates.find(leads).map(|process| process.seat)
    }

    /// Whether another replica of the seat's journal has folded everything and could lead at once.
    pub(crate) fn has_standby(&self, seat: Seat) -> bool {
        let stream = if seat.role == Role::Order { ORDERS.name } else { INVENTORY.name };
        let last = self.last(stream);
        let stands_by = |process: &Process| {
            let status = process.orders.as_ref().map(|handle| handle.status().borrow().clone());
            let status = status.or(process.stock.as_ref().map(|handle| handle.status().borrow().clone()))?;
            let ready = status.caught_up && status.sequence == last && !process.body.is_frozen();
            (ready && process.seat.role == seat.role && process.seat != seat).then_some(())
        };
        !self.look(stands_by).is_empty()
    }

    /// A living process of the service that takes requests.
    pub(crate) fn door(&self, role: Role) -> Option<Door> {
        let fleet = self.fleet();
        let open: Vec<&Process> = fleet
            .living
            .values()
            .filter(|process| process.seat.role == role && !process.body.is_dead())
            .filter(|process| process.requests.is_some())
            .collect();
        if open.is_empty() {
            return None;
        }
        let process = self.chance.pick(&open);
        let requests = process.requests.clone()?;
        Some(Door { body: Arc::clone(&process.body), requests, now: (process.clock)() })
    }

    /// The last sequence of a stream.
    pub(crate) fn last(&self, stream: &str) -> u64 {
        self.broker.messages(stream).last().map_or(0, |message| message.sequence)
    }

    /// Looks at every living process.
    pub(crate) fn look<T>(&self, look: impl FnMut(&Process) -> Option<T>) -> Vec<T> {
        self.fleet().living.values().filter(|process| !process.body.is_dead()).filter_map(look).collect()
    }

    fn fleet(&self) -> MutexGuard<'_, Fleet> {
        self.fleet.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
