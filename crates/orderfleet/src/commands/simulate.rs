//! `orderfleet simulate`: the fleet's real code in a made-up world, once per seed. Runs the simulation of this
//! repository's tests, which is compiled for it.

use std::process::{ExitCode, Stdio};

use anyhow::Context as _;

use super::Context;
use crate::fleet;

pub(super) const LONG: &str = "\
Run the fleet's real code in simulated worlds, and judge what came of it.

Every seed is one world: a broker, a card gateway, disks and clocks that fail, callers, and processes that are killed \
between any two steps. Time is virtual. The verdict is that of `verify`. A seed that fails fails again: the command \
that tells its story is printed.";

pub(super) const EXAMPLES: &str = "\
Examples:
  cargo fleet simulate                            2,000 worlds
  cargo fleet simulate --seeds 100000             as many as time allows
  cargo fleet simulate --seed 17 --trace          what happened in one of them
  cargo fleet simulate --sabotage fence           without a guard, which is found out
  cargo fleet simulate --controls                 without each guard in turn

Exit codes: 0 the promise holds, 1 it does not, or the simulation cannot be run.";

/// Options.
#[derive(Debug, clap::Args)]
pub struct Args {
    /// How many seeds.
    #[arg(long, default_value_t = 2_000, value_name = "NUMBER")]
    seeds: u64,
    /// The first seed.
    #[arg(long, default_value_t = 1, value_name = "SEED")]
    from: u64,
    /// Only this seed.
    #[arg(long, value_name = "SEED")]
    seed: Option<u64>,
    /// Tell the whole story of the seed.
    #[arg(long, requires = "seed")]
    trace: bool,
    /// Seeds run at once.
    #[arg(long, value_name = "NUMBER")]
    jobs: Option<usize>,
    /// Run without this guard; a wrong name is answered with all of them.
    #[arg(long, value_name = "GUARD")]
    sabotage: Option<String>,
    /// Run without each guard in turn.
    #[arg(long, conflicts_with_all = ["seed", "sabotage"])]
    controls: bool,
}

/// Compiles the simulation and hands it the terminal.
pub(super) async fn run(args: Args, context: &Context) -> anyhow::Result<ExitCode> {
    let mut cargo = fleet::cargo().context("the simulation is run from the repository, with cargo")?;
    cargo.args(["test", "--quiet", "--package", "tests", "--test", "simulation", "--profile", "fast", "--"]);
    cargo.args(words(&args, context.ui.is_json())).stdin(Stdio::null()).kill_on_drop(true);
    let mut running = cargo.spawn().context("cannot run cargo")?;
    let status = context.unless_stopped(async { Ok(running.wait().await?) }).await?;
    Ok(if status.success() { ExitCode::SUCCESS } else { ExitCode::FAILURE })
}

/// The arguments as the simulation wants them.
fn words(args: &Args, json: bool) -> Vec<String> {
    let Args { seeds, from, seed, trace, jobs, sabotage, controls } = args;
    let mut words = vec![format!("--seeds={seeds}"), format!("--from={from}")];
    words.extend(seed.map(|seed| format!("--seed={seed}")));
    words.extend(jobs.map(|jobs| format!("--jobs={jobs}")));
    words.extend(sabotage.as_ref().map(|guard| format!("--sabotage={guard}")));
    let switches = [("--trace", *trace), ("--controls", *controls), ("--json", json)];
    words.extend(switches.into_iter().filter(|(_, on)| *on).map(|(switch, _)| switch.to_owned()));
    words
}

#[cfg(test)]
mod tests {
    use clap::{Args as _, Command, FromArgMatches};

    use super::*;

    fn told(line: &[&str]) -> Vec<String> {
        let command = Args::augment_args(Command::new("simulate").no_binary_name(true));
        let matches = command.try_get_matches_from(line).expect("they are options");
        words(&Args::from_arg_matches(&matches).expect("they are options"), false)
    }

    #[test]
    fn options_are_handed_on() {
        assert_eq!(told(&[]), ["--seeds=2000", "--from=1"]);
        assert_eq!(told(&["--seed", "7", "--trace"])[2..], ["--seed=7", "--trace"]);
        let some = told(&["--seeds", "5", "--from", "3", "--jobs", "1", "--sabotage", "fence"]);
        assert_eq!(some, ["--seeds=5", "--from=3", "--jobs=1", "--sabotage=fence"]);
        assert_eq!(told(&["--controls"])[2..], ["--controls"]);
    }
}
