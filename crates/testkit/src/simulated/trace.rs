//! What happened, one readable line each; costs nothing while it is off.

use std::{fmt::Display, time::Duration};

/// The lines written so far.
#[derive(Debug, Default)]
pub(super) struct Trace {
    on: bool,
    lines: Vec<String>,
}

impl Trace {
    pub(super) fn switch(&mut self, on: bool) {
        self.on = on;
    }

    pub(super) fn is_on(&self) -> bool {
        self.on
    }

    /// The text if anybody wants to read it.
    pub(super) fn text(&self, what: impl FnOnce() -> String) -> String {
        if self.on { what() } else { String::new() }
    }

    /// Notes what `who` did at a time since the start.
    pub(super) fn note<D: Display>(&mut self, since_start: Duration, who: &str, what: impl FnOnce() -> D) {
        if self.on {
            self.lines.push(format!("t={:.3}s {who} {}", since_start.as_secs_f64(), what()));
        }
    }

    pub(super) fn lines(&self) -> Vec<String> {
        self.lines.clone()
    }
}
