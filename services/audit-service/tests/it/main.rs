//! The whole service: over streams in memory on both databases, and over a real broker.
#![expect(clippy::unwrap_used, reason = "a failed setup fails the test")]

mod broker;
mod integrity;
mod listing;
mod parameters;
mod rig;
mod slices;
mod timeline;
