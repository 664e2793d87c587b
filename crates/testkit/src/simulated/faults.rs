//! What can go wrong between a process and the broker, and how often.

use std::time::Duration;

use super::dice::Dice;

/// Faults of the network and the broker. Probabilities are from 0 to 1; [`none`](Self::none) is a
/// network without delay that loses nothing.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct NetFaults {
    /// How long anything takes in one direction, in milliseconds, drawn from this range.
    pub latency_ms: (u64, u64),
    /// A request is lost on its way: nothing happens, and no answer comes.
    pub unknown_before: f64,
    /// A request takes effect, and its answer is lost.
    pub unknown_after: f64,
    /// A request takes effect long after its sender has given up waiting: half of a broken connection.
    pub late: f64,
    /// How late, in milliseconds.
    pub late_ms: (u64, u64),
    /// An answer to a delivery (done, busy, handed back, never again) is lost.
    pub lost_ack: f64,
    /// A listener does not hear a beat.
    pub lost_beat: f64,
    /// A message that is in a worker's hands is handed out once more.
    pub duplicate_delivery: f64,
    /// What is on its way to a reader or a worker takes long, as when a connection is made anew.
    pub stall: f64,
    /// How long, in milliseconds.
    pub stall_ms: (u64, u64),
    /// Nothing comes through in either direction: the broker's outage, or one process's partition.
    pub outage: bool,
    /// The disk is full: nothing is stored. Of meaning to the whole broker alone.
    pub full: bool,
}

impl NetFaults {
    /// A network without delay that loses nothing.
    #[must_use]
    pub const fn none() -> Self {
        Self {
            latency_ms: (0, 0),
            unknown_before: 0.0,
            unknown_after: 0.0,
            late: 0.0,
            late_ms: (1_000, 10_000),
            lost_ack: 0.0,
            lost_beat: 0.0,
            duplicate_delivery: 0.0,
            stall: 0.0,
            stall_ms: (500, 5_000),
            outage: false,
            full: false,
        }
    }

    /// How long something takes in one direction.
    pub(super) fn latency(&self, dice: &mut Dice) -> Duration {
        dice.millis(self.latency_ms)
    }

    /// How long it takes from the broker to a reader or a worker.
    pub(super) fn delivery(&self, dice: &mut Dice) -> Duration {
        let stall = if dice.chance(self.stall) { dice.millis(self.stall_ms) } else { Duration::ZERO };
        self.latency(dice) + stall
    }

    /// What becomes of an answer to a delivery.
    pub(super) fn fate_of_ack(&self, dice: &mut Dice) -> Fate {
        if dice.chance(self.lost_ack) {
            Fate::Lost
        } else if dice.chance(self.late) {
            Fate::Late(dice.millis(self.late_ms))
        } else {
            Fate::Answered
        }
    }

    /// What becomes of a request.
    pub(super) fn fate(&self, dice: &mut Dice) -> Fate {
        if dice.chance(self.unknown_before) {
            Fate::Lost
        } else if dice.chance(self.late) {
            Fate::Late(dice.millis(self.late_ms))
        } else if dice.chance(self.unknown_after) {
            Fate::Unanswered
        } else {
            Fate::Answered
        }
    }
}

impl Default for NetFaults {
    fn default() -> Self {
        Self::none()
    }
}

/// What becomes of a request.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Fate {
    /// It takes effect and is answered.
    Answered,
    /// It takes effect; the answer is lost.
    Unanswered,
    /// It takes effect so much later; there is no answer.
    Late(Duration),
    /// It never arrives.
    Lost,
}

impl Fate {
    /// What the trace says besides.
    pub(super) fn remark(self) -> &'static str {
        match self {
            Self::Answered | Self::Lost => "",
            Self::Unanswered => " (nobody is told)",
            Self::Late(_) => " (late, nobody is told)",
        }
    }
}
