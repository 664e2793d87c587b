//! What the broker alone would carry on this machine, measured in the same run: see `crates/ceiling`.

use std::{
    path::{self, Path, PathBuf},
    process::Stdio,
    time::Duration,
};

use anyhow::{Context, ensure};
use nats_server::NatsServer;
use serde::{Deserialize, Serialize};
use tokio::process::Command;

use super::processes;
use crate::fleet::{Build, ServiceSpec, binaries_dir, compile};

/// The package and its binary.
const CEILING: &str = "ceiling";

/// How long it may take until the flow of orders is steady.
const STEADY_WITHIN: Duration = Duration::from_secs(120);

/// What the fleet's pattern of messages comes to without the fleet's work.
#[derive(Debug, Clone, Copy, Serialize)]
pub(crate) struct Ceiling {
    /// Orders per second.
    pub(crate) orders_per_second: f64,
    /// Measured for so long.
    pub(crate) seconds: f64,
    /// From placing an order until its last message was read; half were within this time.
    pub(crate) p50_us: u64,
    /// And 99 of 100 within this.
    pub(crate) p99_us: u64,
    /// Processor time that the broker used for an order.
    pub(crate) broker_cpu_us_per_order: Option<f64>,
}

/// How the ceiling is measured.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Options<'a> {
    /// As the fleet's broker will be.
    pub(crate) fsync: bool,
    /// A directory on the disk that the fleet will use, or where temporary files are.
    pub(crate) beside: Option<&'a Path>,
    pub(crate) seconds: u64,
}

/// The program's own word.
#[derive(Debug, Deserialize)]
struct Word {
    orders_per_second: f64,
    seconds: f64,
    orders: u64,
    latency_us: Latency,
}

#[derive(Debug, Deserialize)]
struct Latency {
    p50: u64,
    p99: u64,
}

/// Compiles everything that a bench with a ceiling runs: at once, so that nothing is compiled twice.
///
/// # Errors
/// It does not compile.
pub(crate) async fn build(build: Build) -> anyhow::Result<()> {
    let mut packages: Vec<_> = ServiceSpec::all().into_iter().map(|spec| spec.name).collect();
    packages.push(CEILING.to_owned());
    // Shown, or skipped: nothing is written to a log.
    compile(&packages, build, Path::new("/dev/null")).await
}

/// Measures with a broker of its own, which is gone afterwards.
///
/// # Errors
/// The broker or the program cannot be run, or fails.
pub(crate) async fn measure(options: Options<'_>) -> anyhow::Result<Ceiling> {
    let mut temporary = tempfile::Builder::new();
    temporary.prefix("orderfleet-ceiling-");
    let store = match options.beside.and_then(same_disk) {
        Some(directory) => temporary.tempdir_in(directory)?,
        None => temporary.tempdir()?,
    };
    let server =
        NatsServer::builder().sync_always(options.fsync).store_dir(store.path()).own_process_group(true);
    let server = server.start().await?;
    let word = run(&server.url(), options.seconds).await?;
    let used = server.pid().and_then(processes::usage);
    server.stop_gracefully().await?;
    Ok(Ceiling {
        orders_per_second: word.orders_per_second,
        seconds: word.seconds,
        p50_us: word.latency_us.p50,
        p99_us: word.latency_us.p99,
        broker_cpu_us_per_order: used.map(|used| used.cpu.as_secs_f64() * 1e6 / word.orders.max(1) as f64),
    })
}

/// A directory that is there, on the disk that `path` is on, or will be when it is created.
fn same_disk(path: &Path) -> Option<PathBuf> {
    let path = path::absolute(path).ok()?;
    path.ancestors().find(|above| above.is_dir()).map(Path::to_owned)
}

async fn run(url: &str, seconds: u64) -> anyhow::Result<Word> {
    let program = binaries_dir()?.join(CEILING);
    ensure!(program.is_file(), "{} does not exist; run without --no-build", program.display());
    let mut command = Command::new(&program);
    command.args(["--nats-url", url, "--seconds", &seconds.to_string()]);
    command.stdin(Stdio::null()).kill_on_drop(true).process_group(0);
    let output = tokio::time::timeout(Duration::from_secs(seconds) + STEADY_WITHIN, command.output()).await;
    let output = output.context("the ceiling was not measured in time: is the disk busy?")??;
    let said = String::from_utf8_lossy(&output.stderr);
    ensure!(output.status.success(), "the ceiling could not be measured: {}", said.trim());
    serde_json::from_slice(&output.stdout).context("the ceiling was told in a way that cannot be read")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_ceiling_is_measured_on_the_disk_of_the_fleet() -> anyhow::Result<()> {
        let here = std::env::current_dir()?;
        assert_eq!(
            same_disk(Path::new("not-there-yet")).as_deref(),
            Some(&*here),
            "not where temporary files are"
        );
        assert_eq!(same_disk(Path::new("not/there/yet")).as_deref(), Some(&*here));
        // It may be a mount point.
        let dir = tempfile::tempdir()?;
        assert_eq!(same_disk(dir.path()).as_deref(), Some(dir.path()));
        assert_eq!(same_disk(&dir.path().join("a/b")).as_deref(), Some(dir.path()));
        Ok(())
    }
}
