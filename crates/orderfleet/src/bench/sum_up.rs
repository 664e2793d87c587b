//! From what was seen to figures.

use std::time::Duration;

use super::{
    course::{Kind, Pace, Stage, Wish},
    figures::{CommitFigures, Percentiles, ProcessFigures, SecondFigures, StageFigures, micros},
    tally::{Sketch, StageTally, Tally},
    watch::{Commits, Look, Outcomes},
};
use crate::load::Latency;

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
