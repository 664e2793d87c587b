//! SQL read models fed from the log, on SQLite or PostgreSQL by the same code.
//!
//! A [`Projection`] says which streams it reads, what its tables look like and what a batch of messages
//! does to them. A [`Projector`] feeds it: it reads the streams from the offsets stored in the same
//! database, and commits the rows together with the new offsets. Whatever is killed when, each message
//! has its effect exactly once.
//!
//! | module | what it is for |
//! |---|---|
//! | [`store`] | opens the database, durable or not at all |
//! | [`schema`] | tables, versioned |
//! | [`projection`] | what a read model must say of itself |
//! | [`projector`] | the loop that feeds it; one active per database |
//! | [`progress`] | how far it is, to wait for and to report |
//! | [`insert`] | many rows by one statement |
//! | [`source`] | where the streams are read from |
//! | [`metrics`] | every metric of this crate |
//!
//! Placeholders are written `$1` everywhere: both databases take them. One word differs between their
//! dialects, see [`schema::Migration`].

pub mod insert;
mod lock;
pub mod metrics;
mod offsets;
pub mod progress;
pub mod projection;
pub mod projector;
mod readers;
pub mod schema;
mod session;
pub mod source;
pub mod store;
#[cfg(feature = "testing")]
pub mod testing;

pub use insert::Insert;
pub use metrics::Metrics;
pub use progress::{Handle, Role, Status};
pub use projection::{ApplyError, Batch, Entry, Gap, Projection, Tx};
pub use projector::{Projector, ProjectorConfig, ProjectorError};
pub use schema::{Migration, SchemaError};
pub use source::Source;
pub use store::{Backend, OpenError, Store};
