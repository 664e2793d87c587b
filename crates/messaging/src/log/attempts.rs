//! What is remembered of a message between two deliveries of it, so that being handed back is no failure.

use events::Timestamp;
use serde::{Deserialize, Serialize};

/// What one consumer knows of a message it has handed back, is about to handle alone, or was handed while it had it.
///
/// Deliveries that came after it and of which nobody says how they ended are counted as failures: the
/// process died with the message in hand.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Attempts {
    /// Deliveries this accounts for.
    pub deliveries: u64,
    /// Attempts that failed among them.
    pub failed: u64,
    /// An attempt was begun in one of them, and may have had an effect.
    pub begun: bool,
    /// When the first of these failed, as far as known.
    pub first_failure: Option<Timestamp>,
    /// The next delivery is handled with nothing else in hand, because it may kill the process.
    pub alone: bool,
    /// How often in a row it has: the process died, and nothing else was being handled.
    #[serde(default)]
    pub died_alone: u64,
}
