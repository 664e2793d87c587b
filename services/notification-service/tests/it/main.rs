//! The whole service against a real broker.
#![expect(clippy::unwrap_used, reason = "a failed setup fails the test")]

mod notifications;
mod rig;
