//! The simulated broker's faults: each that is set does occur, and does what it says.
//!
//! What it does when nothing goes wrong is held against a real server, in `crates/messaging/tests/conformance`.
#![expect(clippy::unwrap_used, reason = "a failed setup fails the test")]

mod lives;
mod network;
mod outage;
mod seeds;
mod support;
