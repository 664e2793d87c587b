//! What a bench comes to, as plain data; serialised it is the JSON that `docs/BENCHMARKS.md` explains.

use std::{collections::BTreeMap, time::Duration};

use serde::Serialize;

use super::{
    ceiling::Ceiling,
    course::{Kind, Profile, Shortfall},
    machine::Machine,
};
use crate::load::Latency;

/// Everything that was measured.
#[derive(Debug, Clone, Serialize)]
pub(crate) struct Figures {
    /// What kind of day it was.
    pub(crate) profile: Profile,
    /// Whether each message was on the disk before it counted as stored.
    pub(crate) fsync: bool,
    /// What ran where.
    pub(crate) machine: Machine,
    /// Each stage, the warm-up among them.
    pub(crate) stages: Vec<StageFigures>,
    /// Which of them the bench is about, if any: the one measured, the burst, the highest step that the fleet kept up
    /// with.
    pub(crate) headline: Option<usize>,
    /// What the broker alone would carry, measured before the fleet was started.
    pub(crate) ceiling: Option<Ceiling>,
    /// What the fleet accepted per second in that stage, as a share of it.
    pub(crate) share_of_ceiling: Option<f64>,
    /// From hop to hop, of orders due in that stage; the last is the whole way.
    pub(crate) hops: Vec<Hop>,
    /// Bytes on the disk per accepted order, by what they are.
    pub(crate) disk_bytes_per_order: BTreeMap<String, f64>,
    /// The orders that were accepted and had no outcome yet.
    pub(crate) backlog: Backlog,
    /// Second by second.
    pub(crate) series: Vec<SecondFigures>,
    /// Of each process, second by second: the second since the load began, and bytes of memory then.
    pub(crate) memory: BTreeMap<String, Vec<(u64, u64)>>,
    /// Orders that were accepted, in all.
    pub(crate) accepted: u64,
    /// Requests that were sent again because the fleet was away or asked for patience.
    pub(crate) retries: u64,
    /// Answers that should not have been: the first ones.
    pub(crate) unexpected: Vec<String>,
    /// All of them.
    pub(crate) unexpected_count: u64,
}

/// How long something took, in microseconds.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize)]
pub(crate) struct Percentiles {
    pub(crate) count: u64,
    pub(crate) p50: u64,
    pub(crate) p90: u64,
    pub(crate) p99: u64,
    pub(crate) p999: u64,
    pub(crate) max: u64,
}

impl Percentiles {
    /// Those of what was recorded.
    #[must_use]
    pub(crate) fn of(latency: &Latency) -> Self {
        let at = |share| micros(latency.quantile(share));
        Self {
            count: latency.count(),
            p50: at(0.5),
            p90: at(0.9),
            p99: at(0.99),
            p999: at(0.999),
            max: micros(latency.max()),
        }
    }
}

/// One stage.
#[derive(Debug, Clone, Serialize)]
pub(crate) struct StageFigures {
    /// What it was for.
    pub(crate) kind: Kind,
    /// Orders due per second.
    pub(crate) rate: f64,
    /// How long it lasted.
    pub(crate) seconds: f64,
    /// Orders due.
    pub(crate) due: u64,
    /// Of those, never placed: too many others were under way until the stage was over.
    pub(crate) not_placed: u64,
    /// Orders accepted while it lasted.
    pub(crate) accepted_per_second: f64,
    /// Orders confirmed while it lasted, as the order service counts them.
    pub(crate) confirmed_per_second: f64,
    /// Orders confirmed or cancelled while it lasted, as the order service counts them.
    pub(crate) decided_per_second: f64,
    /// From when an order was due until it was accepted.
    pub(crate) acceptance_us: Percentiles,
    /// From when an order was due until its caller could read that it is confirmed; of a sample.
    pub(crate) confirmation_us: Percentiles,
    /// The share of the orders above which, by latency: for the curve.
    pub(crate) acceptance_curve: Vec<(f64, u64)>,
    /// The same of the sample's confirmations.
    pub(crate) confirmation_curve: Vec<(f64, u64)>,
    /// Why the fleet did not keep up, if it did not.
    pub(crate) shortfall: Option<Shortfall>,
    /// Processors that fleet, broker and generator used together, in cores.
    pub(crate) cores: Option<f64>,
    /// Processors that everybody else on the machine used, in cores.
    pub(crate) cores_of_others: Option<f64>,
    /// Processors that the hypervisor kept away from this machine, in cores.
    pub(crate) cores_stolen: Option<f64>,
    /// By process.
    pub(crate) processes: Vec<ProcessFigures>,
    /// By service and stream.
    pub(crate) commits: Vec<CommitFigures>,
}

/// What a process used in a stage.
#[derive(Debug, Clone, Serialize)]
pub(crate) struct ProcessFigures {
    pub(crate) name: String,
    /// User and system, per accepted order.
    pub(crate) cpu_us_per_order: f64,
    /// Memory when the stage began.
    pub(crate) rss_start: u64,
    /// Memory when it ended.
    pub(crate) rss_end: u64,
    /// The most it had had up to then.
    pub(crate) rss_peak: u64,
}

/// What a service stored in a stream.
#[derive(Debug, Clone, Serialize)]
pub(crate) struct CommitFigures {
    pub(crate) service: String,
    pub(crate) stream: String,
    pub(crate) commits_per_second: f64,
    /// How much at once, on average.
    pub(crate) messages_per_commit: f64,
}

/// From one event of an order's life to another, as the broker stored them.
#[derive(Debug, Clone, Serialize)]
pub(crate) struct Hop {
    pub(crate) from: &'static str,
    pub(crate) to: &'static str,
    pub(crate) took_us: Percentiles,
}

/// How far the fleet was behind.
#[derive(Debug, Clone, Copy, Default, Serialize)]
pub(crate) struct Backlog {
    /// The most orders without an outcome at any full second.
    pub(crate) largest: u64,
    /// From the end of the last stage until every order had its outcome.
    pub(crate) seconds_after_load: f64,
    /// From the end of the burst until no more orders were open than before it, or than come in a second at the base
    /// rate.
    pub(crate) seconds_after_burst: Option<f64>,
}

/// One second.
#[derive(Debug, Clone, Copy, Default, Serialize)]
pub(crate) struct SecondFigures {
    pub(crate) second: usize,
    /// Orders due in it.
    pub(crate) due: u64,
    /// Orders accepted in it.
    pub(crate) accepted: u64,
    /// Orders confirmed in it, as the order service counts them.
    pub(crate) confirmed: Option<u64>,
    /// Orders without an outcome at its end.
    pub(crate) open: Option<u64>,
    /// Of what was accepted in it, half was within this time.
    pub(crate) acceptance_p50_us: Option<u64>,
    /// And 99 of 100 within this.
    pub(crate) acceptance_p99_us: Option<u64>,
    /// Of what was confirmed in it, half was within this time.
    pub(crate) confirmation_p50_us: Option<u64>,
    /// And 99 of 100 within this.
    pub(crate) confirmation_p99_us: Option<u64>,
}

/// For figures, which are whole numbers.
pub(super) fn micros(took: Duration) -> u64 {
    u64::try_from(took.as_micros()).unwrap_or(u64::MAX)
}
