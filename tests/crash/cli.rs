//! The suite's own command line.

use std::path::PathBuf;

use clap::Parser;

/// Hurts the real processes under load, and verifies the promise after each blow.
#[derive(Debug, Parser)]
#[command(name = "crash", bin_name = "cargo test -p tests --test crash --profile fast --")]
pub(crate) struct Cli {
    /// The scenarios to run; all of them unless named
    #[arg(value_name = "NAME")]
    pub(crate) names: Vec<String>,

    /// Say which scenarios there are, and run none
    #[arg(long)]
    pub(crate) list: bool,

    /// Run the controls instead: scenarios with a guard switched off, each of which has to fail
    #[arg(long)]
    pub(crate) controls: bool,

    /// Load the fleet for five times as long
    #[arg(long)]
    pub(crate) long: bool,

    /// Also write the figures into this file, as JSON; relative to the workspace
    #[arg(long, value_name = "PATH")]
    pub(crate) json: Option<PathBuf>,
}
