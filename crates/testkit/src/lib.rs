//! Test support: a real nats-server per test, a simulated one in memory, and waiting for conditions instead of sleeping.
//!
//! A development dependency only. What fails here is the test's set-up, so everything panics with the reason instead
//! of returning errors.

mod broker;
pub mod certificates;
mod eventually;
pub mod simulated;

pub use broker::{Broker, broker, broker_sync_always, broker_with};
pub use eventually::{Condition, eventually};
