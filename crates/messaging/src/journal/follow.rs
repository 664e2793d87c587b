//! Following: folding what the leader writes, and taking over when it falls silent or hands over.

use std::{sync::Arc, time::Duration};

use tokio::time::Instant;
use tokio_util::sync::CancellationToken;
use tracing::{debug, info, warn};

use super::{
    Decider, Journal, JournalError, Positions, Role,
    control::Control,
    fence,
    fold::{Folded, Folding},
    inputs::{self, Source},
};
use crate::log::{Beats, Log, Reader, Stored};

/// Messages folded between two looks at everything else.
const READ: usize = 1_000;

/// How following ended.
pub(super) enum Followed {
    /// This process wrote the newest fence.
    TookOver,
    /// It was told to stop.
    Stopped,
}

impl<L: Log, D: Decider> Journal<L, D> {
    /// Folds the journal until this process leads it or must stop.
    pub(super) async fn follow(
        &mut self,
        folded: &mut Folded<D::State>,
        stop: &CancellationToken,
    ) -> Result<Followed, JournalError> {
        let mut reader = self.log.read(self.config.stream, &[], folded.sequence);
        let mut beats = self.log.beats(self.config.stream);
        let goal = self.goal(stop).await;
        if goal < folded.sequence {
            let reason = format!("it ends at {goal}, before its snapshot of {}", folded.sequence);
            return Err(JournalError { journal: self.config.stream, reason });
        }
        let mut silent_since = Instant::now();
        loop {
            let caught_up = folded.sequence >= goal;
            self.report(Role::Following, folded.epoch, folded.sequence, &folded.positions, caught_up);
            let patience =
                if caught_up && self.free_to_take(folded) { Duration::ZERO } else { self.patience() };
            tokio::select! {
                biased;
                () = stop.cancelled() => return Ok(Followed::Stopped),
                messages = reader.next_batch(READ) => {
                    silent_since = Instant::now();
                    self.fold_batch(folded, &messages)?;
                }
                beat = beats.next() => {
                    if beat.epoch >= folded.epoch {
                        silent_since = Instant::now();
                    }
                }
                query = Self::next_query(&mut self.queries) => query(&folded.state, folded.sequence)(),
                () = tokio::time::sleep_until(silent_since + patience), if caught_up => {
                    self.inputs_reach(&folded.positions).await?;
                    if self.take_over(folded).await {
                        return Ok(Followed::TookOver);
                    }
                    silent_since = Instant::now();
                }
            }
        }
    }

    /// Folds what was read, and takes note of what is no part of the journal.
    fn fold_batch(&mut self, folded: &mut Folded<D::State>, messages: &[Stored]) -> Result<(), JournalError> {
        for message in messages {
            let folding = folded.apply(&*self.decider, self.config.control, message);
            if folding.map_err(|error| self.broken(&error))? == Folding::Foreign {
                self.foreign(message.sequence);
            }
        }
        self.forget_foreign(&folded.positions);
        Ok(())
    }

    /// The journal's last sequence as this process comes to it: having folded it, it has caught up.
    async fn goal(&self, stop: &CancellationToken) -> u64 {
        loop {
            match self.log.extent(self.config.stream).await {
                Ok(extent) => return extent.last,
                Err(error) => debug!(journal = self.config.stream, %error, "cannot look at the journal yet"),
            }
            tokio::select! {
                () = stop.cancelled() => return u64::MAX,
                () = tokio::time::sleep(Duration::from_millis(100)) => {}
            }
        }
    }

    /// The inputs are those that were read: none of them ends before its position.
    async fn inputs_reach(&self, positions: &Positions) -> Result<(), JournalError> {
        for Source { stream, .. } in inputs::sources(&*self.decider, self.config.stream) {
            let position = positions.get(stream);
            // A broker that cannot say now takes no fence either.
            let Ok(extent) = self.log.extent(stream).await else { continue };
            if extent.last < position {
                let last = extent.last;
                let reason =
                    format!("its input {stream} ends at {last}, before what was read of it, {position}");
                return Err(JournalError { journal: self.config.stream, reason });
            }
        }
        Ok(())
    }

    /// Nobody leads: the journal is new, its writer handed over, or its writer was this very process, or one
    /// of its name, which cannot be running twice.
    fn free_to_take(&self, folded: &Folded<D::State>) -> bool {
        let named = self.by_name && folded.writer == self.config.instance;
        folded.epoch == 0 || folded.handed_over || named || self.led == Some(folded.epoch)
    }

    /// How long the leader may be silent. Differs between instances, so that they do not all try at once.
    fn patience(&self) -> Duration {
        let spread = self.config.lease / 6;
        let share =
            self.config.instance.bytes().fold(7_u32, |hash, byte| hash.wrapping_mul(31) ^ u32::from(byte));
        self.config.lease + spread * (share % 16) / 16
    }

    /// Writes a fence right after the last message folded. Only one process can.
    async fn take_over(&mut self, folded: &mut Folded<D::State>) -> bool {
        let journal = self.config.stream;
        let fence = Control::Fence { instance: self.config.instance.clone(), epoch: folded.epoch + 1 };
        let message = fence.message(journal, self.config.control, folded.sequence, (self.config.clock)());
        let fenced = fence::commit(&self.log, journal, vec![message], folded.sequence, &self.metrics);
        let outcome = tokio::time::timeout(self.config.lease, fenced).await;
        match outcome {
            Ok(Ok(sequence)) => {
                folded.apply_control(&fence);
                folded.sequence = sequence;
                self.led = Some(folded.epoch);
                info!(journal, epoch = folded.epoch, sequence, "leading the journal");
                self.count("took_over");
                true
            }
            Ok(Err(fence::Lost)) => {
                debug!(journal, "somebody else was faster");
                false
            }
            // It may have been stored; if so it will be read, and bears this instance's name.
            Err(_elapsed) => false,
        }
    }

    /// Remembers a message that is no part of the journal; whoever leads next parks it.
    fn foreign(&mut self, sequence: u64) {
        let journal = self.config.stream;
        warn!(journal, sequence, "a message that the journal's writer did not write is skipped");
        self.foreign.insert(sequence);
    }

    /// Forgets what a leader has parked: that is what the journal's position in its own stream tells.
    fn forget_foreign(&mut self, positions: &Positions) {
        self.foreign = self.foreign.split_off(&(positions.get(self.config.stream) + 1));
    }

    fn broken(&self, error: &super::fold::FoldError) -> JournalError {
        JournalError { journal: self.config.stream, reason: error.to_string() }
    }

    /// What this process is to the journal now, for readers and metrics.
    pub(super) fn report(
        &self,
        role: Role,
        epoch: u64,
        sequence: u64,
        positions: &Positions,
        caught_up: bool,
    ) {
        let journal = &[self.config.stream];
        let gauge = |value: u64| i64::try_from(value).unwrap_or(i64::MAX);
        self.metrics.journal.leader.with_label_values(journal).set(i64::from(role == Role::Leading));
        self.metrics.journal.epoch.with_label_values(journal).set(gauge(epoch));
        self.metrics.journal.sequence.with_label_values(journal).set(gauge(sequence));
        self.status.send_if_modified(|status| {
            let changed = status.role != role || status.sequence != sequence || status.caught_up != caught_up;
            if changed {
                status.role = role;
                status.epoch = epoch;
                status.sequence = sequence;
                status.positions = positions.clone();
                status.caught_up = caught_up;
            }
            changed
        });
    }

    pub(super) fn count(&self, transition: &str) {
        self.metrics.journal.transitions.with_label_values(&[self.config.stream, transition]).inc();
    }

    /// The decider, for tasks of their own.
    pub(super) fn shared_decider(&self) -> Arc<D> {
        Arc::clone(&self.decider)
    }
}
