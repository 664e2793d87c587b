//! The fault switches, how they are changed at run time, and the fate they give to one request.

use std::time::Duration;

use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};

/// The longest latency or hang that can be set: ten minutes.
const MAX_MILLIS: u64 = 600_000;

/// The fault switches; all off by default. Their effects are in the crate's documentation.
#[derive(Debug, Clone, Copy, PartialEq, Default, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Faults {
    /// Milliseconds every request waits before anything is done.
    pub latency_ms: u64,
    /// Up to this many further milliseconds, drawn per request.
    pub latency_jitter_ms: u64,
    /// Share of charges declined, 0 to 1.
    pub decline_rate: f64,
    /// Share of requests answered 500 with nothing done, 0 to 1.
    pub error_rate: f64,
    /// Share of requests answered 500 with the work done, 0 to 1.
    pub error_after_rate: f64,
    /// Share of requests whose answer comes `hang_ms` late, the work being done at once, 0 to 1.
    pub hang_rate: f64,
    /// Share of requests whose work is done, and answered, `hang_ms` late, 0 to 1.
    pub late_rate: f64,
    /// Milliseconds a hanging or late request takes.
    pub hang_ms: u64,
    /// Share of requests whose connection is closed without an answer, 0 to 1.
    pub reset_rate: f64,
    /// Everything is answered 503.
    pub outage: bool,
    /// Idempotency keys are not honoured.
    pub ignore_idempotency: bool,
}

/// Why a change of the switches was refused; the message names the switch and what it takes.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum FaultError {
    /// There is no such switch.
    #[error("there is no fault switch `{0}`")]
    Unknown(String),
    /// The value does not fit the switch.
    #[error("`{name}` must be {expected}, not {found}")]
    Invalid {
        /// The switch.
        name: String,
        /// What it takes.
        expected: &'static str,
        /// The value given, as JSON.
        found: String,
    },
}

/// What happens to one request.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Fate {
    Serve,
    Outage,
    FailBefore,
    FailAfter,
    Hang(Duration),
    Late(Duration),
    ResetBefore,
    ResetAfter,
}

impl Faults {
    /// These switches with those named in `changes` set anew; all of them or, on an error, none.
    ///
    /// # Errors
    /// An unknown switch, or a value of the wrong type or range.
    pub fn patched(mut self, changes: &Map<String, Value>) -> Result<Self, FaultError> {
        for (name, value) in changes {
            self.set(name, value)?;
        }
        Ok(self)
    }

    fn set(&mut self, name: &str, value: &Value) -> Result<(), FaultError> {
        match name {
            "latency_ms" => self.latency_ms = millis(name, value)?,
            "latency_jitter_ms" => self.latency_jitter_ms = millis(name, value)?,
            "decline_rate" => self.decline_rate = rate(name, value)?,
            "error_rate" => self.error_rate = rate(name, value)?,
            "error_after_rate" => self.error_after_rate = rate(name, value)?,
            "hang_rate" => self.hang_rate = rate(name, value)?,
            "late_rate" => self.late_rate = rate(name, value)?,
            "hang_ms" => self.hang_ms = millis(name, value)?,
            "reset_rate" => self.reset_rate = rate(name, value)?,
            "outage" => self.outage = switch(name, value)?,
            "ignore_idempotency" => self.ignore_idempotency = switch(name, value)?,
            unknown => return Err(FaultError::Unknown(unknown.to_owned())),
        }
        Ok(())
    }

    /// How long a request waits first; `roll` is in `0.0..1.0`.
    pub(crate) fn delay(&self, roll: f64) -> Duration {
        Duration::from_millis(self.latency_ms) + Duration::from_millis(self.latency_jitter_ms).mul_f64(roll)
    }

    /// What happens to a request, `roll` giving a fresh number in `0.0..1.0` per question asked.
    pub(crate) fn fate(&self, mut roll: impl FnMut() -> f64) -> Fate {
        let mut hits = |rate: f64| rate > 0.0 && roll() < rate;
        if self.outage {
            Fate::Outage
        } else if hits(self.error_rate) {
            Fate::FailBefore
        } else if hits(self.error_after_rate) {
            Fate::FailAfter
        } else if hits(self.reset_rate) {
            if hits(0.5) { Fate::ResetBefore } else { Fate::ResetAfter }
        } else if hits(self.hang_rate) {
            Fate::Hang(Duration::from_millis(self.hang_ms))
        } else if hits(self.late_rate) {
            Fate::Late(Duration::from_millis(self.hang_ms))
        } else {
            Fate::Serve
        }
    }
}

fn rate(name: &str, value: &Value) -> Result<f64, FaultError> {
    value
        .as_f64()
        .filter(|rate| (0.0..=1.0).contains(rate))
        .ok_or_else(|| invalid(name, "a number from 0 to 1", value))
}

fn millis(name: &str, value: &Value) -> Result<u64, FaultError> {
    value
        .as_u64()
        .filter(|millis| *millis <= MAX_MILLIS)
        .ok_or_else(|| invalid(name, "a whole number of milliseconds from 0 to 600000", value))
}

fn switch(name: &str, value: &Value) -> Result<bool, FaultError> {
    value.as_bool().ok_or_else(|| invalid(name, "true or false", value))
}

fn invalid(name: &str, expected: &'static str, found: &Value) -> FaultError {
    FaultError::Invalid { name: name.to_owned(), expected, found: found.to_string() }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn patch(changes: &Value) -> Result<Faults, FaultError> {
        Faults::default().patched(changes.as_object().unwrap())
    }

    #[test]
    fn a_change_touches_only_what_it_names() {
        let before = Faults { outage: true, ..Faults::default() };
        let after = before.patched(json!({"latency_ms": 20}).as_object().unwrap()).unwrap();
        assert_eq!(after, Faults { latency_ms: 20, ..before });
    }

    #[test]
    fn refused_changes_say_why() {
        let table = [
            (json!({"decline_rate": 1.5}), "`decline_rate` must be a number from 0 to 1, not 1.5"),
            (json!({"error_rate": -0.1}), "`error_rate` must be a number from 0 to 1, not -0.1"),
            (json!({"reset_rate": "1"}), "`reset_rate` must be a number from 0 to 1, not \"1\""),
            (
                json!({"hang_ms": 600_001}),
                "`hang_ms` must be a whole number of milliseconds from 0 to 600000, not 600001",
            ),
            (json!({"outage": null}), "`outage` must be true or false, not null"),
            (json!({"lag": 3}), "there is no fault switch `lag`"),
        ];
        for (changes, message) in table {
            assert_eq!(patch(&changes).unwrap_err().to_string(), message);
        }
    }

    #[test]
    fn every_switch_has_its_fate() {
        let off = Faults::default();
        let table = [
            (off, 0.0, Fate::Serve),
            (Faults { outage: true, error_rate: 1.0, ..off }, 0.0, Fate::Outage),
            (Faults { error_rate: 0.3, ..off }, 0.29, Fate::FailBefore),
            (Faults { error_rate: 0.3, ..off }, 0.3, Fate::Serve),
            (Faults { error_after_rate: 1.0, ..off }, 0.9, Fate::FailAfter),
            (Faults { reset_rate: 1.0, ..off }, 0.4, Fate::ResetBefore),
            (Faults { reset_rate: 1.0, ..off }, 0.6, Fate::ResetAfter),
            (Faults { hang_rate: 1.0, hang_ms: 5, ..off }, 0.0, Fate::Hang(Duration::from_millis(5))),
            (Faults { late_rate: 1.0, hang_ms: 5, ..off }, 0.0, Fate::Late(Duration::from_millis(5))),
        ];
        for (faults, roll, fate) in table {
            assert_eq!(faults.fate(|| roll), fate, "{faults:?} with {roll}");
        }
    }

    #[test]
    fn the_delay_is_the_latency_plus_a_share_of_the_jitter() {
        let faults = Faults { latency_ms: 100, latency_jitter_ms: 50, ..Faults::default() };
        assert_eq!(faults.delay(0.0), Duration::from_millis(100));
        assert_eq!(faults.delay(0.5), Duration::from_millis(125));
    }
}
