//! The time of day, as an input: the process hands a real clock in, a test a manual one.

use std::sync::Arc;

use events::Timestamp;

/// Tells the time of day.
pub type Clock = Arc<dyn Fn() -> Timestamp + Send + Sync>;
