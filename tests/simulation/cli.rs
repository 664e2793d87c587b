//! The command line: many seeds, one seed with its story, or every guard switched off in turn.

use clap::Parser;

use crate::{campaign, controls, run, sabotage::Guard};

/// Runs the fleet's real code in a simulated world, one world per seed, and judges what came of it
#[derive(Debug, Clone, Parser)]
#[command(name = "simulation")]
pub(crate) struct Args {
    /// How many seeds
    #[arg(long, default_value_t = 24, value_name = "NUMBER")]
    pub(crate) seeds: u64,

    /// The first seed
    #[arg(long, default_value_t = 1, value_name = "SEED")]
    pub(crate) from: u64,

    /// Only this seed
    #[arg(long, value_name = "SEED")]
    pub(crate) seed: Option<u64>,

    /// Tell the whole story of the seed
    #[arg(long, requires = "seed")]
    pub(crate) trace: bool,

    /// Seeds run at once; as many as there are processors if not given
    #[arg(long, value_name = "NUMBER")]
    pub(crate) jobs: Option<usize>,

    /// One JSON object per seed
    #[arg(long)]
    pub(crate) json: bool,

    /// Run without this guard, which should be found out
    #[arg(long, value_name = "GUARD", value_enum)]
    pub(crate) sabotage: Option<Guard>,

    /// Run without each guard in turn, and fail if one is not missed
    #[arg(long, conflicts_with_all = ["seed", "sabotage"])]
    pub(crate) controls: bool,
}

/// Does what was asked for; whether all is well.
pub(crate) fn main() -> anyhow::Result<bool> {
    // The test runner's own options are not for this.
    let ours = std::env::args().filter(|word| !matches!(word.as_str(), "--quiet" | "--nocapture"));
    let args = Args::parse_from(ours);
    if args.controls {
        return controls::run(&args);
    }
    match args.seed {
        Some(seed) => one(&args, seed),
        None => campaign::run(&args),
    }
}

/// One seed, told or as JSON: this is also what a campaign starts for each of its seeds, because some of what chance
/// depends on is counted once per process.
fn one(args: &Args, seed: u64) -> anyhow::Result<bool> {
    let outcome = run::run(seed, args.sabotage, args.trace)?;
    if args.json {
        println!("{}", serde_json::to_string(&outcome)?);
        return Ok(outcome.violations.is_empty());
    }
    for line in &outcome.lines {
        println!("{line}");
    }
    let verdict = if outcome.violations.is_empty() { "keeps the promise" } else { "BREAKS THE PROMISE" };
    println!(
        "seed {seed} {verdict}: {} orders in {:.0} s of virtual time, fingerprint {:016x}",
        outcome.orders, outcome.seconds, outcome.fingerprint
    );
    for violation in &outcome.violations {
        println!("  {violation}");
    }
    Ok(outcome.violations.is_empty())
}
