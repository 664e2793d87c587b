//! One life of a projector's connection: how it begins, who else may have it, and why it ends.

use std::{future::Future, pin::Pin, time::Duration};

use sqlx::{AnyConnection, Row};
use tokio::time::{error::Elapsed, sleep};

use crate::{
    offsets::{AdvanceError, Offsets},
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

/// Where the streams end, asked until all have answered.
pub(crate) async fn ends<S: Source>(source: S, streams: &'static [&'static str]) -> Offsets {
    let mut ends = Offsets::new();
    for stream in streams {
        loop {
            if let Ok(extent) = source.extent(stream).await {
                ends.insert(stream, extent.last);
                break;
            }
            sleep(ASK_AGAIN).await;
        }
    }
    ends
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

/// Takes the session's lock on the projection, if nobody has it.
pub(crate) async fn try_lock(connection: &mut AnyConnection, projection: &str) -> Result<bool, sqlx::Error> {
    let row = sqlx::query("SELECT pg_try_advisory_lock($1)")
        .bind(lock_key(projection))
        .fetch_one(connection)
        .await?;
    row.try_get(0)
}

/// A number for a name, by FNV-1a: the same in every release.
fn lock_key(projection: &str) -> i64 {
    let hash = projection.bytes().fold(0xcbf2_9ce4_8422_2325_u64, |hash, byte| {
        (hash ^ u64::from(byte)).wrapping_mul(0x0000_0100_0000_01b3)
    });
    i64::from_be_bytes(hash.to_be_bytes())
}
