//! Streams and consumers as data: what must exist, how it differs from what does, and what to do.
//!
//! [`setup`] creates what is missing, updates on a real difference only, and refuses a difference that
//! would lose messages. Services never create anything: they [`verify`], and are not ready until it
//! holds.

mod apply;
mod desired;
mod diff;

use std::time::Duration;

pub use apply::{compare, setup, verify};
pub use desired::{consumer, stream_names, streams};
pub use events::catalogue::{ADVISORIES, REDRIVE};

/// What an operator chooses.
#[derive(Debug, Clone)]
pub struct TopologyOptions {
    /// Copies of every stream: 1, or 3 on a cluster.
    pub replicas: usize,
    /// Bytes each domain stream may take. At the limit callers get a 503; nothing is dropped.
    pub max_bytes: i64,
    /// How long messages are kept.
    pub max_age: Duration,
}

impl Default for TopologyOptions {
    fn default() -> Self {
        Self { replicas: 1, max_bytes: 4 << 30, max_age: Duration::from_secs(7 * 24 * 3600) }
    }
}

/// What was done about one stream, consumer or bucket.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Change {
    /// `stream ORDERS`, `consumer INVENTORY/payment-charge`, `bucket journal-snapshots-ORDERS`.
    pub what: String,
    /// What happened to it.
    pub action: Action,
}

/// What happened to one stream, consumer or bucket.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Action {
    /// It was missing.
    Created,
    /// It was as it should be.
    Unchanged,
    /// It differed in these fields.
    Updated(Vec<String>),
    /// It differs in these fields, and changing them would lose messages; it is left as it is.
    Refused(Vec<String>),
}

/// The topology is not, and cannot be made, what it must be.
#[derive(Debug, thiserror::Error)]
pub enum TopologyError {
    /// The broker is out of reach or refused an operation.
    #[error("{what}: {error}")]
    Broker {
        /// What was being looked at.
        what: String,
        /// What the broker said.
        error: String,
        /// It may be different in a moment: the broker is only starting, or out of reach.
        temporary: bool,
    },
    /// Changing it would lose messages or consumers.
    #[error("{what} differs in a way that would lose messages, so nothing was changed: {}", .differences.join("; "))]
    Destructive {
        /// What differs.
        what: String,
        /// How.
        differences: Vec<String>,
    },
    /// Something is missing or differs; `orderfleet setup` mends it.
    #[error("the broker is not set up: {}", .0.join("; "))]
    NotSetUp(Vec<String>),
}
