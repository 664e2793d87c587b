//! The gateway over HTTP.
#![expect(clippy::unwrap_used, reason = "a failed setup fails the test")]

mod api;
mod caller;
mod faults;
