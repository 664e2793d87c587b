//! The subcommands, one file each: an `Args` struct and `run(args, context)`.

mod addresses;
mod backup;
mod bench;
mod callers;
mod demo;
mod dlq;
mod figures;
mod key;
mod load;
mod nats;
mod order;
mod restore;
mod setup;
mod simulate;
mod stock;
mod up;
mod values;
mod verify;

use std::{future::Future, process::ExitCode};

use clap::Subcommand;
use tokio_util::sync::CancellationToken;

use crate::{fleet::Cancelled, ui::Ui};

/// What every command gets beside its own arguments.
#[derive(Debug, Clone)]
pub struct Context {
    /// The way to print.
    pub ui: Ui,
    /// Cancelled by the first Ctrl-C, SIGTERM or SIGHUP; the command then ends in its own order. At the second one its
    /// future is dropped.
    pub stop: CancellationToken,
}

impl Context {
    /// Does something that may be given up at any point.
    ///
    /// # Errors
    /// Those of what is done, or [`Cancelled`] when the program was told to stop meanwhile.
    async fn unless_stopped<T>(&self, work: impl Future<Output = anyhow::Result<T>>) -> anyhow::Result<T> {
        self.stop.run_until_cancelled(work).await.unwrap_or_else(|| Err(Cancelled.into()))
    }
}

/// What to do.
#[derive(Debug, Subcommand)]
pub enum Command {
    /// Run the whole fleet here, and show what its services log.
    #[command(long_about = up::LONG, after_help = up::EXAMPLES)]
    Up(up::Args),
    /// Run the whole fleet, place real orders, check the promise, clean up.
    #[command(long_about = demo::LONG, after_help = demo::EXAMPLES)]
    Demo(demo::Args),
    /// Place real orders with a fleet that runs already, and tell what their callers saw.
    #[command(long_about = load::LONG, after_help = load::EXAMPLES)]
    Load(load::Args),
    /// Measure the whole fleet: orders per second, how long each takes, what it costs.
    #[command(long_about = bench::LONG, after_help = bench::EXAMPLES)]
    Bench(bench::Args),
    /// Create the broker's streams, or say how they differ.
    #[command(long_about = setup::LONG, after_help = setup::EXAMPLES)]
    Setup(setup::Args),
    /// Put something in stock, or see what there is.
    #[command(after_help = stock::EXAMPLES)]
    Stock(stock::Args),
    /// Place an order, look at it, follow it, cancel it.
    #[command(visible_alias = "orders", long_about = order::LONG, after_help = order::EXAMPLES)]
    Order(order::Args),
    /// Check that no order was lost, nobody charged twice, nothing sold twice, and more.
    #[command(long_about = verify::LONG, after_help = verify::EXAMPLES)]
    Verify(verify::Args),
    /// Look at messages that could not be handled, put them back, or write them off.
    #[command(long_about = dlq::LONG, after_help = dlq::EXAMPLES)]
    Dlq(dlq::Args),
    /// Write down for a nats-server who its users are and what each may do; make keys for them.
    #[command(long_about = nats::LONG, after_help = nats::EXAMPLES)]
    Nats(nats::Args),
    /// Save everything the broker holds, while the fleet works.
    #[command(long_about = backup::LONG, after_help = backup::EXAMPLES)]
    Backup(backup::Args),
    /// Put a backup back into an empty broker.
    #[command(long_about = restore::LONG, after_help = restore::EXAMPLES)]
    Restore(restore::Args),
    /// Run the fleet's code in simulated worlds, thousands of them, and judge each.
    #[command(long_about = simulate::LONG, after_help = simulate::EXAMPLES)]
    Simulate(simulate::Args),
}

impl Command {
    /// Does it; the exit code tells whether what was asked for holds, an error that it could not be done.
    ///
    /// # Errors
    /// One message for people.
    pub async fn run(self, context: &Context) -> anyhow::Result<ExitCode> {
        match self {
            Self::Up(args) => up::run(args, context).await,
            Self::Demo(args) => demo::run(args, context).await,
            Self::Load(args) => load::run(args, context).await,
            Self::Bench(args) => bench::run(args, context).await,
            Self::Setup(args) => setup::run(args, context).await,
            Self::Stock(args) => stock::run(args, context).await,
            Self::Order(args) => order::run(args, context).await,
            Self::Verify(args) => verify::run(args, context).await,
            Self::Dlq(args) => dlq::run(args, context).await,
            Self::Nats(args) => nats::run(args, context),
            Self::Backup(args) => backup::run(args, context).await,
            Self::Restore(args) => restore::run(args, context).await,
            Self::Simulate(args) => simulate::run(args, context).await,
        }
    }
}

/// The arguments of a subcommand, read from the words after its name.
#[cfg(test)]
fn parsed<A: clap::Args>(words: &[&str]) -> Result<A, clap::Error> {
    let command = A::augment_args(clap::Command::new("test").no_binary_name(true));
    A::from_arg_matches(&command.try_get_matches_from(words)?)
}
