//! When a leader takes a snapshot: one at a time, and not so often that they cost more than the journal itself.

use std::time::Duration;

use tokio::{task::JoinSet, time::Interval};

use super::every;

/// The snapshots of one leader's turn.
pub(super) struct Snapshots {
    /// One is taken as soon as everything decided is committed.
    due: bool,
    /// The sequence of the newest, or that at which the turn began.
    sequence: u64,
    /// Bytes decided since then.
    grown: usize,
    /// Bytes of the newest one that was written down.
    size: usize,
    writing: JoinSet<usize>,
    interval: Interval,
}

impl Snapshots {
    /// For a turn that begins at a sequence.
    pub(super) fn new(sequence: u64, interval: Duration) -> Self {
        let mut interval = every(interval);
        interval.reset();
        Self { due: false, sequence, grown: 0, size: 0, writing: JoinSet::new(), interval }
    }

    /// One is due; nothing is decided until it is taken.
    pub(super) fn due(&self) -> bool {
        self.due
    }

    /// The journal is going to grow by so many bytes.
    pub(super) fn grow(&mut self, bytes: usize) {
        self.grown += bytes;
    }

    /// The journal grew by so many messages, and by as much as the newest snapshot has.
    pub(super) fn grown(&self, committed: u64, messages: u64) -> bool {
        committed.saturating_sub(self.sequence) >= messages && self.grown >= self.size
    }

    /// So long after the newest was taken that there should be another in any case.
    pub(super) async fn tick(&mut self) {
        self.interval.tick().await;
    }

    /// One is due now, unless nothing has changed or the one before is still being written down.
    pub(super) fn want(&mut self, committed: u64) {
        self.due |= self.writing.is_empty() && committed > self.sequence;
    }

    /// Takes the one that is due, at this sequence; gives the bytes of the one before.
    pub(super) fn take(&mut self, committed: u64) -> usize {
        (self.due, self.sequence, self.grown) = (false, committed, 0);
        self.interval.reset();
        self.size
    }

    /// Writes it down beside everything else; it says how many bytes it took.
    pub(super) fn write(&mut self, saving: impl Future<Output = usize> + Send + 'static) {
        self.writing.spawn(saving);
    }

    /// Takes note of those that were written down.
    pub(super) fn note(&mut self) {
        while let Some(ended) = self.writing.try_join_next() {
            self.size = ended.unwrap_or(self.size);
        }
    }
}

#[cfg(test)]
mod tests {
    use std::future::ready;

    use tokio::time::{Instant, advance};

    use super::*;

    const MINUTE: Duration = Duration::from_secs(60);

    #[tokio::test(start_paused = true)]
    async fn the_time_for_the_next_one_counts_from_the_newest() {
        let mut snapshots = Snapshots::new(7, MINUTE);
        advance(MINUTE - Duration::from_secs(1)).await;
        snapshots.want(7);
        assert!(!snapshots.due(), "nothing has changed");
        snapshots.want(8);
        assert!(snapshots.due());
        snapshots.take(8);
        let taken = Instant::now();
        snapshots.tick().await;
        assert_eq!(taken.elapsed(), MINUTE);
    }

    #[tokio::test]
    async fn one_by_size_waits_for_as_many_bytes_as_the_newest_has() {
        let mut snapshots = Snapshots::new(0, MINUTE);
        assert!(!snapshots.grown(9, 10) && snapshots.grown(10, 10), "there is none yet");
        snapshots.want(10);
        snapshots.take(10);
        snapshots.write(ready(1_000));
        snapshots.want(11);
        assert!(!snapshots.due(), "one at a time");
        tokio::task::yield_now().await;
        snapshots.note();
        snapshots.grow(999);
        assert!(!snapshots.grown(100, 10));
        snapshots.grow(1);
        assert!(!snapshots.grown(19, 10) && snapshots.grown(20, 10));
    }
}
