//! The life of a process, from its command line to its exit code.

use std::{future::Future, io::Write, panic::AssertUnwindSafe, process::ExitCode, time::Duration};

use anyhow::Context;
use futures_util::FutureExt;
use tokio::time::Instant;
use tracing::{error, info};

use crate::{
    cli::{Invocation, Refusal, complain, parse},
    clock::Clock,
    config::{ConfigError, ProcessConfig},
    drain::{Drained, drain},
    healthcheck,
    process::Process,
    signals::Signals,
    telemetry::Telemetry,
};

/// Something failed, or did not finish in time.
const FAILURE: u8 = 1;

/// The configuration is wrong; `EX_USAGE` of the BSD conventions.
const USAGE: u8 = 64;

/// How long abandoned tasks on blocking threads may hold up the end.
const RUNTIME_SHUTDOWN: Duration = Duration::from_millis(500);

/// Runs a service as a process: reads its configuration, installs telemetry and signal handling, calls `start`, and
/// waits for the end. The returned code belongs into `main`'s return value.
///
/// `start` wires the service up and returns; `/ready` answers 503 until it has. An error from it ends the process with
/// code 1, a [`ConfigError`] with code 64.
pub fn run<C, F, Fut>(name: &'static str, version: &'static str, start: F) -> ExitCode
where
    C: clap::Args,
    F: FnOnce(C, Process) -> Fut,
    Fut: Future<Output = anyhow::Result<()>>,
{
    match parse::<C>(name, version, words()) {
        Ok(Invocation::Serve { process, service }) => {
            serve(name, version, process, |process| start(service, process)).into()
        }
        Ok(Invocation::HealthCheck { process }) => health_check(name, &process),
        Err(Refusal::Information(text)) => {
            std::io::stdout().write_all(text.as_bytes()).ok();
            ExitCode::SUCCESS
        }
        Err(Refusal::Mistake(line)) => {
            complain(name, &line);
            USAGE.into()
        }
    }
}

/// The command line without the program's name. What is not Unicode is shown to the parser with replacement
/// characters, which no option accepts.
fn words() -> Vec<String> {
    std::env::args_os().skip(1).map(|word| word.to_string_lossy().into_owned()).collect()
}

fn health_check(name: &str, config: &ProcessConfig) -> ExitCode {
    match healthcheck::check(config.listen) {
        Ok(()) => ExitCode::SUCCESS,
        Err(line) => {
            complain(name, &line);
            FAILURE.into()
        }
    }
}

fn serve<F, Fut>(name: &'static str, version: &'static str, config: ProcessConfig, start: F) -> u8
where
    F: FnOnce(Process) -> Fut,
    Fut: Future<Output = anyhow::Result<()>>,
{
    let clock = Clock::system();
    let telemetry = match Telemetry::install(name, version, &config, clock.clone()) {
        Ok(telemetry) => telemetry,
        Err(error) => {
            complain(name, &error.to_string());
            return USAGE;
        }
    };
    info!(name, version, pid = std::process::id(), listen = %config.listen, "starting");
    let code = live(name, version, config, clock, start).unwrap_or_else(|error| {
        error!(error = format!("{error:#}"), "cannot start");
        FAILURE
    });
    info!(exit_code = code, "stopped");
    telemetry.flush();
    code
}

/// Builds the async runtime, lives in it and takes it down.
fn live<F, Fut>(
    name: &'static str,
    version: &'static str,
    config: ProcessConfig,
    clock: Clock,
    start: F,
) -> anyhow::Result<u8>
where
    F: FnOnce(Process) -> Fut,
    Fut: Future<Output = anyhow::Result<()>>,
{
    let process = Process::new(name, version, config, clock).context("metrics cannot be registered")?;
    let runtime = tokio::runtime::Builder::new_multi_thread()
        .enable_all()
        .thread_name(name)
        .build()
        .context("the async runtime cannot be built")?;
    let code = runtime.block_on(async {
        let signals = Signals::install().context("signals cannot be handled")?;
        tokio::select! {
            code = begin_and_end(&process, start) => Ok(code),
            never = signals.watch(process.shutdown().clone()) => match never {},
        }
    });
    runtime.shutdown_timeout(RUNTIME_SHUTDOWN);
    code
}

/// Starts the service, waits until it shall stop, and stops it.
async fn begin_and_end<F, Fut>(process: &Process, start: F) -> u8
where
    F: FnOnce(Process) -> Fut,
    Fut: Future<Output = anyhow::Result<()>>,
{
    let started = process.readiness("start");
    let soft = process.shutdown().soft();
    // Told to stop while still starting: the rest of the start is dropped.
    let starting = AssertUnwindSafe(start(process.clone())).catch_unwind();
    let code = match soft.run_until_cancelled(starting).await {
        Some(Ok(Ok(()))) => {
            started.ready();
            soft.cancelled().await;
            0
        }
        Some(Ok(Err(error))) => failed_start(process, &error),
        // The panic hook has logged it.
        Some(Err(_panic)) => FAILURE,
        None => 0,
    };
    let began = Instant::now();
    let drained = drain(process).await;
    info!(seconds = began.elapsed().as_secs_f64(), complete = drained == Drained::Completely, "drained");
    if code == 0 && (drained == Drained::Partly || process.failed()) { FAILURE } else { code }
}

fn failed_start(process: &Process, error: &anyhow::Error) -> u8 {
    process.shutdown().request("the service cannot start");
    if error.downcast_ref::<ConfigError>().is_some() {
        complain(process.name(), &format!("{error:#}"));
        return USAGE;
    }
    error!(error = format!("{error:#}"), "cannot start");
    FAILURE
}
