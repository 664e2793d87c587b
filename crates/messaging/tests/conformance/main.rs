//! What the trait `Log` promises, held against a real nats-server and against the simulated one alike.
//!
//! Where the two differ the simulation would prove something about another broker than the one that runs.
#![expect(clippy::unwrap_used, reason = "a failed setup fails the test")]

mod alike;
mod batches;
mod consuming;
mod handing_back;
mod keeping;
mod publishing;
mod reading;
mod rig;
