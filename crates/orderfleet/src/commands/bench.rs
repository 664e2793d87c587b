//! `bench`: how fast the fleet is on this machine, what an order costs, how far it can be driven.

mod args;
mod tell;

use std::{
    env,
    fs::{self, OpenOptions},
    process::ExitCode,
    time::Duration,
};

use anyhow::Context as _;
use uuid::Uuid;

use super::{Context, demo, figures::grouped, up, verify as verify_command};
use crate::{
    bench::{self, Bench, Ceiling, CeilingOptions, Figures, Progress, Wish},
    fleet::{Cancelled, DataDir, Fleet, FleetOptions},
    load::Plan,
    ui::{Bar, Ui},
    verify::{Expectations, Report, Target},
};

pub(super) use args::Args;

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

Exit codes: 0 measured, and the promise holds; 1 it does not, or the fleet could not run; 2 wrong arguments; 130 interrupted.";

/// Seconds for which the ceiling is measured, those before it is steady not counted.
const CEILING_SECONDS: u64 = 10;

/// Measures, and tells.
pub(super) async fn run(args: Args, context: &Context) -> anyhow::Result<ExitCode> {
    let ui = &context.ui;
    if let Some(path) = &args.report {
        // Tried before anything is measured, not after; the page of an earlier run stays until there is another.
        let writable = OpenOptions::new().append(true).create(true).open(path);
        writable.with_context(|| format!("cannot write {}", path.display()))?;
    }
    if cfg!(debug_assertions) {
        ui.warn("this is a debug build: its figures say nothing about how fast the fleet is; see --help");
    }
    let options = options(&args, context);
    options.check_names()?;
    let ceiling =
        if args.no_ceiling { None } else { Some(context.unless_stopped(ceiling(&args, ui)).await?) };
    let fleet = Fleet::start(options).await?;
    ui.done();
    let measured = tokio::select! {
        measured = measure(&args, ceiling, &fleet, ui) => measured,
        () = context.stop.cancelled() => Err(Cancelled.into()),
    };
    let exits = fleet.shutdown().await?;
    let stopped = up::report::exits(ui, &exits, true);
    let (figures, verdict) = measured?;
    tell::figures(ui, &figures, verdict.as_ref().ok(), &command());
    if let Ok(report) = &verdict {
        verify_command::tell(ui, report);
    }
    if let Some(path) = &args.report {
        fs::write(path, bench::report(&figures, verdict.as_ref().ok(), &command()))
            .with_context(|| format!("cannot write {}", path.display()))?;
        ui.note(format_args!("the report is in {}", path.display()));
    }
    let report =
        verdict.context("nobody knows whether the promise holds, so these figures count for nothing")?;
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

/// The figures, and the verdict; without it they are still worth reading, after half an hour.
async fn measure(
    args: &Args,
    ceiling: Option<Ceiling>,
    fleet: &Fleet,
    ui: &Ui,
) -> anyhow::Result<(Figures, anyhow::Result<Report>)> {
    // Who is needed at the end must be there at the beginning.
    let (target, wish) = (Target::of(fleet)?, args.wish());
    let plan = plan(&wish);
    demo::stock_up(&plan, fleet).await?;
    let mut bench = Bench::new(fleet, wish, plan, args.generator())?;
    drive(&mut bench, ui).await?;
    let expected = Expectations { complete: true, accepted: bench.accepted(), ..Expectations::default() };
    let verdict = verify_command::verify(ui, &target, &expected, SETTLE).await;
    ui.step("reading what became of the sample");
    let figures = bench.figures(args.fsync(), ceiling).await;
    ui.done();
    Ok((figures?, verdict))
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
