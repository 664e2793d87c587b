//! Publishes callers' wishes, for as long as the process takes any.

use std::{
    borrow::Cow,
    sync::{Mutex, PoisonError},
    time::Duration,
};

use events::{Envelope, EventData, Timestamp};
use messaging::{
    commit::{CommitError, GroupCommit},
    log::{Ack, Message},
    trace::TraceContext,
};
use uuid::Uuid;

/// The publisher insists for 15 s, and its last attempt may take some seconds more; whatever happens to
/// it, a caller is answered before its request runs into the process's limit of 30 s.
const LIMIT: Duration = Duration::from_secs(25);

/// Publishes to REQUESTS.
pub(crate) struct Requests {
    /// Given up when the process stops: the publisher's task ends when nobody holds it any more, and the
    /// process waits for that while the HTTP listener, and this with it, is still there.
    commit: Mutex<Option<GroupCommit>>,
}

impl Requests {
    pub(crate) fn new(commit: GroupCommit) -> Self {
        Self { commit: Mutex::new(Some(commit)) }
    }

    /// Takes nothing more. What is under way is finished.
    pub(crate) fn close(&self) {
        self.commit.lock().unwrap_or_else(PoisonError::into_inner).take();
    }

    /// Stores a wish; returns when it is stored, or nobody can say.
    pub(super) async fn publish<D: EventData>(
        &self,
        id: Uuid,
        at: Timestamp,
        trace: &TraceContext,
        wish: &D,
    ) -> Result<Ack, CommitError> {
        let commit = self.commit.lock().unwrap_or_else(PoisonError::into_inner).clone();
        let commit = commit.ok_or_else(|| unavailable("the process is stopping"))?;
        let envelope = Envelope {
            id,
            kind: Cow::Borrowed(D::TYPE),
            version: D::VERSION,
            aggregate_id: Cow::Owned(wish.aggregate_id()),
            timestamp: at,
            trace_id: trace.trace_id,
            // Nothing of ours caused it.
            causation_id: Uuid::nil(),
            data: wish,
        };
        let stored = commit.try_publish(Message::event(&envelope, trace));
        tokio::time::timeout(LIMIT, stored)
            .await
            .unwrap_or_else(|_late| Err(unavailable("no answer in time")))
    }
}

fn unavailable(why: &str) -> CommitError {
    CommitError::Unavailable(why.to_owned())
}
