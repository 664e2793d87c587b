//! From what was seen to figures.

use std::{collections::BTreeMap, time::Duration};

use super::{
    course::{Kind, Pace, Stage, Wish},
    figures::{Backlog, CommitFigures, Percentiles, ProcessFigures, SecondFigures, StageFigures, micros},
    tally::{Sketch, StageTally, Tally},
    watch::{Beat, Commits, Look, Outcomes},
};
use crate::load::Latency;

/// How a stage went between two looks.
pub(super) fn pace(stage: &Stage, tally: &StageTally, before: &Look, after: &Look) -> Pace {
    let per_second = rates(before, after);
    Pace {
        due: stage.rate,
        not_placed: tally.not_placed,
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
pub(super) fn series(tally: &Tally, beats: &[Beat]) -> Vec<SecondFigures> {
    let last = beats.last().map_or(0, |beat| beat.at.as_secs() as usize + 1);
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
        let (before, after) = (&pair[0].outcomes, &pair[1].outcomes);
        if let Some(figures) = series.get_mut(pair[1].at.as_secs() as usize) {
            let seconds = (pair[1].at - pair[0].at).as_secs_f64();
            figures.confirmed = Some(whole((after.confirmed - before.confirmed) / seconds));
            figures.open = Some(whole(after.open()));
        }
    }
    series
}

/// When a burst was, since the first stage began, and the rate around it.
#[derive(Debug, Clone, Copy)]
pub(super) struct Burst {
    /// When the load before it began, without the warm-up.
    pub(super) since: Duration,
    pub(super) from: Duration,
    pub(super) to: Duration,
    pub(super) rate: f64,
}

/// How far the fleet was behind, and for how long after a burst: until no more orders were open than before it, or than
/// come within a second at the usual rate.
pub(super) fn backlog(burst: Option<Burst>, beats: &[Beat], after_load: Duration) -> Backlog {
    let most = |within: &dyn Fn(Duration) -> bool| {
        let within = beats.iter().filter(|beat| within(beat.at));
        within.map(|beat| beat.outcomes.open()).fold(0.0, f64::max)
    };
    let after_burst = burst.and_then(|burst| {
        let usual = most(&|at| (burst.since..burst.from).contains(&at)).max(burst.rate);
        let gone = beats.iter().find(|beat| beat.at >= burst.to && beat.outcomes.open() <= usual)?;
        Some((gone.at - burst.to).as_secs_f64())
    });
    Backlog {
        largest: whole(most(&|_| true)),
        seconds_after_load: after_load.as_secs_f64(),
        seconds_after_burst: after_burst,
    }
}

/// The memory of each process second by second.
pub(super) fn memory(beats: &[Beat]) -> BTreeMap<String, Vec<(u64, u64)>> {
    let mut memory = BTreeMap::<_, Vec<_>>::new();
    for beat in beats {
        for (process, bytes) in &beat.memory {
            memory.entry(process.clone()).or_default().push((beat.at.as_secs(), *bytes));
        }
    }
    memory
}

#[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "a small positive number")]
pub(super) fn whole(number: f64) -> u64 {
    number.max(0.0).round() as u64
}

#[cfg(test)]
mod tests {
    use tokio::time::Instant;

    use super::*;
    use crate::bench::{Profile, machine::Busy, processes::Usage};

    fn look(at: Instant, seconds: u64, accepted: f64, decided: f64) -> Look {
        let cpu = Duration::from_millis(100 * seconds);
        let usage = Usage { cpu, rss: 10 + seconds, peak: 20 };
        let key = ("order-service".to_owned(), "ORDERS".to_owned());
        Look {
            at: at + Duration::from_secs(seconds),
            outcomes: Outcomes { accepted, confirmed: decided * 0.9, decided },
            usages: vec![("broker".to_owned(), Some(usage)), ("bench".to_owned(), Some(usage))],
            commits: [(key, Commits { commits: decided / 10.0, messages: decided })].into(),
            machine: Some(Busy { used: 0.5 * seconds as f64, stolen: 0.1 * seconds as f64 }),
        }
    }

    #[test]
    fn a_stage_is_what_happened_between_two_looks() {
        let start = Instant::now();
        let limit = Duration::from_millis(500);
        let wish =
            Wish { profile: Profile::Steady, rate: 100.0, seconds: 10, warm_up: 0, growth: 1.25, limit };
        let wanted = Stage { kind: Kind::Steady, rate: 100.0, lasts: Duration::from_secs(10) };
        let mut tally = StageTally { due: 1_000, ..StageTally::default() };
        (1..=1_000).for_each(|millis| tally.acceptance.record(Duration::from_micros(millis * 100)));
        let (before, after) = (look(start, 5, 500.0, 490.0), look(start, 15, 1_500.0, 1_390.0));
        let figures = stage(&wish, &wanted, &tally, &before, &after);
        assert_eq!(
            (figures.seconds, figures.accepted_per_second, figures.decided_per_second),
            (10.0, 100.0, 90.0)
        );
        assert!((figures.confirmed_per_second - 81.0).abs() < 1e-6);
        // A second of processor time each for a thousand orders, in ten seconds.
        assert!(figures.processes.iter().all(|process| (process.cpu_us_per_order - 1_000.0).abs() < 1e-6));
        assert!(figures.cores.is_some_and(|cores| (cores - 0.2).abs() < 1e-6));
        assert!(figures.cores_of_others.is_some_and(|cores| (cores - 0.3).abs() < 1e-6));
        assert_eq!((figures.processes[0].rss_start, figures.processes[0].rss_end), (15, 25));
        assert_eq!((figures.commits.len(), figures.commits[0].messages_per_commit), (1, 10.0));
        assert_eq!(figures.shortfall, Some(crate::bench::Shortfall::Decided));
        assert_eq!(
            (figures.acceptance_us.count, figures.acceptance_us.p99.abs_diff(99_000) < 100),
            (1_000, true)
        );
        assert!(figures.acceptance_curve.is_sorted() && figures.acceptance_curve.len() > 20);
    }

    #[test]
    fn who_ended_meanwhile_has_no_usage() {
        let start = Instant::now();
        let (before, mut after) = (look(start, 5, 500.0, 490.0), look(start, 15, 1_500.0, 1_390.0));
        after.usages[0].1 = None;
        assert_eq!(processes(&before, &after, 1_000.0).len(), 1);
    }

    fn beat(second: u64, open: f64) -> Beat {
        let outcomes = Outcomes { accepted: 1_000.0 + open, confirmed: 900.0, decided: 1_000.0 };
        Beat { at: Duration::from_secs(second), outcomes, memory: vec![("broker".to_owned(), second)] }
    }

    #[test]
    fn a_backlog_is_gone_when_it_is_as_before() {
        let open = [0.0, 5.0, 20.0, 300.0, 900.0, 400.0, 21.0, 20.0, 3.0];
        let beats: Vec<_> = (0..).zip(open).map(|(second, open)| beat(second, open)).collect();
        let (since, from, to) = (Duration::ZERO, Duration::from_secs(3), Duration::from_secs(5));
        let burst = Burst { since, from, to, rate: 10.0 };
        let after = |rate| backlog(Some(Burst { rate, ..burst }), &beats, Duration::from_secs(2));
        assert_eq!((after(10.0).largest, after(10.0).seconds_after_burst), (900, Some(2.0)));
        assert_eq!(after(500.0).seconds_after_burst, Some(0.0));
        assert_eq!(backlog(Some(burst), &beats[..6], Duration::ZERO).seconds_after_burst, None);
        assert_eq!(backlog(None, &beats, Duration::from_secs(2)).seconds_after_load, 2.0);
    }

    /// That a cold fleet had as many open for a moment does not make them usual.
    #[test]
    fn what_was_open_in_the_warm_up_is_not_what_is_usual() {
        let open = [900.0, 5.0, 5.0, 300.0, 900.0, 800.0, 400.0, 8.0];
        let beats: Vec<_> = (0..).zip(open).map(|(second, open)| beat(second, open)).collect();
        let [since, from, to] = [1, 3, 5].map(Duration::from_secs);
        let burst = Burst { since, from, to, rate: 10.0 };
        assert_eq!(backlog(Some(burst), &beats, Duration::ZERO).seconds_after_burst, Some(2.0));
    }

    #[test]
    fn each_second_has_what_was_told_in_it() {
        let mut tally = Tally::default();
        tally.begin_stage();
        tally.due(0, Duration::from_millis(1_500));
        let series = series(&tally, &[beat(0, 0.0), beat(1, 7.0), beat(2, 3.0)]);
        let told: Vec<_> = series.iter().map(|second| (second.due, second.confirmed, second.open)).collect();
        assert_eq!(told, [(0, None, None), (1, Some(0), Some(7)), (0, Some(0), Some(3))]);
        assert_eq!(memory(&[beat(0, 0.0), beat(4, 0.0)])["broker"], [(0, 0), (4, 4)]);
    }
}
