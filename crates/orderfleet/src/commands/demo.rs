//! `demo`: the whole fleet, real orders over HTTP, and the proof that none of them was mistreated.

mod summary;

use std::{path::PathBuf, process::ExitCode, time::Duration};

use anyhow::{Context as _, bail};
use clap::Args as ClapArgs;

use super::{
    Context,
    callers::{self, Amount},
    up, verify as verify_command,
};
use crate::{
    client::{AuditClient, OrderClient, StockClient},
    fleet::{Build, Cancelled, DataDir, Fleet, FleetOptions},
    load::{Plan, Results},
    verify::{Expectations, Target},
};

/// How long after the last order everything must be done: refunds and notifications are quick.
const SETTLE: Duration = Duration::from_secs(60);

pub(super) const LONG: &str = "\
Run the whole fleet, place real orders over HTTP, and check the promise.

The orders are those of a shop on a busy day: several products of which one is too scarce, some cards that are
declined, some orders that are cancelled before or after they are confirmed, some placed several times with one
idempotency key, and some keys used for a second, different order. At the end every stream, the gateway's ledger and
the audit trail are read and compared. Nothing is left running, and nothing is kept unless --data-dir is given.";

pub(super) const EXAMPLES: &str = "\
Examples:
  cargo fleet demo
  cargo fleet demo --orders 10000 --rate 167       10,000 orders a minute, for a minute
  cargo fleet demo --replicas order-service=2 --replicas inventory-service=2
  cargo fleet demo --data-dir /tmp/demo            keep streams, databases and logs to look at

Exit codes: 0 the promise holds, 1 it does not or the fleet could not run, 130 interrupted.";

/// Arguments of `demo`.
#[derive(Debug, ClapArgs)]
pub struct Args {
    #[command(flatten)]
    amount: Amount,

    /// Keep everything the fleet writes in this directory, which is emptied first [default: keep nothing].
    #[arg(long, value_name = "DIR")]
    data_dir: Option<PathBuf>,

    /// Start the binaries as they are.
    #[arg(long)]
    no_build: bool,

    /// How many of a service to run. May be repeated.
    #[arg(long, value_name = "SERVICE=COUNT", value_parser = up::replicas)]
    replicas: Vec<(String, usize)>,
}

/// Runs the demonstration.
pub(super) async fn run(args: Args, context: &Context) -> anyhow::Result<ExitCode> {
    let plan = args.amount.plan("demo");
    let hint = args.data_dir.is_none();
    let fleet = Fleet::start(options(&args, context)).await?;
    context.ui.done();
    let shown = tokio::select! {
        shown = show(plan, &fleet, context) => shown,
        () = context.stop.cancelled() => Err(Cancelled.into()),
    };
    let exits = fleet.shutdown().await?;
    let stopped = up::report::exits(&context.ui, &exits, true);
    let holds = shown?;
    if !holds && hint {
        context.ui.note("run again with --data-dir DIR to keep streams, databases and logs");
    }
    Ok(if holds { stopped } else { ExitCode::FAILURE })
}

/// Places the orders, checks the promise, tells what came of it; whether all is as it should be.
async fn show(plan: Plan, fleet: &Fleet, context: &Context) -> anyhow::Result<bool> {
    let ui = &context.ui;
    stock_up(&plan, fleet).await?;
    let results = place(plan, fleet, context).await?;
    let expected =
        Expectations { complete: true, accepted: results.accepted.clone(), ..Expectations::default() };
    let report = verify_command::verify(ui, &Target::of(fleet)?, &expected, SETTLE).await?;
    summary::tell(ui, &results, &report);
    if let Some(order_id) = results.example {
        let timeline = AuditClient::new(&fleet.url("audit-service")?)?.timeline(order_id).await;
        summary::life(ui, &timeline.context("the audit service did not tell an order's life")?);
    }
    verify_command::tell(ui, &report);
    Ok(report.holds() && results.surprises.count == 0)
}

/// Puts the products in stock.
pub(super) async fn stock_up(plan: &Plan, fleet: &Fleet) -> anyhow::Result<()> {
    let stock = StockClient::new(&fleet.url("inventory-service")?)?;
    for (sku, pieces) in plan.stock() {
        let key = format!("{}-{sku}", plan.run);
        stock.set(sku, pieces, Some(&key)).await.with_context(|| format!("cannot put {sku} in stock"))?;
    }
    Ok(())
}

async fn place(plan: Plan, fleet: &Fleet, context: &Context) -> anyhow::Result<Results> {
    let orders = fleet.processes().into_iter().filter(|proc| proc.service() == "order-service");
    let clients = orders.map(|proc| OrderClient::new(&proc.url())).collect::<Result<Vec<_>, _>>()?;
    if clients.is_empty() {
        bail!("without an order-service there is nobody to place orders with");
    }
    callers::place(plan, clients, &context.ui).await
}

fn options(args: &Args, context: &Context) -> FleetOptions {
    let mut options = FleetOptions::temporary();
    options.build = if args.no_build { Build::Skip } else { Build::Show };
    options.own_process_groups = true;
    options.cancel = context.stop.clone();
    if let Some(path) = args.data_dir.clone() {
        options.data_dir = DataDir::Kept { path, fresh: true };
    }
    for (service, count) in &args.replicas {
        options = options.replicas(service, *count);
    }
    options.observe(up::report::observer(context))
}
