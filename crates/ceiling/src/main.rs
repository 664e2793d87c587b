//! What the broker alone would carry: the fleet's pattern of messages, with none of its work.
//!
//! Seven messages are stored for an order and fifteen delivered, through the same streams, by the same kinds of
//! readers and writers: group commit, two of the five writers fenced. But nothing is decided, no card is charged, no row is
//! written, no JSON is read, and no HTTP is spoken. What a fleet does beside a broker is the difference.
//!
//! It talks to the broker's client directly, so that what it measures is no property of `messaging`.

mod roles;
mod run;
mod streams;
mod writer;

use std::{
    io::{self, Write},
    process::ExitCode,
};

use clap::{
    Parser,
    builder::{PossibleValuesParser, TypedValueParser},
};

/// Measures how many orders a second the fleet's pattern of messages carries on a broker, and prints it as JSON.
///
/// The streams that it creates are left there: begin with a broker that holds nothing, and throw it away afterwards.
#[derive(Debug, Clone, Parser)]
#[command(version)]
pub(crate) struct Args {
    /// The broker, or any server of a cluster. Streams of the fleet's names are created there.
    #[arg(long, env = "NATS_URL", default_value = "nats://127.0.0.1:4222")]
    nats_url: String,

    /// Seconds that are measured.
    #[arg(long, default_value_t = 10, value_parser = clap::value_parser!(u64).range(1..=3_600))]
    seconds: u64,

    /// Copies of each stream, each on a server of its own.
    #[arg(long, default_value = "1", value_parser = PossibleValuesParser::new(["1", "3"]).try_map(|copies| copies.parse::<usize>()))]
    copies: usize,
}

fn main() -> ExitCode {
    match measure(&Args::parse()) {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            // Nobody is left to tell when stderr is closed.
            drop(writeln!(io::stderr().lock(), "error: {error:#}"));
            ExitCode::FAILURE
        }
    }
}

fn measure(args: &Args) -> anyhow::Result<()> {
    let runtime = tokio::runtime::Builder::new_multi_thread().enable_all().build()?;
    let figures = runtime.block_on(run::run(args))?;
    writeln!(io::stdout().lock(), "{}", serde_json::to_string(&figures)?)?;
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn there_are_one_or_three_copies() {
        let copies =
            |given: &[&str]| Args::try_parse_from([&["ceiling"], given].concat()).map(|args| args.copies);
        assert_eq!((copies(&[]).ok(), copies(&["--copies", "3"]).ok()), (Some(1), Some(3)));
        assert!(
            copies(&["--copies", "2"])
                .is_err_and(|error| error.to_string().contains("possible values: 1, 3"))
        );
    }
}
