//! What callers ask for: stored in REQUESTS, for as long as the process takes any, before they are told so.

use std::{
    borrow::Cow,
    sync::{Arc, Mutex, PoisonError},
    time::Duration,
};

use events::{Envelope, EventData, catalogue::REQUESTS};
use messaging::{
    clock::Clock,
    commit::{CommitError, GroupCommit, Linger},
    log::{Ack, Message},
    trace::TraceContext,
};
use runtime::Problem;
use tracing::{error, warn};
use uuid::Uuid;

use crate::Service;

/// The publisher insists for 15 s, and its last attempt may take some seconds more; whatever happens to it, a
/// caller is answered before its request runs into the process's limit of 30 s, even if it waits for more than this.
const LIMIT: Duration = Duration::from_secs(22);

/// When to come back: at once, after a moment, after somebody has made room.
const SOON: Duration = Duration::from_secs(1);
const LATER: Duration = Duration::from_secs(5);
const MUCH_LATER: Duration = Duration::from_secs(30);

/// Publishes to REQUESTS what callers ask for. Cheap to clone.
#[derive(Clone)]
pub struct Requests {
    /// Given up when the process stops: the publisher's task ends when nobody holds it any more, and the process
    /// waits for that while the HTTP listener, and this with it, is still there.
    commit: Arc<Mutex<Option<GroupCommit>>>,
    clock: Clock,
}

/// What a caller should do about a request that may not be stored.
#[derive(Debug, Clone, Copy)]
pub enum Repeat<'a> {
    /// Send it again, whenever: the key makes it the same request.
    SameKey,
    /// Send it again within so long: until then the key makes it the same request.
    SameKeyWithin(Duration),
    /// Look at this path before sending it again, which would be another request.
    LookFirst(&'a str),
    /// Send it again: that does no harm.
    Harmless,
}

impl Service {
    /// Takes requests until the process stops.
    #[must_use]
    pub fn requests(&self) -> Requests {
        let commit = Arc::new(Mutex::new(Some(self.commit(REQUESTS, Linger::default()))));
        let requests = Requests { commit, clock: self.clock() };
        let (closing, stop) = (requests.clone(), self.process.shutdown().soft().clone());
        self.process.tasks().spawn("requests", async move {
            stop.cancelled().await;
            closing.close();
            Ok(())
        });
        requests
    }
}

impl Requests {
    /// Stores a request under an id that is the same whenever it is repeated, in the trace that it begins or
    /// belongs to; returns when it is stored, or nobody can say.
    ///
    /// # Errors
    /// See [`not_stored`], which tells the caller.
    pub async fn publish<D: EventData>(
        &self,
        id: Uuid,
        request: &D,
        trace: &TraceContext,
    ) -> Result<Ack, CommitError> {
        let commit = self.commit.lock().unwrap_or_else(PoisonError::into_inner).clone();
        let commit = commit.ok_or_else(|| unavailable("the process is stopping"))?;
        let envelope = Envelope {
            id,
            kind: Cow::Borrowed(D::TYPE),
            version: D::VERSION,
            aggregate_id: Cow::Owned(request.aggregate_id()),
            timestamp: (self.clock)(),
            trace_id: trace.trace_id,
            // Nothing of ours caused it.
            causation_id: Uuid::nil(),
            data: request,
        };
        let stored = commit.try_publish(Message::event(&envelope, trace));
        tokio::time::timeout(LIMIT, stored)
            .await
            .unwrap_or_else(|_late| Err(unavailable("no answer in time")))
    }

    /// Takes nothing more. What is under way is finished.
    fn close(&self) {
        self.commit.lock().unwrap_or_else(PoisonError::into_inner).take();
    }
}

fn unavailable(why: &str) -> CommitError {
    CommitError::Unavailable(why.to_owned())
}

/// A request was not stored, as far as anybody knows: what its caller is told, and what the log is.
#[must_use]
pub fn not_stored(error: &CommitError, repeat: Repeat<'_>) -> Problem {
    let again = match repeat {
        Repeat::SameKey | Repeat::SameKeyWithin(_) => "send it again with the same Idempotency-Key",
        Repeat::LookFirst(_) | Repeat::Harmless => "send it again",
    };
    match error {
        CommitError::Overloaded => {
            Problem::unavailable(format!("too many requests at once, this one was not taken; {again}"), SOON)
        }
        CommitError::Full => {
            warn!("requests are refused because their stream is full");
            Problem::unavailable(format!("there is no room to store the request; {again}"), MUCH_LATER)
        }
        CommitError::Unavailable(cause) => {
            warn!(cause, "a request got no definite answer");
            let advice = unknown_fate(repeat);
            Problem::unavailable(format!("the request may or may not be accepted; {advice}"), LATER)
        }
        // The caller's part was checked: this is about our own set-up.
        CommitError::Refused(cause) => {
            error!(cause, "the broker refuses requests");
            Problem::internal()
        }
    }
}

fn unknown_fate(repeat: Repeat<'_>) -> Cow<'static, str> {
    match repeat {
        Repeat::SameKey => "send it again with the same Idempotency-Key, which cannot do it twice".into(),
        Repeat::SameKeyWithin(memory) => {
            let seconds = memory.as_secs();
            format!(
                "send it again with the same Idempotency-Key, which cannot do it twice within {seconds} s of the first \
                 time"
            )
            .into()
        }
        Repeat::LookFirst(path) => {
            format!("look at {path} before sending it again, and use an Idempotency-Key next time").into()
        }
        Repeat::Harmless => "send it again".into(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn callers_are_told_what_to_do_by_what_is_known() {
        let unknown = unavailable("no answer in time");
        let within = Repeat::SameKeyWithin(Duration::from_secs(86_400));
        for (error, repeat, status, told) in [
            (&CommitError::Overloaded, Repeat::SameKey, 503, "was not taken; send it again with the same"),
            (&CommitError::Overloaded, Repeat::LookFirst("/orders/7"), 503, "was not taken; send it again"),
            (&CommitError::Full, Repeat::Harmless, 503, "no room to store the request; send it again"),
            (&unknown, Repeat::SameKey, 503, "may or may not be accepted; send it again with the same"),
            (&unknown, within, 503, "cannot do it twice within 86400 s of the first time"),
            (&CommitError::Full, within, 503, "no room to store the request; send it again with the same"),
            (&unknown, Repeat::LookFirst("/orders/7"), 503, "accepted; look at /orders/7 before"),
            (&unknown, Repeat::Harmless, 503, "may or may not be accepted; send it again"),
            (&CommitError::Refused("secret".to_owned()), Repeat::Harmless, 500, "on our side"),
        ] {
            let problem = not_stored(error, repeat);
            assert_eq!(problem.status().as_u16(), status, "{error}");
            let detail = problem.detail().unwrap_or_default();
            assert!(detail.contains(told) && !detail.contains("secret"), "{detail}");
        }
    }
}
