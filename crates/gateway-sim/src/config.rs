//! The program's options, and how it starts.

use std::path::PathBuf;

use runtime::Process;

use crate::sim::{GatewaySim, Options};

/// Options of the `gateway-sim` program.
#[derive(Debug, Clone, clap::Args)]
pub struct Config {
    /// Keep the ledger in this file across restarts, one JSON line per charge or refund. In memory only if absent.
    #[arg(long, env = "GATEWAY_LEDGER", value_name = "FILE")]
    pub ledger: Option<PathBuf>,
    /// Decides every draw of chance: which requests fail, which charges are declined.
    #[arg(long, env = "GATEWAY_SEED", default_value_t = 0)]
    pub seed: u64,
}

/// Serves the gateway until the process is told to stop.
///
/// # Errors
/// The ledger cannot be opened, or the port cannot be served.
pub async fn start(config: Config, process: Process) -> anyhow::Result<()> {
    let options = Options { seed: config.seed, ledger: config.ledger, ..Options::new(process.clock()) };
    let sim = GatewaySim::new(options)?;
    process.serve(sim.router()).await?;
    Ok(())
}
