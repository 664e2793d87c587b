//! A leader's commits: when the next one starts, what follows from its end, and the last one of all.

use std::{pin::Pin, time::Duration};

use tokio::time::{Instant, timeout};
use tracing::{error, info};

use super::{Leader, Led};
use crate::{
    commit::MAX_BATCH,
    journal::{
        Decider, Positions,
        control::Control,
        fence::{self, Lost},
        fold::Folded,
        handle::Answer,
        snapshot,
        tentative::MAX_EVENTS,
    },
    log::Log,
};

/// Messages beyond which no more inputs are decided on before a commit: what one input and one tick may decide,
/// and what is said of inputs that were parked or put back, still fits the largest batch.
const ENOUGH: usize = MAX_BATCH - 2 * (MAX_EVENTS + 2);
/// Bytes beyond which no more inputs are decided on before a commit.
const ENOUGH_BYTES: usize = 4 * 1024 * 1024;
/// Time a stopping leader gives the broker to take its last commit and the hand-over.
const HAND_OVER: Duration = Duration::from_secs(5);

type Commit = Pin<Box<dyn Future<Output = Result<u64, Lost>> + Send>>;

/// A commit under way, and what to do once it is stored.
pub(super) struct UnderWay {
    commit: Commit,
    pub(super) messages: usize,
    started: Instant,
    positions: Positions,
    pub(super) answers: Vec<Answer>,
    _spans: Vec<tracing::Span>,
}

impl<L: Log, D: Decider> Leader<'_, L, D> {
    /// Writes positions down that moved without events, when nothing else has for a while.
    pub(super) fn checkpoint_if_due(&mut self) {
        if !self.pending.is_empty() {
            self.unwritten_since = None;
        }
        let config = &self.journal.config;
        if self.unwritten_since.is_some_and(|since| since.elapsed() >= config.checkpoint)
            && self.under_way.is_none()
        {
            self.say(&Control::Checkpoint { epoch: self.folded.epoch });
            self.unwritten_since = None;
        }
    }

    /// Puts a control message into the next commit, and folds it.
    pub(super) fn say(&mut self, control: &Control) {
        let config = &self.journal.config;
        let message = control.message(config.stream, config.control, self.committed, (config.clock)());
        self.pending.push(message);
        self.folded.apply_control(control);
    }

    /// Starts the next commit, unless one is under way or company is still awaited.
    pub(super) fn commit_if_due(&mut self) {
        if self.under_way.is_some() || self.pending.is_empty() {
            return;
        }
        let now = Instant::now();
        let wait = self.lingering.wait(self.pending.len());
        let until = *self.linger_until.get_or_insert(now + wait);
        if wait.is_zero() || self.snapshots.due() || until <= now {
            self.start_commit();
        }
    }

    fn start_commit(&mut self) {
        self.linger_until = None;
        let mut pending = std::mem::take(&mut self.pending);
        self.snapshots.grow(pending.bytes());
        let messages = pending.seal(&self.folded.positions);
        let (log, metrics) = (self.journal.log.clone(), self.journal.metrics.clone());
        let (journal, after) = (self.journal.config.stream, self.committed);
        let (count, now) = (messages.len(), Instant::now());
        metrics.commit.began(journal, count);
        // What is decided counts and not what is read: much of that leads to nothing.
        self.lingering.note(count, now);
        let commit = async move { fence::commit(&log, journal, messages, after, &metrics).await };
        self.under_way = Some(UnderWay {
            commit: Box::pin(commit),
            messages: count,
            started: now,
            positions: self.folded.positions.clone(),
            answers: pending.answers,
            _spans: pending.spans,
        });
    }

    pub(super) fn settle(&mut self, sequence: u64) {
        self.committed = sequence;
        if let Some(done) = self.under_way.take() {
            let took = done.started.elapsed();
            self.lingering.committed(took);
            self.journal.metrics.commit.took(self.journal.config.stream, took);
            self.positions = done.positions;
            done.answers.into_iter().for_each(|answer| answer());
        }
        if self.snapshots.grown(self.committed, self.journal.config.snapshot_messages) {
            self.want_snapshot();
        }
    }

    /// None while a message is to be parked that no position tells of: who starts from the snapshot would never see it.
    pub(super) fn want_snapshot(&mut self) {
        if self.journal.foreign.is_empty() {
            self.snapshots.want(self.committed);
        }
    }

    pub(super) fn has_room(&self) -> bool {
        self.pending.len() < ENOUGH && self.pending.bytes() < ENOUGH_BYTES
    }

    /// Takes a snapshot once everything decided is committed; nothing is decided until then. It is written down from a
    /// clone, beside what is decided next.
    pub(super) fn snapshot_if_due(&mut self) {
        self.snapshots.note();
        if !self.snapshots.due() || self.under_way.is_some() || !self.pending.is_empty() {
            return;
        }
        let folded = Folded { sequence: self.committed, ..self.folded.clone() };
        let before = self.snapshots.take(self.committed);
        let config = &self.journal.config;
        let (log, patience) = (self.journal.log.clone(), config.snapshot_patience);
        self.snapshots.write(snapshot::save::<L, D>(log, config.stream, folded, before, patience));
    }

    /// Commits what is decided, says in the journal that this process is done, and is.
    pub(super) async fn hand_over(&mut self) -> Led {
        let finished = timeout(HAND_OVER, self.finish()).await;
        let journal = self.journal.config.stream;
        match finished {
            Ok(Ok(())) => {
                info!(journal, sequence = self.committed, "journal handed over");
                self.journal.count("handed_over");
            }
            Ok(Err(Lost)) => info!(journal, "the journal has another leader already"),
            Err(_elapsed) => {
                error!(journal, "could not hand the journal over in time; a follower will take it")
            }
        }
        Led::HandedOver
    }

    async fn finish(&mut self) -> Result<(), Lost> {
        loop {
            if self.under_way.is_some() {
                let sequence = committed(&mut self.under_way).await?;
                self.settle(sequence);
            }
            if self.pending.is_empty() {
                break;
            }
            self.start_commit();
        }
        let instance = self.journal.config.instance.clone();
        self.say(&Control::HandOver { instance, epoch: self.folded.epoch });
        self.start_commit();
        let sequence = committed(&mut self.under_way).await?;
        self.settle(sequence);
        Ok(())
    }

    /// When something is due that no event announces.
    pub(super) fn wake(&self) -> Option<Instant> {
        let checkpoint = self.unwritten_since.map(|since| since + self.journal.config.checkpoint);
        let waits = [self.linger_until, checkpoint];
        waits.into_iter().flatten().filter(|_| self.under_way.is_none()).min()
    }
}

/// Waits for the commit under way; for ever if there is none.
pub(super) async fn committed(under_way: &mut Option<UnderWay>) -> Result<u64, Lost> {
    match under_way {
        Some(under_way) => (&mut under_way.commit).await,
        None => std::future::pending().await,
    }
}
