//! What the rest of the process sees of a journal: its status, and reads of its state.

use std::time::Duration;

use tokio::sync::{mpsc, oneshot, watch};

use super::Positions;
use crate::log::Unavailable;

/// Longest wait for a read to be answered: the leader answers once everything the state reflects is
/// committed, which takes as long as the broker does.
const READ_TIMEOUT: Duration = Duration::from_secs(5);

/// What this process is to the journal.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Role {
    /// Still loading.
    Starting,
    /// Folding what the leader writes, ready to take over.
    Following,
    /// The active writer.
    Leading,
}

/// Where this process stands with the journal.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct JournalStatus {
    /// What this process is to it.
    pub role: Role,
    /// The newest epoch known.
    pub epoch: u64,
    /// The last committed sequence folded.
    pub sequence: u64,
    /// How far the inputs were consumed at that sequence.
    pub positions: Positions,
    /// Everything that was in the journal when this process started has been folded.
    pub caught_up: bool,
}

impl JournalStatus {
    pub(super) fn starting() -> Self {
        let positions = Positions::default();
        Self { role: Role::Starting, epoch: 0, sequence: 0, positions, caught_up: false }
    }
}

/// Looks at the state as of a sequence, and gives back what sends the answer.
pub(super) type Query<S> = Box<dyn FnOnce(&S, u64) -> Answer + Send>;
/// Sends an answer to who asked.
pub(super) type Answer = Box<dyn FnOnce() + Send>;

/// Reads a journal's state from elsewhere in the process. Cheap to clone.
pub struct JournalHandle<S> {
    queries: mpsc::Sender<Query<S>>,
    status: watch::Receiver<JournalStatus>,
}

impl<S> Clone for JournalHandle<S> {
    fn clone(&self) -> Self {
        Self { queries: self.queries.clone(), status: self.status.clone() }
    }
}

impl<S: 'static> JournalHandle<S> {
    pub(super) fn new(queries: mpsc::Sender<Query<S>>, status: watch::Receiver<JournalStatus>) -> Self {
        Self { queries, status }
    }

    /// Where this process stands with the journal.
    #[must_use]
    pub fn status(&self) -> watch::Receiver<JournalStatus> {
        self.status.clone()
    }

    /// Looks at the state. On the leader the answer comes once everything it reflects is committed; on
    /// a follower it may lag behind the leader by what is on the way.
    ///
    /// # Errors
    /// The journal is not being followed, leadership was lost meanwhile, or the broker is away.
    pub async fn read<R: Send + 'static>(
        &self,
        look: impl FnOnce(&S) -> R + Send + 'static,
    ) -> Result<R, Unavailable> {
        self.read_at(move |state, _sequence| look(state)).await
    }

    /// Like [`read`](Self::read), told the sequence as well: the state is the fold of exactly the journal's
    /// messages up to it.
    ///
    /// # Errors
    /// As for [`read`](Self::read).
    pub async fn read_at<R: Send + 'static>(
        &self,
        look: impl FnOnce(&S, u64) -> R + Send + 'static,
    ) -> Result<R, Unavailable> {
        let (reply, answer) = oneshot::channel();
        let query: Query<S> = Box::new(move |state, sequence| {
            let seen = look(state, sequence);
            Box::new(move || {
                // Whoever asked may have gone away.
                let _gone = reply.send(seen);
            })
        });
        let asked = async {
            self.queries.send(query).await.map_err(|_closed| unavailable("the journal has stopped"))?;
            answer.await.map_err(|_dropped| unavailable("leadership changed"))
        };
        tokio::time::timeout(READ_TIMEOUT, asked).await.map_err(|_late| unavailable("no answer in time"))?
    }
}

fn unavailable(why: &str) -> Unavailable {
    Unavailable(why.to_owned())
}
