//! A service for the tests of this crate: it behaves, or misbehaves, as its command line says.

use std::process::ExitCode;

use anyhow::Context;
use axum::{
    Router,
    body::{Body, Bytes, to_bytes},
    routing::{get, post},
};
use clap::ValueEnum;
use runtime::{ConfigError, Process};
use tracing::{Instrument, info, info_span};

/// Does what the tests ask for.
#[derive(clap::Args)]
struct Config {
    /// How to behave.
    #[arg(long, env = "PROBE_BEHAVIOUR", value_enum, default_value_t = Behaviour::Well)]
    behaviour: Behaviour,
}

#[derive(Clone, Copy, PartialEq, Eq, ValueEnum)]
enum Behaviour {
    /// Works until told to stop.
    Well,
    /// A task returns an error.
    TaskFails,
    /// A task panics.
    TaskPanics,
    /// A task returns although nobody asked it to.
    TaskEnds,
    /// A task does not stop when asked, but does when abandoned.
    TaskLingers,
    /// A task never stops.
    TaskHangs,
    /// The configuration makes no sense.
    ConfigSenseless,
    /// The service cannot start.
    StartFails,
    /// The start panics.
    StartPanics,
    /// The start takes for ever.
    StartHangs,
}

fn main() -> ExitCode {
    runtime::run("runtime-probe", "1.2.3", start)
}

async fn start(config: Config, process: Process) -> anyhow::Result<()> {
    match config.behaviour {
        Behaviour::ConfigSenseless => return Err(ConfigError::new("PROBE_BEHAVIOUR: senseless").into()),
        Behaviour::StartFails => {
            return Err(anyhow::anyhow!("no route to host")).context("cannot reach the broker");
        }
        Behaviour::StartPanics => panic!("start panic"),
        Behaviour::StartHangs => {
            process.serve(Router::new()).await?;
            std::future::pending::<()>().await;
        }
        Behaviour::Well
        | Behaviour::TaskFails
        | Behaviour::TaskPanics
        | Behaviour::TaskEnds
        | Behaviour::TaskLingers
        | Behaviour::TaskHangs => {}
    }
    let task_process = process.clone();
    process.tasks().spawn("loop", run_loop(config.behaviour, task_process));
    process.serve(api()).await?;
    Ok(())
}

async fn run_loop(behaviour: Behaviour, process: Process) -> anyhow::Result<()> {
    match behaviour {
        Behaviour::TaskFails => return Err(anyhow::anyhow!("disk on fire")),
        Behaviour::TaskPanics => panic!("probe panic"),
        Behaviour::TaskEnds => return Ok(()),
        Behaviour::TaskLingers => process.shutdown().hard().cancelled().await,
        Behaviour::TaskHangs => std::future::pending().await,
        Behaviour::Well
        | Behaviour::ConfigSenseless
        | Behaviour::StartFails
        | Behaviour::StartPanics
        | Behaviour::StartHangs => process.shutdown().soft().cancelled().await,
    }
    Ok(())
}

fn api() -> Router {
    Router::new().route("/orders/{id}", get(order)).route("/echo", post(echo)).route("/panic", get(panicking))
}

async fn order() -> &'static str {
    let work = async { info!("order looked up") };
    work.instrument(info_span!("look_up", order_id = "o-42")).await;
    "found"
}

/// In flight for as long as its caller keeps the body back.
async fn echo(body: Body) -> Bytes {
    info!("echo begun");
    to_bytes(body, usize::MAX).await.unwrap_or_default()
}

async fn panicking() -> &'static str {
    panic!("handler panic")
}
