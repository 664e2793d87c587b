//! The whole service against a real broker and a real database, with the test in the place of inventory and
//! payment.
#![expect(clippy::unwrap_used, reason = "a failed setup fails the test")]

mod bad_input;
mod cancel;
mod client;
mod golden;
mod idempotency;
mod life;
mod list;
mod outage;
mod replicas;
mod rig;
mod stuck;
mod wait;
