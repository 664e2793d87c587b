//! Many seeds: their progress, their failures, and which of the rare things have happened.

use std::{collections::BTreeMap, num::NonZero, thread, time::Instant};

use indicatif::{ProgressBar, ProgressStyle};

use crate::{
    cli::Args,
    pool::{self, Job},
    rare::RARE,
    run::Outcome,
};

/// From so many seeds on each of the rare things must have happened.
const REPRESENTATIVE: u64 = 500;
/// Failures after which the rest is not worth running.
const ENOUGH: usize = 10;

/// What has come of the seeds so far.
#[derive(Default)]
struct Tally {
    seeds: u64,
    orders: u64,
    seconds: f64,
    seen: BTreeMap<String, u64>,
    failed: BTreeMap<u64, Vec<String>>,
}

impl Tally {
    fn add(&mut self, outcome: Outcome) {
        self.seeds += 1;
        self.orders += outcome.orders;
        self.seconds += outcome.seconds;
        for (what, count) in outcome.seen {
            *self.seen.entry(what).or_default() += count;
        }
        if !outcome.violations.is_empty() {
            self.failed.insert(outcome.seed, outcome.violations);
        }
    }

    fn missing(&self) -> Vec<&'static str> {
        RARE.iter().copied().filter(|what| !self.seen.contains_key(*what)).collect()
    }
}

/// How many seeds to run at once.
pub(crate) fn at_once(args: &Args) -> usize {
    args.jobs.unwrap_or_else(|| thread::available_parallelism().map_or(1, NonZero::get)).max(1)
}

/// Runs the seeds; whether all is well.
pub(crate) fn run(args: &Args) -> anyhow::Result<bool> {
    let (began, mut tally) = (Instant::now(), Tally::default());
    let bar = if args.json { ProgressBar::hidden() } else { ProgressBar::new(args.seeds) };
    let style = "{bar:40} {pos}/{len} seeds, {per_sec}, {eta} left {msg}";
    bar.set_style(ProgressStyle::with_template(style)?);
    let job = Job { from: args.from, seeds: args.seeds, at_once: at_once(args), off: args.sabotage };
    pool::run(job, |outcome| {
        if args.json {
            println!("{}", serde_json::to_string(&outcome).unwrap_or_default());
        }
        tally.add(outcome);
        bar.inc(1);
        if !tally.failed.is_empty() {
            bar.set_message(format!("({} failed)", tally.failed.len()));
        }
        tally.failed.len() < ENOUGH
    })?;
    bar.finish_and_clear();
    if !args.json {
        report(&tally, began);
    }
    let representative = tally.seeds >= REPRESENTATIVE && args.sabotage.is_none();
    let missing = if representative { tally.missing() } else { Vec::new() };
    for what in &missing {
        eprintln!("never happened in {} seeds: {what}", tally.seeds);
    }
    for (seed, violations) in &tally.failed {
        eprintln!("seed {seed} breaks the promise:");
        violations.iter().for_each(|violation| eprintln!("  {violation}"));
        eprintln!("  see how: {}", replay(*seed, args));
    }
    Ok(tally.failed.is_empty() && missing.is_empty())
}

fn report(tally: &Tally, began: Instant) {
    println!("how often the rare things happened:");
    for (what, count) in &tally.seen {
        println!("{count:>9}  {what}");
    }
    println!(
        "{} seeds, {} orders, {:.1} hours of virtual time in {:.1} s: {} failed",
        tally.seeds,
        tally.orders,
        tally.seconds / 3_600.0,
        began.elapsed().as_secs_f64(),
        tally.failed.len()
    );
}

/// The command that tells a seed's story.
fn replay(seed: u64, args: &Args) -> String {
    let sabotage = args.sabotage.map(|guard| format!(" --sabotage {}", guard.name())).unwrap_or_default();
    format!("cargo test -p tests --test simulation --profile fast -- --seed {seed} --trace{sabotage}")
}
