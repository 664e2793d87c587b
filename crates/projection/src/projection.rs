//! What a read model must say of itself.

use std::future::Future;

use messaging::log::Stored;

use crate::schema::Migration;

/// The open transaction: the connection to give to queries. It is committed by the projector, never by
/// the projection.
pub type Tx = sqlx::AnyConnection;

/// A message and where it comes from.
#[derive(Debug, Clone)]
pub struct Entry {
    /// The stream, as [`Projection::STREAMS`] spells it.
    pub stream: &'static str,
    /// The message.
    pub message: Stored,
}

/// Messages that a stream no longer has, or never gave: aged out before they were read, or deleted.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Gap {
    /// The stream.
    pub stream: &'static str,
    /// The first missing sequence.
    pub first: u64,
    /// The last missing sequence.
    pub last: u64,
}

/// What arrived together: the messages of each stream in their order, streams intermingled.
#[derive(Debug, Clone, Default)]
pub struct Batch {
    /// The messages, at least one.
    pub entries: Vec<Entry>,
    /// What is missing between them, or between them and what was applied before.
    pub gaps: Vec<Gap>,
}

/// Why a batch was not applied. The transaction is rolled back, and the same messages come again, after
/// a while and for ever: a projection that cannot use a message must say so in its tables and go on.
#[derive(Debug, thiserror::Error)]
pub enum ApplyError {
    /// The database would not.
    #[error(transparent)]
    Database(#[from] sqlx::Error),
    /// The projection will not, until somebody has repaired something.
    #[error("{stream} {sequence} cannot be applied: {reason}")]
    Refused {
        /// The stream of the message.
        stream: &'static str,
        /// Its sequence.
        sequence: u64,
        /// Why.
        reason: String,
    },
}

/// A read model: tables that are a function of the streams.
pub trait Projection: Send + 'static {
    /// Its name in the tables of offsets and versions, in metrics and in the lock that keeps a second
    /// projector out.
    const NAME: &'static str;

    /// The streams it reads, each whole.
    const STREAMS: &'static [&'static str];

    /// Its tables: each member leads from one version to the next. Members once released never change.
    const SCHEMA: &'static [Migration];

    /// Does what the messages say. Nothing else may be written anywhere: an error, or a crash, undoes
    /// the transaction and gives the same messages again, perhaps in other batches.
    fn apply(&mut self, tx: &mut Tx, batch: &Batch) -> impl Future<Output = Result<(), ApplyError>> + Send;

    /// Called after each commit, for instance to wake waiters.
    fn committed(&mut self) {}
}
