//! What a scenario is, and what comes of it.

use std::time::Duration;

use futures_util::future::LocalBoxFuture;

/// For how long the fleet is loaded.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Scale {
    pub(crate) factor: u64,
}

impl Scale {
    /// So many seconds of load in CI, more in the long variant.
    pub(crate) fn seconds(self, seconds: u64) -> u64 {
        seconds * self.factor
    }
}

/// A scenario under way.
pub(crate) type Running = LocalBoxFuture<'static, anyhow::Result<Outcome>>;

/// One way of hurting the fleet.
pub(crate) struct Scenario {
    /// What it is called on the command line and in `docs/RELIABILITY.md`.
    pub(crate) name: &'static str,
    /// What is done to the fleet.
    pub(crate) fault: &'static str,
    pub(crate) run: fn(Scale) -> Running,
}

/// A scenario with a guard switched off.
pub(crate) struct Control {
    /// Which scenario, and without which guard.
    pub(crate) scenario: Scenario,
    /// Words of the failure it has to end in; any other failure proves nothing.
    pub(crate) red: &'static str,
}

/// How a scenario ended that did not fail.
#[derive(Debug)]
pub(crate) enum Outcome {
    /// The promise held.
    Held(Figures),
    /// This machine cannot run it, and why. Not a pass.
    Skipped(String),
}

/// What was measured.
#[derive(Debug, Clone, Default)]
pub(crate) struct Figures {
    /// The longest of the rounds: see `recovery`.
    pub(crate) recovery: Duration,
    /// Which order that was, and what was late about it.
    pub(crate) last: String,
    /// The longest that a caller waited, from the moment its order was due, until it was accepted.
    pub(crate) longest_wait: Duration,
    /// Orders that were accepted.
    pub(crate) orders: u64,
    /// Orders placed per second, in the slowest round.
    pub(crate) rate: f64,
    /// What else there is to say.
    pub(crate) notes: Vec<String>,
}
