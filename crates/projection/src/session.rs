//! One life of a projector's connection: how it begins, what it is measured by, and why it ends.

use std::{collections::BTreeMap, future::Future, io, pin::Pin, time::Duration};

use messaging::log::Unavailable;
use sqlx::AnyConnection;
use tokio::time::{error::Elapsed, sleep};

use crate::{
    offsets::AdvanceError,
    projection::{ApplyError, Batch, Projection},
    schema::{self, SchemaError},
    source::Source,
    store::Store,
};

/// Pause before a broker that did not answer is asked again.
const ASK_AGAIN: Duration = Duration::from_secs(1);

/// A value that comes while other things go on.
pub(crate) type Later<T> = Pin<Box<dyn Future<Output = T> + Send>>;

/// Why a session ended.
#[derive(Debug, thiserror::Error)]
pub(crate) enum SessionError {
    #[error(transparent)]
    Schema(SchemaError),
    #[error("the database failed: {0}")]
    Database(#[from] sqlx::Error),
    #[error(transparent)]
    Apply(#[from] ApplyError),
    #[error(transparent)]
    Conflict(AdvanceError),
    #[error("the lock that keeps a second projector out cannot be tried: {0}")]
    Lock(#[source] io::Error),
    #[error("the database did not answer in time")]
    TooSlow(#[from] Elapsed),
    #[error("{messages} messages beginning with {stream} {sequence} were not applied: {cause}")]
    Batch { messages: usize, stream: &'static str, sequence: u64, cause: Box<SessionError> },
}

impl From<AdvanceError> for SessionError {
    fn from(error: AdvanceError) -> Self {
        match error {
            AdvanceError::Database(error) => Self::Database(error),
            AdvanceError::Conflict { .. } => Self::Conflict(error),
        }
    }
}

impl From<SchemaError> for SessionError {
    fn from(error: SchemaError) -> Self {
        match error {
            SchemaError::Database(error) => Self::Database(error),
            SchemaError::Newer { .. } => Self::Schema(error),
        }
    }
}

/// A connection to a database whose tables are ready.
pub(crate) async fn connect<P: Projection>(store: &Store) -> Result<AnyConnection, SessionError> {
    schema::migrate(store, P::NAME, P::SCHEMA).await?;
    Ok(store.writer().await?)
}

/// Where a stream ends.
#[derive(Debug, Clone, Copy)]
pub(crate) struct End {
    /// The last sequence it has given away.
    pub(crate) last: u64,
    /// The last sequence that can still be read; 0 when none can.
    pub(crate) readable: u64,
}

/// Where each stream ends.
pub(crate) type Ends = BTreeMap<&'static str, End>;

/// Where the streams end, asked until all have answered.
pub(crate) async fn ends<S: Source>(source: S, streams: &'static [&'static str]) -> Ends {
    let mut ends = Ends::new();
    for stream in streams {
        loop {
            if let Ok(end) = end(&source, stream).await {
                ends.insert(stream, end);
                break;
            }
            sleep(ASK_AGAIN).await;
        }
    }
    ends
}

async fn end<S: Source>(source: &S, stream: &str) -> Result<End, Unavailable> {
    let extent = source.extent(stream).await?;
    // The newest messages may have been deleted, or all may have aged out: nobody will ever deliver them.
    let mut readable = extent.last;
    while readable >= extent.first.max(1) && !source.holds(stream, readable).await? {
        readable -= 1;
    }
    let readable = if readable < extent.first { 0 } else { readable };
    Ok(End { last: extent.last, readable })
}

/// The future's outcome; for ever pending when there is none.
pub(crate) async fn pending_or<T>(future: &mut Option<Later<T>>) -> T {
    match future {
        Some(future) => future.as_mut().await,
        None => std::future::pending().await,
    }
}

/// Names the first message of a failed batch: with batches of one, the culprit.
pub(crate) fn blame(batch: &Batch, cause: SessionError) -> SessionError {
    let Some(first) = batch.entries.first() else { return cause };
    SessionError::Batch {
        messages: batch.entries.len(),
        stream: first.stream,
        sequence: first.message.sequence,
        cause: Box::new(cause),
    }
}
