//! The subcommands, one file each: an `Args` struct and `run(args, context)`.

mod up;

use std::process::ExitCode;

use clap::Subcommand;
use tokio_util::sync::CancellationToken;

use crate::ui::Ui;

/// What every command gets beside its own arguments.
#[derive(Debug, Clone)]
pub struct Context {
    /// The way to print.
    pub ui: Ui,
    /// Cancelled by the first Ctrl-C, SIGTERM or SIGHUP; the command then ends in its own order. At the second one its
    /// future is dropped.
    pub stop: CancellationToken,
}

/// What to do.
#[derive(Debug, Subcommand)]
pub enum Command {
    /// Run the whole fleet here, and show what its services log.
    #[command(long_about = up::LONG, after_help = up::EXAMPLES)]
    Up(up::Args),
}

impl Command {
    /// Does it; the exit code tells whether what was asked for holds, an error that it could not be done.
    ///
    /// # Errors
    /// One message for people.
    pub async fn run(self, context: &Context) -> anyhow::Result<ExitCode> {
        match self {
            Self::Up(args) => up::run(args, context).await,
        }
    }
}
