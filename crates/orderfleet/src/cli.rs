//! The command line itself: arguments in, exit code out.

use std::process::ExitCode;

use clap::{Parser, ValueEnum};
use tokio::runtime::Builder;

use crate::{
    commands::{Command, Context},
    fleet::Cancelled,
    interrupt::Interrupt,
    ui::Ui,
};

/// What a shell reports for a program that Ctrl-C ended.
const INTERRUPTED: u8 = 130;

const EXAMPLES: &str = "\
Examples:
  cargo fleet demo                           1,000 orders through a whole fleet, and the proof
  cargo fleet up                             run everything, stop with Ctrl-C
  cargo fleet up --fresh                     the same, forgetting earlier orders
  cargo fleet up --replicas order-service=2  with a hot standby
  cargo fleet stock set TSHIRT-BLACK-M 100   something to sell
  cargo fleet order place                    buy one of those
  cargo fleet load                           1,000 orders for a fleet that runs already
  cargo fleet-release bench                  how fast it is here, and what an order costs
  cargo fleet verify                         prove that nothing was lost, charged twice or sold twice
  cargo fleet order stuck                    orders that wait for too long, and for what
  cargo fleet dlq list                       messages that could not be handled
  cargo fleet backup /backups/today          everything the broker holds
  cargo fleet help dlq                       all about one command

Exit codes: 0 done, 1 failed (the reason is on stderr), 2 wrong usage, 130 interrupted.";

/// Runs the order fleet on this machine: a NATS broker, five services and a card gateway.
#[derive(Debug, Parser)]
#[command(name = "orderfleet", bin_name = "cargo fleet", version, after_help = EXAMPLES)]
#[command(arg_required_else_help = true, subcommand_required = true)]
struct Cli {
    /// Print JSON, one object per line, instead of text for people.
    #[arg(long, global = true)]
    json: bool,

    /// When to use colours.
    #[arg(
        long,
        global = true,
        value_name = "auto|always|never",
        default_value = "auto",
        hide_possible_values = true
    )]
    color: Color,

    #[command(subcommand)]
    command: Command,
}

/// When to use colours.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub enum Color {
    /// On a terminal, unless `NO_COLOR` is set.
    Auto,
    /// Always.
    Always,
    /// Never.
    Never,
}

/// Runs the program.
#[must_use]
pub fn main() -> ExitCode {
    let cli = Cli::parse();
    let ui = Ui::new(cli.json, cli.color);
    let runtime = match Builder::new_multi_thread().enable_all().build() {
        Ok(runtime) => runtime,
        Err(error) => return failed(&ui, &error.into()),
    };
    runtime.block_on(run(cli.command, ui))
}

async fn run(command: Command, ui: Ui) -> ExitCode {
    let interrupt = match Interrupt::install() {
        Ok(interrupt) => interrupt,
        Err(error) => return failed(&ui, &error.into()),
    };
    let context = Context { ui: ui.clone(), stop: interrupt.first() };
    let result = tokio::select! {
        result = command.run(&context) => result,
        // Dropping the command drops its fleet, which kills every process at once.
        () = interrupt.second() => Err(Cancelled.into()),
    };
    match result {
        Ok(code) => code,
        Err(error) if error.is::<Cancelled>() => ExitCode::from(INTERRUPTED),
        Err(error) => failed(&ui, &error),
    }
}

fn failed(ui: &Ui, error: &anyhow::Error) -> ExitCode {
    ui.error(error);
    ExitCode::FAILURE
}

#[cfg(test)]
mod tests {
    use clap::CommandFactory;

    use super::*;

    #[test]
    fn the_definition_is_sound() {
        Cli::command().debug_assert();
    }

    #[test]
    fn global_flags_work_after_the_command_too() -> Result<(), clap::Error> {
        let cli = Cli::try_parse_from(["orderfleet", "up", "--json", "--color", "never"])?;
        assert!(cli.json && cli.color == Color::Never);
        Ok(())
    }
}
