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

use clap::Parser;

/// Measures how many orders a second the fleet's pattern of messages carries on a broker, and prints it as JSON.
#[derive(Debug, Clone, Parser)]
#[command(version)]
pub(crate) struct Args {
    /// The broker. Streams of the fleet's names are created there, so it must be one that holds nothing.
    #[arg(long, env = "NATS_URL", default_value = "nats://127.0.0.1:4222")]
    nats_url: String,

    /// Seconds that are measured.
    #[arg(long, default_value_t = 10, value_parser = clap::value_parser!(u64).range(1..=3_600))]
    seconds: u64,

    /// Seconds before.
    #[arg(long, default_value_t = 3, value_parser = clap::value_parser!(u64).range(0..=600))]
    warm_up: u64,

    /// Orders under way at once.
    #[arg(long, default_value_t = 4_000, value_parser = clap::value_parser!(u32).range(1..=100_000))]
    in_flight: u32,

    /// Bytes of each message, about as many as those of the fleet have.
    #[arg(long, default_value_t = 550, value_parser = clap::value_parser!(u32).range(8..=100_000))]
    payload: u32,

    /// Most messages of a commit.
    #[arg(long, default_value_t = 500, value_parser = clap::value_parser!(u16).range(1..=1_000))]
    batch: u16,

    /// Milliseconds that a commit waits for company, when some is there.
    #[arg(long, default_value_t = 2, value_parser = clap::value_parser!(u64).range(0..=100))]
    linger: u64,
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
