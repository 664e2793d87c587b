//! `load`: orders for a fleet that runs already, whoever started it.

use std::{process::ExitCode, time::Duration};

use anyhow::Context as _;
use clap::Args as ClapArgs;
use console::style;

use super::{
    Context,
    addresses::Inventory,
    callers::{self, Amount},
    figures::{grouped, lasting, named},
};
use crate::{
    client::{OrderClient, StockClient, patiently},
    load::{Plan, Results},
    ui::Ui,
};

/// How long a service that is away is asked again for the stock.
const PATIENCE: Duration = Duration::from_secs(30);

pub(super) const LONG: &str = "\
Place real orders with a fleet that runs already, wherever it runs, and tell what their callers saw.

The orders are those of `demo`; what they need is put in stock first, on top of what is there. Callers who are turned
away, or find nobody, come back with the same idempotency key, so that services may be stopped, killed or deployed
meanwhile: the longest time without an accepted order, and without a confirmed one, says what that costs. Whether the
promise holds is for `verify` to say.";

pub(super) const EXAMPLES: &str = "\
Examples:
  cargo fleet load                                  1,000 orders for the fleet that `up` runs
  cargo fleet load --orders 10000 --rate 167        10,000 orders a minute, for a minute
  cargo fleet load --order-url http://127.0.0.1:8080,http://127.0.0.1:8085     two replicas, in turn

Exit codes: 0 every order was accepted and decided, 1 it was not (what was unexpected is printed), 130 interrupted.";

/// Arguments of `load`.
#[derive(Debug, ClapArgs)]
pub struct Args {
    #[command(flatten)]
    amount: Amount,

    /// The order service; several replicas, separated by commas, are used in turn.
    #[arg(
        long,
        env = "ORDER_URL",
        hide_env_values = true,
        value_name = "URL,…",
        value_delimiter = ',',
        default_value = "http://127.0.0.1:8080"
    )]
    order_url: Vec<String>,

    #[command(flatten)]
    inventory: Inventory,
}

/// Places the orders and tells what came of them.
pub(super) async fn run(args: Args, context: &Context) -> anyhow::Result<ExitCode> {
    let results = context.unless_stopped(place(&args, &context.ui)).await?;
    tell(&context.ui, &results);
    Ok(if results.surprises.count == 0 { ExitCode::SUCCESS } else { ExitCode::FAILURE })
}

async fn place(args: &Args, ui: &Ui) -> anyhow::Result<Results> {
    let clients = args.order_url.iter().map(|url| OrderClient::new(url)).collect::<Result<_, _>>()?;
    let plan = args.amount.plan("load");
    stock_up(&plan, &StockClient::new(&args.inventory.inventory_url)?).await?;
    callers::place(plan, clients, ui).await
}

/// Adds the products to what is in stock.
async fn stock_up(plan: &Plan, stock: &StockClient) -> anyhow::Result<()> {
    for (sku, pieces) in plan.stock() {
        let (key, pieces) = (format!("{}-{sku}", plan.run), i64::try_from(pieces)?);
        let added = patiently(PATIENCE, || stock.adjust(sku, pieces, Some(&key))).await;
        added.with_context(|| format!("cannot put {sku} in stock"))?;
    }
    Ok(())
}

fn tell(ui: &Ui, results: &Results) {
    let mut object = callers::as_json(results);
    object["event"] = "load".into();
    ui.object(&object);
    let (confirmed, decided) = (results.confirmed, results.decided());
    ui.say(format_args!("\n{}\n", style("What the callers saw").bold()));
    ui.say(format_args!("  {:>9} accepted", grouped(results.accepted.len() as u64)));
    ui.say(format_args!("  {:>9} confirmed", grouped(confirmed)));
    ui.say(format_args!("  {:>9} cancelled", grouped(decided - confirmed)));
    let requests = named(results.retries, "requests");
    ui.say(format_args!("  {:>9} {requests} had to be repeated", grouped(results.retries)));
    callers::latencies(ui, results);
    let (accepting, confirming) = (results.accepting.longest(), results.confirming.longest());
    ui.say(format_args!(
        "  longest time without an accepted order {}, without a confirmed one {}",
        lasting(accepting),
        lasting(confirming)
    ));
    callers::surprises(ui, results);
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::commands::parsed;

    #[test]
    fn replicas_are_used_in_turn() -> Result<(), clap::Error> {
        assert_eq!(parsed::<Args>(&[])?.order_url, ["http://127.0.0.1:8080"]);
        let args = parsed::<Args>(&["--order-url", "http://a,http://b", "--rate", "0.5"])?;
        assert_eq!((args.order_url.len(), args.amount.orders, args.amount.rate), (2, 1_000, 0.5));
        Ok(())
    }

    #[test]
    fn what_cannot_be_meant_is_refused() {
        for wrong in ["--orders=0", "--rate=0", "--rate=fast", "--rate=-1", "--rate=NaN"] {
            assert!(parsed::<Args>(&[wrong]).is_err(), "{wrong}");
        }
    }
}
