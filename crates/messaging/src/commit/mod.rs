//! Group commit: many publishes, one fsync.
//!
//! Callers publish one message each and wait for the broker's word. Whatever is waiting when the
//! broker is ready for more goes out together as one atomic batch: one message alone as a plain
//! publish, which is fastest for it. A little lingering in between keeps the rate of batches, each of
//! which costs the server about a millisecond of CPU, from growing with the load (see [`linger`]).

mod flush;
mod linger;
mod recent;

use std::time::Duration;

use events::Envelope;
use serde::Serialize;
use tokio::sync::{mpsc, oneshot};
use tokio_util::task::TaskTracker;

use crate::{
    headers::{CONTENT_TYPE, Headers, JSON, MSG_ID},
    log::{Ack, Log, Message},
    metrics::Metrics,
    trace::TraceContext,
};

pub use linger::{Linger, Lingering};

/// The server's limit for one atomic batch.
pub const MAX_BATCH: usize = 1_000;
/// Bytes after which a batch is closed: keeps one commit from stalling everybody behind it.
const MAX_BATCH_BYTES: usize = 4 * 1024 * 1024;

/// How a stream is published to.
#[derive(Debug, Clone)]
pub struct CommitConfig {
    /// The stream; every message must be for one of its subjects.
    pub stream: &'static str,
    /// How many messages may wait before publishers are refused or held up.
    pub queue: usize,
    /// How many batches may be under way at once.
    pub in_flight: usize,
    /// How long a message without a definite answer is sent again before its caller is told.
    pub patience: Duration,
    /// The lingering rule.
    pub linger: Linger,
}

impl CommitConfig {
    /// The defaults, which suit every stream of the fleet.
    #[must_use]
    pub fn for_stream(stream: &'static str) -> Self {
        let patience = Duration::from_secs(15);
        Self { stream, queue: 8 * MAX_BATCH, in_flight: 3, patience, linger: Linger::default() }
    }
}

/// Why a message was not published, as far as anybody knows.
#[derive(Debug, Clone, thiserror::Error)]
pub enum CommitError {
    /// More messages wait than this process holds; nothing was sent.
    #[error("too many messages are waiting to be stored")]
    Overloaded,
    /// No definite answer in time: it may be stored or not.
    #[error("the broker did not answer in time: {0}")]
    Unavailable(String),
    /// The stream is at its size limit; nothing was stored.
    #[error("the stream is full")]
    Full,
    /// The broker will never take this message.
    #[error("the broker refused the message: {0}")]
    Refused(String),
}

/// Publishes to one stream by group commit. Cheap to clone.
///
/// Its task ends when every clone is dropped and what they sent is settled.
#[derive(Clone)]
pub struct GroupCommit {
    queue: mpsc::Sender<Submission>,
}

/// A message and who waits for its outcome.
struct Submission {
    message: Message,
    done: oneshot::Sender<Result<Ack, CommitError>>,
}

impl GroupCommit {
    /// Starts the task that does the publishing.
    pub fn spawn(log: impl Log, config: CommitConfig, metrics: &Metrics, tasks: &TaskTracker) -> Self {
        let (queue, submissions) = mpsc::channel(config.queue);
        metrics.commit.written_to(config.stream);
        tasks.spawn(flush::run(log, config, metrics.clone(), submissions));
        Self { queue }
    }

    /// Publishes a message; waits for room first.
    ///
    /// # Errors
    /// See [`CommitError`]; never `Overloaded`.
    pub async fn publish(&self, message: Message) -> Result<Ack, CommitError> {
        let (done, outcome) = oneshot::channel();
        self.queue.send(Submission { message, done }).await.map_err(|_closed| stopped())?;
        outcome.await.unwrap_or_else(|_dropped| Err(stopped()))
    }

    /// Publishes a message if there is room for it at once.
    ///
    /// # Errors
    /// See [`CommitError`].
    pub async fn try_publish(&self, message: Message) -> Result<Ack, CommitError> {
        let (done, outcome) = oneshot::channel();
        self.queue.try_send(Submission { message, done }).map_err(|refused| match refused {
            mpsc::error::TrySendError::Full(_) => CommitError::Overloaded,
            mpsc::error::TrySendError::Closed(_) => stopped(),
        })?;
        outcome.await.unwrap_or_else(|_dropped| Err(stopped()))
    }
}

fn stopped() -> CommitError {
    CommitError::Unavailable("the publisher has stopped".to_owned())
}

impl Message {
    /// An event for the stream that stores its type: the subject is the type, and a second message
    /// with the same envelope id is not stored within the stream's deduplication window.
    #[must_use]
    pub fn event<D: Serialize>(envelope: &Envelope<'_, D>, trace: &TraceContext) -> Self {
        let mut headers = Headers::new();
        headers.set(MSG_ID, envelope.id.to_string());
        headers.set(CONTENT_TYPE, JSON);
        trace.inject(&mut headers);
        Self { subject: envelope.kind.clone().into_owned(), headers, payload: envelope.to_body().into() }
    }
}
