//! JetStream and nothing else: what the services need of the log, in three patterns.
//!
//! | module | what it is for |
//! |---|---|
//! | [`log`] | the narrow trait over JetStream that everything else here is written against |
//! | [`jetstream`] | that trait over a real server |
//! | [`topology`] | streams and consumers as data: create, compare, refuse |
//! | [`commit`] | group commit: many publishes, one fsync |
//! | [`journal`] | a stream with one active writer, its state the fold of its events |
//! | [`worker`] | competing consumers that do I/O for each event |
//! | [`dead_letter`] | where a message goes that cannot be handled |
//! | [`permissions`] | who may do what at the broker |
//! | [`headers`] | the names of headers, and a map of them |
//! | [`trace`] | trace context in and out of headers |
//! | [`clock`] | the time of day, as an input |
//! | [`metrics`] | every metric of this crate |
//! | [`error_chain()`] | an error and what caused it, in one line |
//!
//! This crate matches on no event but those about its own dead letters, and decides nothing about orders.
//! Of those a service is made of, it is the only one that names the broker's client.

pub mod clock;
pub mod commit;
pub mod dead_letter;
mod error_chain;
pub mod headers;
pub mod jetstream;
pub mod journal;
pub mod log;
pub mod metrics;
pub mod permissions;
pub mod topology;
pub mod trace;
pub mod worker;

pub use error_chain::error_chain;
