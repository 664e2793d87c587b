//! The whole service against a real broker: the stock API, the journal behind it, and two replicas of both.
#![expect(clippy::unwrap_used, reason = "a failed setup fails the test")]

mod adjustments;
mod bad_input;
mod golden;
mod orders;
mod replicas;
mod rig;
mod trouble;
