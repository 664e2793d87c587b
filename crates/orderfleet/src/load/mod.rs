//! Callers: a planned load of orders over HTTP, and what came of it.
//!
//! The load is open loop: an order is placed when it is due, however long the ones before it take, as a
//! crowd of customers would. Whoever is turned away with a reason to come back, or meets a fleet that is
//! away, comes back with the same idempotency key until [`Options::patience`] ends.

mod drive;
mod lull;
mod plan;
mod results;
mod shopper;
mod surprises;

pub use drive::{Load, Options, Progress};
pub use lull::Lull;
pub use plan::{Mix, Plan, PlannedOrder, Twist};
pub use results::{Latency, Results};
pub use surprises::Surprises;
