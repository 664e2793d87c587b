//! The whole service against a real broker and a gateway.
#![expect(clippy::unwrap_used, reason = "a failed setup fails the test")]

mod https;
mod payments;
mod rig;
mod trouble;
mod unreadable;
