//! A journal: a stream with exactly one active writer, whose state is the fold of its events.
//!
//! Every replica [follows](follow): it folds what is written and can read. One of them [leads](lead):
//! it reads the inputs, decides, and commits events and input positions together, fenced by the
//! stream's last sequence. There is no lock service: beats only hint who leads, the log's own sequence
//! decides who may write. What the decider decides is the owning service's business.

mod contain;
mod control;
mod decider;
mod fence;
mod fold;
mod follow;
mod handle;
mod inputs;
mod lead;
mod parked;
mod positions;
mod replay;
mod snapshot;
mod tentative;

use std::{
    collections::{BTreeSet, HashMap},
    sync::Arc,
    time::Duration,
};

use tokio::sync::{mpsc, watch};
use tokio_util::sync::CancellationToken;
use tracing::{info, warn};

use crate::{clock::Clock, commit::Linger, dead_letter::DeadLetters, log::Log, metrics::Metrics};
use fold::Folded;
use follow::Followed;
use handle::Query;
use lead::Led;

pub use control::{Control, Place};
pub use decider::{Decider, InputStream, Meta};
pub use handle::{JournalHandle, JournalStatus, Role};
pub use positions::Positions;
pub use replay::{Replayed, replay};
pub use snapshot::shelf;
pub use tentative::MAX_EVENTS;

/// Reads that may wait for the journal's task.
const QUERIES: usize = 1_024;

/// How a journal is kept.
#[derive(Clone)]
pub struct JournalConfig {
    /// The stream.
    pub stream: &'static str,
    /// The subject of its control messages.
    pub control: &'static str,
    /// This process, unique among the replicas.
    pub instance: String,
    /// Silence after which a follower tries to take over.
    pub lease: Duration,
    /// Time between two beats of the leader; a good deal less than the lease.
    pub beat: Duration,
    /// Messages after which a snapshot is taken, once they have as many bytes as the one before: under load snapshots cost
    /// about what writing the journal does, however large the state.
    pub snapshot_messages: u64,
    /// Time since the one before after which a snapshot is taken in any case, if anything has changed.
    pub snapshot_interval: Duration,
    /// Time in which a snapshot is stored or given up; there is no other until then.
    pub snapshot_patience: Duration,
    /// Time after which positions that moved without events are written down.
    pub checkpoint: Duration,
    /// The lingering rule.
    pub linger: Linger,
    /// The time of day.
    pub clock: Clock,
}

impl JournalConfig {
    /// The defaults for a stream.
    #[must_use]
    pub fn new(stream: &'static str, control: &'static str, instance: String, clock: Clock) -> Self {
        Self {
            stream,
            control,
            instance,
            lease: Duration::from_secs(3),
            beat: Duration::from_millis(500),
            snapshot_messages: 50_000,
            snapshot_interval: Duration::from_secs(60),
            snapshot_patience: Duration::from_secs(600),
            checkpoint: Duration::from_secs(1),
            linger: Linger::default(),
            clock,
        }
    }
}

/// The journal cannot be kept by this process: it cannot be rebuilt, or holds what this version cannot read.
#[derive(Debug, thiserror::Error)]
#[error("journal {journal}: {reason}")]
pub struct JournalError {
    journal: &'static str,
    reason: String,
}

/// One replica of a journal.
pub struct Journal<L, D: Decider> {
    log: L,
    decider: Arc<D>,
    config: JournalConfig,
    dead_letters: DeadLetters,
    metrics: Metrics,
    queries: mpsc::Receiver<Query<D::State>>,
    status: watch::Sender<JournalStatus>,
    /// Whoever bears this instance's name is taken to be this very process's past. Not so once the
    /// journal was lost: then it may be a second process of the same name.
    by_name: bool,
    /// The epoch under which this process last led. Nobody else ever leads under it: who loses the journal to a
    /// message that no leader wrote may take it again at once.
    led: Option<u64>,
    /// Inputs whose outcome cannot be folded, and why; they are parked instead of decided on.
    poisoned: HashMap<(&'static str, u64), String>,
    /// Ticks make the fold panic, so there are none until this process is replaced.
    no_ticks: bool,
    /// Messages in the stream that are no part of the journal and, as far as is known, not parked.
    foreign: BTreeSet<u64>,
}

impl<L: Log, D: Decider> Journal<L, D> {
    /// A replica that does nothing until it [runs](Self::run), and what reads its state.
    pub fn new(
        log: L,
        decider: D,
        config: JournalConfig,
        dead_letters: DeadLetters,
        metrics: Metrics,
    ) -> (Self, JournalHandle<D::State>) {
        let (ask, queries) = mpsc::channel(QUERIES);
        let (status, watching) = watch::channel(JournalStatus::starting());
        let decider = Arc::new(decider);
        metrics.commit.written_to(config.stream);
        metrics.journal.failed_ticks.with_label_values(&[config.stream]);
        let journal = Self {
            log,
            decider,
            config,
            dead_letters,
            metrics,
            queries,
            status,
            by_name: true,
            led: None,
            poisoned: HashMap::new(),
            no_ticks: false,
            foreign: BTreeSet::new(),
        };
        (journal, JournalHandle::new(ask, watching))
    }

    /// Follows and leads by turns until told to stop; a leader hands over before it does.
    ///
    /// # Errors
    /// The journal cannot be rebuilt or read. A broker that is away is no error: it is waited for.
    pub async fn run(mut self, stop: CancellationToken) -> Result<(), JournalError> {
        let mut rebuilt = false;
        loop {
            let Some(mut folded) = self.load(&stop).await else { return Ok(()) };
            match self.follow(&mut folded, &stop).await {
                Ok(Followed::Stopped) => return Ok(()),
                Ok(Followed::TookOver) => (rebuilt, self.by_name) = (false, true),
                // What is missing has aged out since the snapshot was read; a newer one may cover it.
                Err(error) if !rebuilt => {
                    warn!(%error, "reading the journal anew");
                    rebuilt = true;
                    continue;
                }
                Err(error) => return Err(error),
            }
            match self.lead(folded, &stop).await {
                Led::HandedOver => return Ok(()),
                Led::Lost => {
                    info!(journal = self.config.stream, "no longer leading the journal");
                    self.count("lost");
                    self.by_name = false;
                }
                Led::Poisoned { stream, sequence, error } => {
                    self.poisoned.insert((stream, sequence), error);
                }
                Led::TickBroke => self.no_ticks = true,
            }
        }
    }

    /// The newest snapshot; `None` when told to stop before the broker could be asked.
    async fn load(&self, stop: &CancellationToken) -> Option<Folded<D::State>> {
        loop {
            let loading = snapshot::load::<L, D>(&self.log, self.config.stream);
            match stop.run_until_cancelled(loading).await? {
                Ok(folded) => return Some(folded),
                Err(error) => {
                    tracing::debug!(journal = self.config.stream, %error, "cannot read snapshots yet")
                }
            }
            tokio::select! {
                () = stop.cancelled() => return None,
                () = tokio::time::sleep(Duration::from_millis(200)) => {}
            }
        }
    }

    async fn next_query(queries: &mut mpsc::Receiver<Query<D::State>>) -> Query<D::State> {
        match queries.recv().await {
            Some(query) => query,
            None => std::future::pending().await,
        }
    }
}
