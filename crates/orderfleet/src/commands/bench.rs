//! `bench`: how fast the fleet is on this machine, what an order costs, how far it can be driven.

mod tell;

use std::{env, fs, path::PathBuf, process::ExitCode, time::Duration};

use anyhow::Context as _;
use clap::Args as ClapArgs;
use uuid::Uuid;

use super::{Context, demo, figures::grouped, up, verify as verify_command};
use crate::{
    bench::{self, Bench, Ceiling, CeilingOptions, Figures, Generator, Profile, Progress, Wish},
    fleet::{Build, Cancelled, DataDir, Fleet, FleetOptions},
    load::Plan,
    ui::{Bar, Ui},
    verify::{Expectations, Report, Target},
};

/// How long after the last outcome everything must be done, refunds and the audit trail included.
const SETTLE: Duration = Duration::from_secs(300);

pub(super) const LONG: &str = "\
Measure the whole fleet on this machine: how many orders per second, how long each takes, what it costs.

Starts a fleet of its own, places orders over HTTP at a given rate, waits until each has its outcome, and checks the
promise as `verify` does: figures of a fleet that breaks it count for nothing. Orders are due when the rate says so,
however long the ones before take, and latency counts from when an order was due: a fleet that falls behind is not
flattered by the orders it delays. A sample of them is followed until its caller can read that it is confirmed.

Profiles: `steady` is one rate; `ramp` raises it step by step until the fleet falls behind, and tells the highest rate
it kept up with; `black-friday` is a flash sale, ten times the rate for 30 s with one product in most carts and a scarce
one that many want, and tells how long the backlog took to go. docs/BENCHMARKS.md explains every figure.

Run it as `cargo fleet-release bench`, which compiles for speed, with nothing else running on the machine.";

pub(super) const EXAMPLES: &str = "\
Examples:
  cargo fleet-release bench                             1,000 orders a second, for a minute
  cargo fleet-release bench --rate 167                  10,000 orders a minute
  cargo fleet-release bench --profile ramp --rate 1000  how far it goes
  cargo fleet-release bench --profile black-friday --json
  cargo fleet-release bench --report bench.html         with plots
  cargo fleet-release bench --durability default        without an fsync for each commit
  cargo fleet-release bench --replicas order-service=2 --replicas inventory-service=2

Exit codes: 0 measured, and the promise holds; 1 it does not, or the fleet could not run; 130 interrupted.";

/// Arguments of `bench`.
#[derive(Debug, ClapArgs)]
pub struct Args {
    /// What kind of day it is.
    #[arg(long, value_enum, default_value = "steady")]
    profile: Profile,

    /// Orders per second that it begins with [default: steady 1000, ramp 500, black-friday 150].
    #[arg(long, value_name = "N", value_parser = rate)]
    rate: Option<f64>,

    /// Seconds that are measured; of a ramp, of each step; of black-friday, before the burst and after it
    /// [default: steady 60, ramp 15, black-friday 20].
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u64).range(1..=86_400))]
    seconds: Option<u64>,

    /// Seconds of load before anything is measured.
    #[arg(long, value_name = "N", default_value_t = 10, value_parser = clap::value_parser!(u64).range(0..=3_600))]
    warm_up: u64,

    /// When a message counts as stored: `always` when it is on the disk (fsync), `default` when the broker has written it,
    /// which survives a crash of the broker but not a power cut.
    #[arg(long, value_enum, default_value = "always")]
    durability: Durability,

    /// By which factor a step of the ramp is more than the one before.
    #[arg(long, value_name = "FACTOR", default_value_t = 1.25, value_parser = growth)]
    growth: f64,

    /// Milliseconds within which 99 of 100 orders must be accepted for a fleet to keep up.
    #[arg(long, value_name = "MS", default_value_t = 500, value_parser = clap::value_parser!(u64).range(1..=60_000))]
    limit: u64,

    /// Orders of each second that are followed until they are confirmed, at most.
    #[arg(long, value_name = "N", default_value_t = 200.0, value_parser = rate)]
    sample: f64,

    /// Connections to each replica of the order service.
    #[arg(long, value_name = "N", default_value_t = 256, value_parser = clap::value_parser!(u16).range(1..=16_384))]
    connections: u16,

    /// How many of a service to run. May be repeated.
    #[arg(long, value_name = "SERVICE=COUNT", value_parser = up::replicas)]
    replicas: Vec<(String, usize)>,

    /// Keep everything the fleet writes in this directory, which is emptied first [default: keep nothing]. The disk it is
    /// on is the one that is measured.
    #[arg(long, value_name = "DIR")]
    data_dir: Option<PathBuf>,

    /// Write a page with plots, which needs nothing else, to this file.
    #[arg(long, value_name = "FILE.html")]
    report: Option<PathBuf>,

    /// Start the binaries as they are.
    #[arg(long)]
    no_build: bool,

    /// Do not measure first what the broker alone would carry.
    #[arg(long)]
    no_ceiling: bool,
}

/// Seconds for which the ceiling is measured, those before it is steady not counted.
const CEILING_SECONDS: u64 = 10;

/// When a message counts as stored.
#[derive(Debug, Clone, Copy, PartialEq, Eq, clap::ValueEnum)]
enum Durability {
    Always,
    Default,
}

/// Measures, and tells.
pub(super) async fn run(args: Args, context: &Context) -> anyhow::Result<ExitCode> {
    let ui = &context.ui;
    if let Some(path) = &args.report {
        // Before anything is measured, not after.
        fs::write(path, "").with_context(|| format!("cannot write {}", path.display()))?;
    }
    if cfg!(debug_assertions) {
        ui.warn("this is a debug build: its figures say nothing about how fast the fleet is; see --help");
    }
    let ceiling =
        if args.no_ceiling { None } else { Some(context.unless_stopped(ceiling(&args, ui)).await?) };
    let fleet = Fleet::start(options(&args, context)).await?;
    ui.done();
    let measured = tokio::select! {
        measured = measure(&args, ceiling, &fleet, ui) => measured,
        () = context.stop.cancelled() => Err(Cancelled.into()),
    };
    let exits = fleet.shutdown().await?;
    let stopped = up::report::exits(ui, &exits, true);
    let (figures, report) = measured?;
    if let Some(path) = &args.report {
        fs::write(path, bench::report(&figures, &report, &command()))
            .with_context(|| format!("cannot write {}", path.display()))?;
        ui.note(format_args!("the report is in {}", path.display()));
    }
    tell::all(ui, &figures, &report, &command());
    let good = report.holds() && figures.unexpected_count == 0;
    Ok(if good { stopped } else { ExitCode::FAILURE })
}

/// What the broker alone would carry.
async fn ceiling(args: &Args, ui: &Ui) -> anyhow::Result<Ceiling> {
    if !args.no_build {
        ui.note("compiling the services and the ceiling (cargo build)");
    }
    bench::build_with_ceiling(args.build()).await?;
    ui.step("measuring what the broker alone would carry");
    let ceiling = bench::measure_ceiling(CeilingOptions {
        fsync: args.fsync(),
        beside: args.data_dir.as_deref(),
        seconds: CEILING_SECONDS,
    });
    let ceiling = ceiling.await;
    ui.done();
    ceiling
}

async fn measure(
    args: &Args,
    ceiling: Option<Ceiling>,
    fleet: &Fleet,
    ui: &Ui,
) -> anyhow::Result<(Figures, Report)> {
    let wish = args.wish();
    let plan = plan(&wish);
    demo::stock_up(&plan, fleet).await?;
    let mut bench = Bench::new(fleet, wish, plan, args.generator())?;
    drive(&mut bench, ui).await?;
    let expected = Expectations { complete: true, accepted: bench.accepted(), ..Expectations::default() };
    let report = verify_command::verify(ui, &Target::of(fleet)?, &expected, SETTLE).await?;
    ui.step("reading what became of the sample");
    let figures = bench.figures(args.fsync(), ceiling).await;
    ui.done();
    Ok((figures?, report))
}

/// Goes through the load, showing how far it has come.
async fn drive(bench: &mut Bench<'_>, ui: &Ui) -> anyhow::Result<()> {
    let bar = std::cell::RefCell::new(None::<Bar>);
    let driven = bench.drive(|progress| match progress {
        Progress::Stage(stage) => {
            let (kind, rate, seconds) = (stage.kind.as_str(), stage.rate, stage.lasts.as_secs());
            let text = format!("{kind}: {rate} orders/s for {seconds} s");
            *bar.borrow_mut() = Some(ui.progress(stage.orders(), text));
        }
        Progress::Accepted(count) => {
            bar.borrow().iter().for_each(|bar| bar.at(count));
        }
        Progress::Open(count) => {
            if bar.borrow_mut().take().is_some() {
                ui.step("waiting for every outcome");
            }
            ui.update(format_args!("waiting for the outcome of {} orders", grouped(count)));
        }
    });
    let driven = driven.await;
    ui.done();
    driven
}

/// What this program was called with, as one would type it.
fn command() -> String {
    let words = env::args().skip(1).map(|word| if word.contains(' ') { format!("'{word}'") } else { word });
    let profile = if cfg!(debug_assertions) { "fleet" } else { "fleet-release" };
    format!("cargo {profile} {}", words.collect::<Vec<_>>().join(" "))
}

fn plan(wish: &Wish) -> Plan {
    #[expect(clippy::disallowed_methods, reason = "no two loads are to share their idempotency keys")]
    let run = Uuid::new_v4();
    Plan { orders: wish.most_orders(), rate: wish.rate, mix: wish.profile.mix(), run: format!("bench-{run}") }
}

impl Args {
    fn fsync(&self) -> bool {
        self.durability == Durability::Always
    }

    fn build(&self) -> Build {
        if self.no_build { Build::Skip } else { Build::Show }
    }

    fn wish(&self) -> Wish {
        Wish {
            profile: self.profile,
            rate: self.rate.unwrap_or(self.profile.usual_rate()),
            seconds: self.seconds.unwrap_or(self.profile.usual_seconds()),
            warm_up: self.warm_up,
            growth: self.growth,
            limit: Duration::from_millis(self.limit),
        }
    }

    fn generator(&self) -> Generator {
        Generator { connections: self.connections.into(), sample: self.sample, ..Generator::default() }
    }
}

fn options(args: &Args, context: &Context) -> FleetOptions {
    let mut options = FleetOptions::temporary();
    options.build = args.build();
    options.own_process_groups = true;
    options.cancel = context.stop.clone();
    options.broker = options.broker.sync_always(args.fsync());
    if let Some(path) = args.data_dir.clone() {
        options.data_dir = DataDir::Kept { path, fresh: true };
    }
    for (service, count) in &args.replicas {
        options = options.replicas(service, *count);
    }
    options.observe(up::report::observer(context))
}

fn rate(text: &str) -> Result<f64, String> {
    match text.parse() {
        Ok(rate) if (0.1..=100_000.0).contains(&rate) => Ok(rate),
        Ok(_) | Err(_) => Err("not a number of orders per second from 0.1 to 100000".to_owned()),
    }
}

fn growth(text: &str) -> Result<f64, String> {
    match text.parse() {
        Ok(factor) if (1.01..=10.0).contains(&factor) => Ok(factor),
        Ok(_) | Err(_) => Err("not a factor from 1.01 to 10".to_owned()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::commands::parsed;

    #[test]
    fn each_profile_has_its_own_defaults() -> Result<(), clap::Error> {
        let wish = |words: &[&str]| parsed::<Args>(words).map(|args| args.wish());
        let steady = wish(&[])?;
        assert_eq!((steady.profile, steady.rate, steady.seconds), (Profile::Steady, 1_000.0, 60));
        let ramp = wish(&["--profile", "ramp", "--growth", "1.5"])?;
        assert_eq!((ramp.rate, ramp.seconds, ramp.growth), (500.0, 15, 1.5));
        let sale = wish(&["--profile=black-friday", "--rate=20", "--seconds=5", "--warm-up=0"])?;
        assert_eq!((sale.rate, sale.seconds, sale.warm_up), (20.0, 5, 0));
        Ok(())
    }

    #[test]
    fn what_cannot_be_meant_is_refused() {
        for wrong in
            ["--rate=0", "--rate=fast", "--seconds=0", "--growth=1", "--durability=maybe", "--sample=-1"]
        {
            assert!(parsed::<Args>(&[wrong]).is_err(), "{wrong}");
        }
    }
}
