//! One life of one process: the parts of the real service, wired as its `lib.rs` wires them, over the simulated world.

use std::{sync::Arc, time::Duration};

use events::{Timestamp, catalogue::ConsumerDef};
use inventory_service::domain::Stock;
use messaging::{
    clock::Clock,
    commit::{CommitConfig, GroupCommit},
    dead_letter::{DeadLetters, Sweeper},
    journal::{Decider, Journal, JournalConfig, JournalHandle},
    metrics::Metrics,
    worker::{Handler, Isolation, Worker, WorkerConfig},
};
use order_service::domain::Orders;
use projection::{Projection, Projector, ProjectorConfig, Store};
use prometheus::Registry;
use sqlx::{AnyConnection, Connection};
use tokio::time::timeout;
use tokio_util::{sync::CancellationToken, task::TaskTracker};

use crate::{
    body::Body,
    chance::Chance,
    database::{ask, undivided},
    handler::{Interrupted, Pausing, Watched},
    role::{Role, Seat},
    sabotage::Guard,
    services,
    tap::Tap,
    world::World,
};

/// How long a process that was told to stop may take to finish what is in hand.
const GRACE: Duration = Duration::from_secs(8);
/// How long it may take after that, until it is killed.
const HARD_LIMIT: Duration = Duration::from_secs(12);

/// A process.
pub(crate) struct Process {
    pub(crate) seat: Seat,
    pub(crate) body: Arc<Body>,
    pub(crate) clock: Clock,
    pub(crate) log: Tap,
    pub(crate) metrics: Metrics,
    pub(crate) registry: Registry,
    pub(crate) chance: Arc<Chance>,
    pub(crate) tasks: TaskTracker,
    pub(crate) stop: CancellationToken,
    pub(crate) abandon: CancellationToken,
    /// Publishes what callers ask for; of services that are called.
    pub(crate) requests: Option<GroupCommit>,
    pub(crate) orders: Option<JournalHandle<Orders>>,
    pub(crate) stock: Option<JournalHandle<Stock>>,
    pub(crate) projector: Option<projection::Handle>,
    /// The main loops, each until it ends.
    loops: TaskTracker,
    dead_letters: DeadLetters,
    isolation: Isolation,
    pub(crate) max_attempts: u64,
    /// Its messages are given up: what fails is their fault.
    blames: bool,
}

impl Process {
    /// Starts a process in its seat; its clock goes wrong by so many microseconds.
    pub(crate) async fn start(world: &Arc<World>, seat: Seat, life: u64, skew: i64) -> anyhow::Result<Self> {
        let name = format!("{}.{life}", seat.name());
        let sim_log = world.broker.client(&name);
        let body = Body::new(name, sim_log.clone(), Arc::clone(&world.trace));
        let chance = Arc::new(world.chance.fork());
        let log = Tap { log: sim_log, body: Arc::clone(&body), chance: Arc::clone(&chance), off: world.off };
        let registry = Registry::new();
        let metrics = Metrics::register(&registry)?;
        let tasks = TaskTracker::new();
        let dead_letters = DeadLetters::new(log.clone(), seat.role.service(), &metrics, &tasks);
        let broker = world.broker.clone();
        let mut process = Self {
            seat,
            clock: Arc::new(move || Timestamp(broker.now().0.saturating_add(skew))),
            log,
            metrics,
            registry,
            chance,
            tasks,
            stop: CancellationToken::new(),
            abandon: CancellationToken::new(),
            requests: None,
            orders: None,
            stock: None,
            projector: None,
            loops: TaskTracker::new(),
            dead_letters,
            isolation: Isolation::default(),
            max_attempts: world.plan.max_attempts,
            blames: world.plan.gives_up && seat.role == Role::Notification,
            body,
        };
        process.body.note("starts", String::new);
        services::wire(&mut process, world).await?;
        process.loops.close();
        Ok(process)
    }

    /// Publishes to a stream by group commit.
    pub(crate) fn commit(&self, stream: &'static str) -> GroupCommit {
        GroupCommit::spawn(self.log.clone(), CommitConfig::for_stream(stream), &self.metrics, &self.tasks)
    }

    /// Keeps a journal.
    pub(crate) fn journal<D: Decider>(
        &self,
        stream: &'static str,
        control: &'static str,
        decider: D,
    ) -> JournalHandle<D::State> {
        let mut config = JournalConfig::new(stream, control, self.seat.name(), Arc::clone(&self.clock));
        // Short, so that journals are also begun from snapshots.
        config.snapshot_messages = 40;
        config.snapshot_interval = Duration::from_secs(5);
        let (journal, handle) =
            Journal::new(self.log.clone(), decider, config, self.dead_letters.clone(), self.metrics.clone());
        let (stop, body) = (self.stop.clone(), Arc::clone(&self.body));
        self.main_loop(async move {
            if let Err(error) = journal.run(stop).await {
                body.note("journal ended", || error.to_string());
                body.kill("its journal cannot be kept");
            }
        });
        handle
    }

    /// Works on a durable consumer, and on what operators put back for it.
    pub(crate) fn worker<H: Handler>(&self, config: WorkerConfig, handler: H, commit: GroupCommit) {
        let handler =
            Watched { handler, body: Arc::clone(&self.body), off: self.log.off, blames: self.blames };
        let (handler, config) =
            (Arc::new(handler), WorkerConfig { isolation: self.isolation.clone(), ..config });
        for config in [config.redriving(), Some(config)].into_iter().flatten() {
            let (log, letters, metrics) = (self.log.clone(), self.dead_letters.clone(), self.metrics.clone());
            let worker = Worker::new(log, config, Arc::clone(&handler), commit.clone(), letters, metrics);
            self.main_loop(worker.run(self.stop.clone(), self.abandon.clone()));
        }
    }

    /// Parks what the broker gave up by itself.
    pub(crate) fn sweep(&self, reports: ConsumerDef) {
        let sweeper = Sweeper::new(self.log.clone(), reports, self.dead_letters.clone());
        self.main_loop(sweeper.run(self.stop.clone()));
    }

    /// Keeps a read model in a file that outlives the process.
    pub(crate) async fn project<P: Projection + Sync>(
        &mut self,
        world: &World,
        projection: P,
    ) -> anyhow::Result<()> {
        let store = ask(Store::open(&world.database(self.seat))).await?;
        if self.log.off == Some(Guard::Offsets) {
            ask(turn_back(&world.database(self.seat))).await;
        }
        let pausing = Pausing::default();
        let interrupted = Interrupted {
            projection,
            body: Arc::clone(&self.body),
            chance: Arc::clone(&self.chance),
            pausing: Arc::clone(&pausing),
            off: self.log.off,
        };
        let metrics = projection::Metrics::register(&self.registry)?;
        let config = ProjectorConfig::PROMPT;
        let (projector, handle) = Projector::new(store, self.log.clone(), interrupted, config, &metrics);
        self.projector = Some(handle);
        let running = projector.run(self.stop.clone());
        let at_database =
            move || metrics.is_at_database(P::NAME) && !pausing.load(std::sync::atomic::Ordering::Relaxed);
        self.main_loop(async move {
            // It ends for a later release's tables alone.
            let _never = undivided(at_database, running).await;
        });
        Ok(())
    }

    /// `SIGTERM`, and `SIGKILL` if that takes too long.
    pub(crate) async fn stop(mut self) {
        self.body.note("told to stop", String::new);
        self.requests = None;
        self.stop.cancel();
        if timeout(GRACE, self.loops.wait()).await.is_err() {
            self.body.trace.sometimes("a process that stops gives up what is in hand");
            self.abandon.cancel();
        }
        if timeout(HARD_LIMIT, self.loops.wait()).await.is_err() {
            self.body.trace.sometimes("a process that should stop is killed");
        } else {
            self.body.trace.sometimes("a process stops in good order");
        }
        self.body.kill("stopped");
    }

    fn main_loop(&self, work: impl Future<Output = ()> + Send + 'static) {
        self.loops.spawn(Arc::clone(&self.body).contain(work));
    }
}

/// The offsets as they may be after a crash if they were written apart from the rows.
async fn turn_back(database: &str) {
    let Ok(mut connection) = AnyConnection::connect(database).await else { return };
    // Not there before the first life.
    let earlier = "UPDATE projection_offsets SET sequence = MAX(sequence - 2, 0)";
    let _new = sqlx::query(earlier).execute(&mut connection).await;
}
