//! What a bench comes to, as plain data; serialised it is the JSON that `docs/BENCHMARKS.md` explains.

use std::{collections::BTreeMap, time::Duration};

use serde::Serialize;

use super::{
    course::{Kind, Pace, Profile, Shortfall, Stage, Wish},
    machine::Machine,
    tally::{Sketch, StageTally, Tally},
    watch::{Commits, Look, Outcomes},
};
use crate::load::Latency;

/// Everything that was measured.
#[derive(Debug, Clone, Serialize)]
pub struct Figures {
    /// What kind of day it was.
    pub profile: Profile,
    /// Whether each message was on the disk before it counted as stored.
    pub fsync: bool,
    /// What ran where.
    pub machine: Machine,
    /// Each stage, the warm-up among them.
    pub stages: Vec<StageFigures>,
    /// Which of them the bench is about, if any: the one measured, the burst, the highest step that the fleet kept up
    /// with.
    pub headline: Option<usize>,
    /// From hop to hop, of orders due in that stage; the last is the whole way.
    pub hops: Vec<Hop>,
    /// Bytes on the disk per accepted order, by what they are.
    pub disk_bytes_per_order: BTreeMap<String, f64>,
    /// The orders that were accepted and had no outcome yet.
    pub backlog: Backlog,
    /// Second by second.
    pub series: Vec<SecondFigures>,
    /// Orders that were accepted, in all.
    pub accepted: u64,
    /// Requests that were sent again because the fleet was away or asked for patience.
    pub retries: u64,
    /// Answers that should not have been: the first ones.
    pub unexpected: Vec<String>,
    /// All of them.
    pub unexpected_count: u64,
}

/// How long something took, in microseconds.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize)]
#[expect(missing_docs, reason = "the names say it all")]
pub struct Percentiles {
    pub count: u64,
    pub p50: u64,
    pub p90: u64,
    pub p99: u64,
    pub p999: u64,
    pub max: u64,
}

impl Percentiles {
    /// Those of what was recorded.
    #[must_use]
    pub fn of(latency: &Latency) -> Self {
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
pub struct StageFigures {
    /// What it was for.
    pub kind: Kind,
    /// Orders due per second.
    pub rate: f64,
    /// How long it lasted.
    pub seconds: f64,
    /// Orders due.
    pub due: u64,
    /// Of those, never placed: too many others were under way until the stage was over.
    pub not_placed: u64,
    /// Orders accepted while it lasted.
    pub accepted_per_second: f64,
    /// Orders confirmed while it lasted, as the order service counts them.
    pub confirmed_per_second: f64,
    /// Orders confirmed or cancelled while it lasted, as the order service counts them.
    pub decided_per_second: f64,
    /// From when an order was due until it was accepted.
    pub acceptance_us: Percentiles,
    /// From when an order was due until its caller could read that it is confirmed; of a sample.
    pub confirmation_us: Percentiles,
    /// The share of the orders above which, by latency: for the curve.
    pub acceptance_curve: Vec<(f64, u64)>,
    /// The same of the sample's confirmations.
    pub confirmation_curve: Vec<(f64, u64)>,
    /// Why the fleet did not keep up, if it did not.
    pub shortfall: Option<Shortfall>,
    /// Processors that fleet, broker and generator used together, in cores.
    pub cores: Option<f64>,
    /// Processors that everybody else on the machine used, in cores.
    pub cores_of_others: Option<f64>,
    /// Processors that the hypervisor kept away from this machine, in cores.
    pub cores_stolen: Option<f64>,
    /// By process.
    pub processes: Vec<ProcessFigures>,
    /// By service and stream.
    pub commits: Vec<CommitFigures>,
}

/// What a process used in a stage.
#[derive(Debug, Clone, Serialize)]
pub struct ProcessFigures {
    /// Which.
    pub name: String,
    /// User and system, per accepted order.
    pub cpu_us_per_order: f64,
    /// Memory when the stage began.
    pub rss_start: u64,
    /// Memory when it ended.
    pub rss_end: u64,
    /// The most it had had up to then.
    pub rss_peak: u64,
}

/// What a service stored in a stream.
#[derive(Debug, Clone, Serialize)]
pub struct CommitFigures {
    /// Who.
    pub service: String,
    /// Where.
    pub stream: String,
    /// How often.
    pub commits_per_second: f64,
    /// How much at once, on average.
    pub messages_per_commit: f64,
}

/// From one event of an order's life to another, as the broker stored them.
#[derive(Debug, Clone, Serialize)]
#[expect(missing_docs, reason = "the names say it all")]
pub struct Hop {
    pub from: &'static str,
    pub to: &'static str,
    pub took_us: Percentiles,
}

/// How far the fleet was behind.
#[derive(Debug, Clone, Copy, Default, Serialize)]
pub struct Backlog {
    /// The most orders without an outcome at any full second.
    pub largest: u64,
    /// From the end of the last stage until every order had its outcome.
    pub seconds_after_load: f64,
    /// From the end of the burst until no more orders were open than are at any time at the usual rate.
    pub seconds_after_burst: Option<f64>,
}

/// One second.
#[derive(Debug, Clone, Copy, Default, Serialize)]
pub struct SecondFigures {
    /// Which.
    pub second: usize,
    /// Orders due in it.
    pub due: u64,
    /// Orders accepted in it.
    pub accepted: u64,
    /// Orders confirmed in it, as the order service counts them.
    pub confirmed: Option<u64>,
    /// Orders without an outcome at its end.
    pub open: Option<u64>,
    /// Of what was accepted in it, half was within this time.
    pub acceptance_p50_us: Option<u64>,
    /// And 99 of 100 within this.
    pub acceptance_p99_us: Option<u64>,
    /// Of what was confirmed in it, half was within this time.
    pub confirmation_p50_us: Option<u64>,
    /// And 99 of 100 within this.
    pub confirmation_p99_us: Option<u64>,
}

/// How a stage went between two looks.
pub(super) fn pace(stage: &Stage, tally: &StageTally, before: &Look, after: &Look) -> Pace {
    let per_second = rates(before, after);
    Pace {
        due: stage.rate,
        accepted: per_second.accepted,
        decided: per_second.decided,
        p99: tally.acceptance.quantile(0.99),
    }
}

/// Everything about a stage.
pub(super) fn stage(
    wish: &Wish,
    stage: &Stage,
    tally: &StageTally,
    before: &Look,
    after: &Look,
) -> StageFigures {
    let seconds = after.at.duration_since(before.at).as_secs_f64();
    let per_second = rates(before, after);
    let orders = (after.outcomes.accepted - before.outcomes.accepted).max(1.0);
    let used: Option<f64> = cpu(before, after).map(|(_, cpu)| cpu).sum();
    let machine = before.machine.zip(after.machine);
    let busy = machine.map(|(before, after)| (after.used - before.used) / seconds);
    let cores = used.map(|used| used / seconds);
    StageFigures {
        kind: stage.kind,
        rate: stage.rate,
        seconds,
        due: tally.due,
        not_placed: tally.not_placed,
        accepted_per_second: per_second.accepted,
        confirmed_per_second: per_second.confirmed,
        decided_per_second: per_second.decided,
        acceptance_us: Percentiles::of(&tally.acceptance),
        confirmation_us: Percentiles::of(&tally.confirmation),
        acceptance_curve: curve(&tally.acceptance),
        confirmation_curve: curve(&tally.confirmation),
        shortfall: (stage.kind != Kind::WarmUp)
            .then(|| wish.shortfall(&pace(stage, tally, before, after)))
            .flatten(),
        cores,
        cores_of_others: busy.zip(cores).map(|(busy, ours)| (busy - ours).max(0.0)),
        cores_stolen: machine.map(|(before, after)| (after.stolen - before.stolen) / seconds),
        processes: processes(before, after, orders),
        commits: commits(before, after, seconds),
    }
}

fn rates(before: &Look, after: &Look) -> Outcomes {
    let seconds = after.at.duration_since(before.at).as_secs_f64();
    let (before, after) = (&before.outcomes, &after.outcomes);
    Outcomes {
        accepted: (after.accepted - before.accepted) / seconds,
        confirmed: (after.confirmed - before.confirmed) / seconds,
        decided: (after.decided - before.decided) / seconds,
    }
}

/// Seconds of processor time that each process used between two looks.
fn cpu(before: &Look, after: &Look) -> impl Iterator<Item = (usize, Option<f64>)> {
    before
        .usages
        .iter()
        .zip(&after.usages)
        .map(|((_, before), (_, after))| {
            Some(after.as_ref()?.cpu.saturating_sub(before.as_ref()?.cpu).as_secs_f64())
        })
        .enumerate()
}

fn processes(before: &Look, after: &Look, orders: f64) -> Vec<ProcessFigures> {
    let of = |(at, cpu): (usize, Option<f64>)| {
        let ((name, before), (_, after)) = (&before.usages[at], &after.usages[at]);
        Some(ProcessFigures {
            name: name.clone(),
            cpu_us_per_order: cpu? * 1e6 / orders,
            rss_start: before.as_ref()?.rss,
            rss_end: after.as_ref()?.rss,
            rss_peak: after.as_ref()?.peak,
        })
    };
    cpu(before, after).filter_map(of).collect()
}

fn commits(before: &Look, after: &Look, seconds: f64) -> Vec<CommitFigures> {
    let nothing = Commits::default();
    let of = |(key, after): (&(String, String), &Commits)| {
        let before = before.commits.get(key).unwrap_or(&nothing);
        let commits = after.commits - before.commits;
        let (service, stream) = key.clone();
        (commits > 0.0).then(|| CommitFigures {
            service,
            stream,
            commits_per_second: commits / seconds,
            messages_per_commit: (after.messages - before.messages) / commits,
        })
    };
    after.commits.iter().filter_map(of).collect()
}

/// Points of the percentile curve, ever closer to the last order.
fn curve(latency: &Latency) -> Vec<(f64, u64)> {
    if latency.count() == 0 {
        return Vec::new();
    }
    let mut points = Vec::new();
    let mut beyond = 1.0;
    // A tail of fewer than one order says nothing.
    while beyond * latency.count() as f64 >= 1.0 && points.len() < 60 {
        points.push((1.0 - beyond, micros(latency.quantile(1.0 - beyond))));
        beyond /= 10_f64.powf(0.125);
    }
    points.push((1.0, micros(latency.max())));
    points
}

/// Second by second; outcomes are told about once a second, at any moment of it.
pub(super) fn series(tally: &Tally, beats: &[(Duration, Outcomes)]) -> Vec<SecondFigures> {
    let last = beats.last().map_or(0, |(at, _)| at.as_secs() as usize + 1);
    let mut series: Vec<SecondFigures> = (0..tally.seconds.len().max(last))
        .map(|second| SecondFigures { second, ..SecondFigures::default() })
        .collect();
    for (figures, second) in series.iter_mut().zip(&tally.seconds) {
        let quantile = |sketch: &Sketch, share| sketch.quantile(share).map(micros);
        (figures.due, figures.accepted) = (second.due, second.accepted);
        figures.acceptance_p50_us = quantile(&second.acceptance, 0.5);
        figures.acceptance_p99_us = quantile(&second.acceptance, 0.99);
        figures.confirmation_p50_us = quantile(&second.confirmation, 0.5);
        figures.confirmation_p99_us = quantile(&second.confirmation, 0.99);
    }
    for pair in beats.windows(2) {
        let ((from, before), (to, after)) = (pair[0], pair[1]);
        if let Some(figures) = series.get_mut(to.as_secs() as usize) {
            let seconds = (to - from).as_secs_f64();
            figures.confirmed = Some(whole((after.confirmed - before.confirmed) / seconds));
            figures.open = Some(whole(after.open()));
        }
    }
    series
}

#[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "a small positive number")]
pub(super) fn whole(number: f64) -> u64 {
    number.max(0.0).round() as u64
}

fn micros(took: Duration) -> u64 {
    u64::try_from(took.as_micros()).unwrap_or(u64::MAX)
}
