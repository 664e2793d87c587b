//! Which orders are due when: the stages of each profile. Pure.

use std::time::Duration;

use serde::Serialize;

use crate::load::Mix;

/// What kind of day it is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, clap::ValueEnum)]
#[serde(rename_all = "kebab-case")]
pub(crate) enum Profile {
    /// One rate.
    Steady,
    /// Ever more, until the fleet falls behind.
    Ramp,
    /// A flash sale: ten times as many for half a minute, most of whom want the same.
    BlackFriday,
}

impl Profile {
    /// Orders per second that it begins with unless told otherwise.
    #[must_use]
    pub(crate) fn usual_rate(self) -> f64 {
        match self {
            Self::Steady => 1_000.0,
            Self::Ramp => 500.0,
            Self::BlackFriday => 150.0,
        }
    }

    /// Seconds that a stage lasts unless told otherwise: of the steady one the whole, of the ramp a step, of the flash
    /// sale what comes before the burst and again after it.
    #[must_use]
    pub(crate) fn usual_seconds(self) -> u64 {
        match self {
            Self::Steady => 60,
            Self::Ramp => 15,
            Self::BlackFriday => 20,
        }
    }

    /// What is ordered.
    #[must_use]
    pub(crate) fn mix(self) -> Mix {
        match self {
            Self::Steady | Self::Ramp => Mix::EVERYDAY,
            Self::BlackFriday => Mix::FLASH_SALE,
        }
    }
}

/// How much more comes in the burst of a flash sale.
const BURST: f64 = 10.0;
/// How long it lasts.
const BURST_LASTS: Duration = Duration::from_secs(30);
/// More orders a second than any fleet keeps up with: no step of a ramp is higher, however large its steps.
const MOST_A_SECOND: f64 = 100_000.0;
/// More steps than any ramp takes before something gives way.
const MOST_STEPS: usize = 20;
/// How much of what is due must be done for a fleet to keep up.
const ENOUGH: f64 = 0.95;

/// A stretch of time with one rate.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(crate) struct Stage {
    pub(crate) kind: Kind,
    pub(crate) rate: f64,
    pub(crate) lasts: Duration,
}

/// What a stage is for.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub(crate) enum Kind {
    /// Not measured: connections are opened, memory is taken.
    WarmUp,
    /// One rate, to be measured.
    Steady,
    Step,
    Before,
    Burst,
    After,
}

impl Kind {
    /// For people.
    #[must_use]
    pub(crate) fn as_str(self) -> &'static str {
        match self {
            Self::WarmUp => "warm-up",
            Self::Steady => "steady",
            Self::Step => "step",
            Self::Before => "before",
            Self::Burst => "burst",
            Self::After => "after",
        }
    }
}

impl Stage {
    /// How many orders are due in it.
    #[must_use]
    pub(crate) fn orders(&self) -> u64 {
        #[expect(
            clippy::cast_possible_truncation,
            clippy::cast_sign_loss,
            reason = "a small positive number"
        )]
        let orders = (self.rate * self.lasts.as_secs_f64()).round() as u64;
        orders
    }

    /// When one of them is due, from the start of the stage.
    #[must_use]
    pub(crate) fn due(&self, place: u64) -> Duration {
        Duration::from_secs_f64(place as f64 / self.rate)
    }
}

/// What is asked for.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(crate) struct Wish {
    pub(crate) profile: Profile,
    /// Orders per second that it begins with.
    pub(crate) rate: f64,
    /// How long a stage lasts.
    pub(crate) seconds: u64,
    /// How long the load goes on before it is measured.
    pub(crate) warm_up: u64,
    /// By which factor each step of a ramp is more than the one before.
    pub(crate) growth: f64,
    /// Acceptance may take so long for 99 of 100 orders; beyond it a ramp ends.
    pub(crate) limit: Duration,
}

impl Wish {
    /// The next stage, after those that were.
    #[must_use]
    pub(crate) fn stage(&self, before: &[Stage]) -> Option<Stage> {
        let stage = |kind, rate, lasts| Some(Stage { kind, rate, lasts });
        let lasts = Duration::from_secs(self.seconds);
        if before.is_empty() && self.warm_up > 0 {
            return stage(Kind::WarmUp, self.rate, Duration::from_secs(self.warm_up));
        }
        let measured = before.iter().filter(|stage| stage.kind != Kind::WarmUp).count();
        match (self.profile, measured) {
            (Profile::Steady, 0) => stage(Kind::Steady, self.rate, lasts),
            (Profile::Ramp, step @ 0..MOST_STEPS) => {
                let times = i32::try_from(step).unwrap_or(i32::MAX);
                let rate = (self.rate * self.growth.powi(times)).round().min(MOST_A_SECOND);
                stage(Kind::Step, rate.max(self.rate), lasts)
            }
            (Profile::BlackFriday, 0) => stage(Kind::Before, self.rate, lasts),
            (Profile::BlackFriday, 1) => stage(Kind::Burst, self.rate * BURST, BURST_LASTS),
            (Profile::BlackFriday, 2) => stage(Kind::After, self.rate, lasts),
            (Profile::Steady | Profile::Ramp | Profile::BlackFriday, _) => None,
        }
    }

    /// More orders than are ever due.
    #[must_use]
    pub(crate) fn most_orders(&self) -> u64 {
        let mut stages = Vec::new();
        while let Some(stage) = self.stage(&stages) {
            stages.push(stage);
        }
        stages.iter().map(Stage::orders).sum()
    }

    /// Why the fleet did not keep up with a stage; `None` if it did.
    #[must_use]
    pub(super) fn shortfall(&self, pace: &Pace) -> Option<Shortfall> {
        if pace.not_placed > 0 || pace.accepted < pace.due * ENOUGH {
            return Some(Shortfall::Accepted);
        }
        if pace.decided < pace.due * ENOUGH {
            return Some(Shortfall::Decided);
        }
        (pace.p99 > self.limit).then_some(Shortfall::Latency)
    }
}

/// How a stage went, in orders per second.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(super) struct Pace {
    pub(super) due: f64,
    /// Orders, all in all, that could not even be placed.
    pub(super) not_placed: u64,
    pub(super) accepted: f64,
    /// Confirmed or cancelled.
    pub(super) decided: f64,
    /// Within which 99 of 100 orders were accepted.
    pub(super) p99: Duration,
}

/// In what a fleet fell behind.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub(crate) enum Shortfall {
    /// Fewer orders were accepted than were due.
    Accepted,
    /// Fewer orders were confirmed or cancelled than were due.
    Decided,
    /// Acceptance took too long.
    Latency,
}

impl Shortfall {
    /// For people.
    #[must_use]
    pub(crate) fn as_str(self) -> &'static str {
        match self {
            Self::Accepted => "accepts fewer than are due",
            Self::Decided => "decides fewer than are due",
            Self::Latency => "takes too long to accept",
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn wish(profile: Profile) -> Wish {
        Wish {
            profile,
            rate: 100.0,
            seconds: 10,
            warm_up: 5,
            growth: 1.25,
            limit: Duration::from_millis(500),
        }
    }

    fn stages(wish: &Wish, most: usize) -> Vec<(Kind, f64, u64)> {
        let mut stages = Vec::new();
        while let Some(stage) = wish.stage(&stages).filter(|_| stages.len() < most) {
            stages.push(stage);
        }
        stages.iter().map(|stage| (stage.kind, stage.rate, stage.lasts.as_secs())).collect()
    }

    #[test]
    fn each_profile_has_its_stages() {
        assert_eq!(stages(&wish(Profile::Steady), 9), [(Kind::WarmUp, 100.0, 5), (Kind::Steady, 100.0, 10)]);
        assert_eq!(
            stages(&wish(Profile::Ramp), 4),
            [
                (Kind::WarmUp, 100.0, 5),
                (Kind::Step, 100.0, 10),
                (Kind::Step, 125.0, 10),
                (Kind::Step, 156.0, 10)
            ]
        );
        assert_eq!(
            stages(&Wish { warm_up: 0, ..wish(Profile::BlackFriday) }, 9),
            [(Kind::Before, 100.0, 10), (Kind::Burst, 1_000.0, 30), (Kind::After, 100.0, 10)]
        );
    }

    #[test]
    fn no_ramp_goes_on_for_ever() {
        assert_eq!(stages(&wish(Profile::Ramp), 1_000).len(), MOST_STEPS + 1);
        assert_eq!(wish(Profile::Steady).most_orders(), 1_500);
    }

    /// For all of them there has to be enough in stock before the first.
    #[test]
    fn no_ramp_is_of_more_orders_than_can_be_told() {
        for growth in [1.25, 2.0, 3.0, 10.0] {
            let ramp = Wish { growth, rate: 500.0, seconds: 15, ..wish(Profile::Ramp) };
            let orders = ramp.most_orders();
            assert!(orders <= 100_000_000, "{orders} by steps of {growth}");
        }
    }

    #[test]
    fn orders_are_due_in_step() {
        let stage = Stage { kind: Kind::Steady, rate: 200.0, lasts: Duration::from_secs(3) };
        assert_eq!(
            (stage.orders(), stage.due(0), stage.due(300)),
            (600, Duration::ZERO, Duration::from_millis(1_500))
        );
    }

    #[test]
    fn a_fleet_keeps_up_when_it_accepts_and_decides_in_time() {
        let wish = wish(Profile::Ramp);
        let good = Pace {
            due: 1_000.0,
            not_placed: 0,
            accepted: 990.0,
            decided: 980.0,
            p99: Duration::from_millis(80),
        };
        let slow = Duration::from_millis(501);
        assert_eq!(wish.shortfall(&good), None);
        assert_eq!(wish.shortfall(&Pace { accepted: 949.0, ..good }), Some(Shortfall::Accepted));
        assert_eq!(wish.shortfall(&Pace { not_placed: 1, ..good }), Some(Shortfall::Accepted));
        assert_eq!(wish.shortfall(&Pace { decided: 949.0, ..good }), Some(Shortfall::Decided));
        assert_eq!(wish.shortfall(&Pace { p99: slow, ..good }), Some(Shortfall::Latency));
    }
}
