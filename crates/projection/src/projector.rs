//! The loop that feeds a projection: read, apply, commit with the offsets, again.

use std::time::Duration;

use sqlx::{AnyConnection, Connection};
use tokio::time::{Instant, sleep, sleep_until, timeout};
use tokio_util::sync::CancellationToken;
use tracing::{error, info, warn};

use crate::{
    lock::{Lock, try_lock},
    metrics::Metrics,
    offsets::{self, Offsets},
    progress::{Handle, Progress, Role},
    projection::{Batch, Entry, Projection},
    readers::{self, Readers},
    schema::SchemaError,
    session::{Ends, Later, SessionError, blame, connect, ends, pending_or},
    source::Source,
    store::Store,
};

/// The loop turns at least this often: it looks whether its session still stands, and shows life.
const TURN: Duration = Duration::from_secs(1);
/// How often a standby looks how far the other one is, and whether it is gone.
const STANDBY: Duration = Duration::from_millis(100);
/// A transaction that takes longer has lost its database. Connecting may take as long.
const TRANSACTION: Duration = Duration::from_secs(25);
/// How long an idle session may take to say that it still stands.
const PING: Duration = Duration::from_secs(5);
/// Pause after the first failure; doubled by each further one.
const PAUSE: Duration = Duration::from_millis(100);
/// The longest pause.
const LONGEST_PAUSE: Duration = Duration::from_secs(5);

/// How a projector gathers what it applies together.
///
/// A transaction costs about the same however few rows it has, so it pays to wait for more of them: for a multiple of
/// what the one before took, whereby a slow database or a high load makes for larger ones.
#[derive(Debug, Clone, Copy)]
pub struct ProjectorConfig {
    /// About how many messages one transaction takes.
    pub batch: usize,
    /// How many times as long as the transaction before took, to wait for more after a first message has arrived.
    pub linger: u32,
    /// The longest such wait.
    pub at_most: Duration,
}

impl ProjectorConfig {
    /// For what somebody waits to read: the database may be at work a third of the time for the sake of latency.
    pub const PROMPT: Self = Self { batch: 1_000, linger: 2, at_most: Duration::from_millis(25) };
    /// For what nobody waits for. Ids arrive in random order, so that each transaction writes much the same pages of an
    /// index however few rows it has.
    pub const THRIFTY: Self = Self { batch: 4_000, linger: 20, at_most: Duration::from_millis(250) };
}

/// Why a projector ended although nobody asked it to. Everything else it survives.
#[derive(Debug, thiserror::Error)]
pub enum ProjectorError {
    /// A later release has changed the tables.
    #[error(transparent)]
    Schema(SchemaError),
}

/// Feeds one projection.
///
/// Any number of processes may run the same projection on one database: one holds a lock and projects, the
/// others stand by, follow its progress and take over when it ends. On PostgreSQL the lock belongs to the
/// very session that writes, on SQLite to the process; and should two ever write at once, the offsets,
/// compared and set in each transaction, let only one of them commit.
pub struct Projector<P, S> {
    store: Store,
    source: S,
    projection: P,
    config: ProjectorConfig,
    metrics: Metrics,
    progress: Progress,
    /// Asks where the streams end, once, so that "caught up" has a meaning.
    targets: Option<Later<Ends>>,
    turned: Box<dyn Fn() + Send>,
    /// How many messages the next transaction takes: one after a failure, so that a message the database
    /// cannot take is named by the log, then more and more.
    limit: usize,
    /// How long the last transaction took.
    took: Duration,
    failures: u32,
}

impl<P: Projection, S: Source> Projector<P, S> {
    /// A projector and the handle that watches it.
    pub fn new(
        store: Store,
        source: S,
        projection: P,
        config: ProjectorConfig,
        metrics: &Metrics,
    ) -> (Self, Handle) {
        let (progress, handle) = Progress::new();
        let targets = Box::pin(ends(source.clone(), P::STREAMS));
        let projector = Self {
            store,
            targets: Some(targets),
            source,
            projection,
            config,
            metrics: metrics.clone(),
            progress,
            turned: Box::new(|| ()),
            limit: config.batch,
            took: Duration::ZERO,
            failures: 0,
        };
        (projector, handle)
    }

    /// Calls `turned` from every turn of the loop, at least every few seconds while it lives.
    #[must_use]
    pub fn on_turn(mut self, turned: impl Fn() + Send + 'static) -> Self {
        self.turned = Box::new(turned);
        self
    }

    /// Projects until `stop` is cancelled; a transaction under way is finished first. A database or
    /// broker that fails is tried again for ever.
    ///
    /// # Errors
    /// The tables belong to a later release.
    pub async fn run(mut self, stop: CancellationToken) -> Result<(), ProjectorError> {
        while !stop.is_cancelled() {
            let ended = self.session(&stop).await;
            self.metrics.projecting.with_label_values(&[P::NAME]).set(0);
            match ended {
                Ok(()) => break,
                Err(SessionError::Schema(error)) => return Err(ProjectorError::Schema(error)),
                Err(error) => self.recover(&error, &stop).await,
            }
        }
        Ok(())
    }

    async fn recover(&mut self, error: &SessionError, stop: &CancellationToken) {
        self.metrics.errors.with_label_values(&[P::NAME]).inc();
        warn!(projection = P::NAME, %error, failures = self.failures, "projecting anew from the stored offsets");
        self.progress.failed(error.to_string());
        self.limit = 1;
        let pause = PAUSE.saturating_mul(1 << self.failures.min(10)).min(LONGEST_PAUSE);
        self.failures += 1;
        (self.turned)();
        stop.run_until_cancelled(sleep(pause)).await;
    }

    /// One life of a connection. Whatever it knew of the offsets ends with it.
    async fn session(&mut self, stop: &CancellationToken) -> Result<(), SessionError> {
        (self.turned)();
        let connecting = timeout(TRANSACTION, connect::<P>(&self.store));
        let connecting = self.metrics.at_database(P::NAME, connecting);
        let Some(connected) = stop.run_until_cancelled(connecting).await else { return Ok(()) };
        let mut connection = connected??;
        let Some(_lock) = self.stand_by(&mut connection, stop).await? else { return Ok(()) };
        info!(projection = P::NAME, backend = %self.store.backend(), "projecting");
        self.metrics.projecting.with_label_values(&[P::NAME]).set(1);
        self.project(&mut connection, stop).await?;
        // Says goodbye, so that a successor gets the lock at once.
        self.metrics.at_database(P::NAME, timeout(TURN, connection.close())).await.ok();
        Ok(())
    }

    /// Waits until this is the one to project; `None` when told to stop before.
    async fn stand_by(
        &mut self,
        connection: &mut AnyConnection,
        stop: &CancellationToken,
    ) -> Result<Option<Lock>, SessionError> {
        while !stop.is_cancelled() {
            let locking = timeout(PING, try_lock(&self.store, connection, P::NAME));
            if let Some(lock) = self.metrics.at_database(P::NAME, locking).await?? {
                return Ok(Some(lock));
            }
            let loading = timeout(PING, offsets::load(connection, P::NAME, P::STREAMS));
            let offsets = self.metrics.at_database(P::NAME, loading).await??;
            self.report(Role::Standby, &offsets);
            self.failures = 0;
            (self.turned)();
            tokio::select! {
                () = stop.cancelled() => {}
                ends = pending_or(&mut self.targets) => self.found(&ends, &offsets),
                () = sleep(STANDBY) => {}
            }
        }
        Ok(None)
    }

    async fn project(
        &mut self,
        connection: &mut AnyConnection,
        stop: &CancellationToken,
    ) -> Result<(), SessionError> {
        let loading = offsets::load_or_create(connection, P::NAME, P::STREAMS);
        let mut offsets = self.metrics.at_database(P::NAME, loading).await?;
        let mut readers = Readers::open(&self.source, P::STREAMS, &offsets);
        self.report(Role::Projecting, &offsets);
        while !stop.is_cancelled() {
            (self.turned)();
            let Some(entries) = self.gather(&mut readers, &offsets, stop).await else {
                self.metrics.at_database(P::NAME, timeout(PING, connection.ping())).await??;
                continue;
            };
            let (batch, reached) = readers::inspect(entries, &offsets);
            if batch.entries.is_empty() {
                continue;
            }
            self.commit(connection, &batch, &offsets, &reached).await?;
            offsets = reached;
            self.report(Role::Projecting, &offsets);
            self.projection.committed();
            self.failures = 0;
            self.limit = self.limit.saturating_mul(2).min(self.config.batch);
        }
        Ok(())
    }

    /// What arrives within a turn; `None` when nothing does, or when it is time to stop.
    async fn gather(
        &mut self,
        readers: &mut Readers<S::Reader>,
        offsets: &Offsets,
        stop: &CancellationToken,
    ) -> Option<Vec<Entry>> {
        let turn = Instant::now() + TURN;
        let mut entries = loop {
            tokio::select! {
                biased;
                () = stop.cancelled() => return None,
                ends = pending_or(&mut self.targets) => self.found(&ends, offsets),
                entries = readers.first(self.limit) => break entries,
                () = sleep_until(turn) => return None,
            }
        };
        let linger = self.took.saturating_mul(self.config.linger).min(self.config.at_most);
        readers.more(&mut entries, self.limit, linger).await;
        Some(entries)
    }

    async fn commit(
        &mut self,
        connection: &mut AnyConnection,
        batch: &Batch,
        from: &Offsets,
        to: &Offsets,
    ) -> Result<(), SessionError> {
        let began = Instant::now();
        let metrics = self.metrics.clone();
        let applying = timeout(TRANSACTION, self.apply(connection, batch, from, to));
        let applied =
            metrics.at_database(P::NAME, applying).await.unwrap_or_else(|elapsed| Err(elapsed.into()));
        let outcome = match &applied {
            Ok(()) => "committed",
            Err(SessionError::Conflict(_)) => "conflict",
            Err(_) => "failed",
        };
        self.took = began.elapsed();
        let seconds = self.metrics.batch_seconds.with_label_values(&[P::NAME, outcome]);
        seconds.observe(self.took.as_secs_f64());
        let size = u32::try_from(batch.entries.len()).unwrap_or(u32::MAX);
        self.metrics.batch_size.with_label_values(&[P::NAME]).observe(f64::from(size));
        applied.map_err(|cause| blame(batch, cause))
    }

    /// Rows and offsets in one transaction. Rolled back by being dropped.
    async fn apply(
        &mut self,
        connection: &mut AnyConnection,
        batch: &Batch,
        from: &Offsets,
        to: &Offsets,
    ) -> Result<(), SessionError> {
        let mut tx = connection.begin_with(self.store.backend().begin()).await?;
        for (stream, sequence) in to {
            let before = from.get(stream).copied().unwrap_or(0);
            if *sequence != before {
                offsets::advance(&mut tx, P::NAME, stream, before, *sequence).await?;
            }
        }
        self.projection.apply(&mut tx, batch).await?;
        Ok(tx.commit().await?)
    }

    fn report(&self, role: Role, offsets: &Offsets) {
        for (stream, sequence) in offsets {
            let gauge = self.metrics.applied.with_label_values(&[P::NAME, stream]);
            gauge.set(i64::try_from(*sequence).unwrap_or(i64::MAX));
        }
        self.progress.advanced(role, offsets);
    }

    fn found(&mut self, ends: &Ends, offsets: &Offsets) {
        self.targets = None;
        for (stream, end) in ends {
            let applied = offsets.get(stream).copied().unwrap_or(0);
            if end.last < applied {
                let last = end.last;
                error!(
                    projection = P::NAME,
                    stream, last, applied, "the stream ends before what was read of it: it was made anew"
                );
            }
        }
        self.progress.set_targets(ends.iter().map(|(stream, end)| (*stream, end.readable)).collect());
    }
}
