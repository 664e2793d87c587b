//! Starting a fleet: build, broker, streams, gateway, services; or nothing at all.

use std::{
    future::Future,
    path::PathBuf,
    sync::{Arc, Mutex},
};

use anyhow::Context;
use futures_util::future::try_join_all;
use nats_server::{NatsServer, free_port};
use service::ReachArgs;
use tokio_util::sync::CancellationToken;

use super::{
    Fleet,
    compile::{binaries_dir, compile},
    data::OpenDir,
    event::{FleetEvent, Phase},
    options::{Build, FleetOptions},
    plan::{BROKER, Plan, plan},
    proc::{Launch, Proc, instance},
    setup::setup,
    spec::{GATEWAY, ServiceSpec, Stage},
    stop,
};

/// The start was cancelled; not a failure.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Cancelled;

impl std::fmt::Display for Cancelled {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        formatter.write_str("cancelled while starting")
    }
}

impl std::error::Error for Cancelled {}

/// See [`Fleet::start`].
pub(super) async fn start(options: FleetOptions) -> anyhow::Result<Fleet> {
    options.check_names()?;
    let plan = plan(&options)?;
    let dir = OpenDir::open(&options.data_dir)?;
    let cancel = options.cancel.clone();
    let broker = unless_cancelled(&cancel, prepare(&options, &plan, &dir)).await?;
    let fleet = Fleet { options, procs: Mutex::new(Vec::new()), broker, dir };
    let started = unless_cancelled(&cancel, launch_all(&fleet, &plan)).await;
    if let Err(error) = started {
        // What already runs gets its chance to end well; the reason of the failure matters more than a second one.
        if let Err(second) = stop::stop(&fleet).await {
            tracing::warn!("stopping after a failed start: {second:#}");
        }
        return Err(error);
    }
    fleet.options.observer.phase(Phase::Running);
    Ok(fleet)
}

async fn unless_cancelled<T>(
    cancel: &CancellationToken,
    work: impl Future<Output = anyhow::Result<T>>,
) -> anyhow::Result<T> {
    cancel.run_until_cancelled(work).await.unwrap_or_else(|| Err(Cancelled.into()))
}

/// Everything before the first service: binaries and a running broker.
async fn prepare(options: &FleetOptions, plan: &Plan, dir: &OpenDir) -> anyhow::Result<NatsServer> {
    let ours = options.services.iter().filter(|spec| spec.program.is_none());
    let ours: Vec<String> =
        ours.filter(|spec| options.replicas_of(&spec.name) > 0).map(|spec| spec.name.clone()).collect();
    if options.build != Build::Skip {
        options.observer.phase(Phase::Building);
    }
    compile(&ours, options.build, &dir.log("cargo-build")).await?;
    if nats_server::must_download().await {
        options.observer.phase(Phase::Download);
        nats_server::locate().await?;
    }
    options.observer.phase(Phase::Broker);
    let store = options.broker_dir.clone().unwrap_or_else(|| dir.path().join("nats"));
    let broker = options.broker.clone().store_dir(store).port(plan.broker).lock(dir.lock());
    let broker = broker.own_process_group(options.own_process_groups).start().await?;
    options.observer.tell(&FleetEvent::Ready { name: BROKER.to_owned(), url: broker.url() });
    Ok(broker)
}

async fn launch_all(fleet: &Fleet, plan: &Plan) -> anyhow::Result<()> {
    let observer = &fleet.options.observer;
    observer.phase(Phase::Topology);
    let reach = fleet.options.setup.clone().at(fleet.broker.url());
    setup(&reach, &fleet.options.topology).await.context("the streams could not be set up")?;
    observer.phase(Phase::Processes);
    let gateway_port = plan.ports.get(&instance(GATEWAY, 1)).copied();
    for stage in [Stage::Dependency, Stage::Service] {
        let mut started = Vec::new();
        for spec in fleet.options.services.iter().filter(|spec| spec.stage == stage) {
            for replica in 1..=fleet.options.replicas_of(&spec.name) {
                let port = plan.ports.get(&instance(&spec.name, replica)).copied();
                let port = port.context("every replica has a port in the plan")?;
                started.push(start_one(fleet, launch(fleet, spec, replica, port, gateway_port)?)?);
            }
        }
        try_join_all(started.iter().map(|proc| proc.wait_ready())).await?;
    }
    Ok(())
}

/// Starts the process and makes it known to the fleet, so that whatever happens next it will be stopped.
fn start_one(fleet: &Fleet, launch: Launch) -> anyhow::Result<Arc<Proc>> {
    let proc = Arc::new(Proc::new(launch));
    proc.start()?;
    fleet.procs().push(Arc::clone(&proc));
    Ok(proc)
}

/// See [`Fleet::start_replica`].
pub(super) async fn add_replica(fleet: &Fleet, service: &str) -> anyhow::Result<Arc<Proc>> {
    let spec = fleet.options.services.iter().find(|spec| spec.name == service);
    let spec = spec.with_context(|| format!("there is no service {service:?}"))?;
    let port = free_port()?;
    let gateway = fleet.get(GATEWAY, 1).ok().map(|gateway| gateway.port());
    let replicas = fleet.processes().iter().filter(|proc| proc.service() == service).count();
    let proc = start_one(fleet, launch(fleet, spec, replicas + 1, port, gateway)?)?;
    proc.wait_ready().await?;
    Ok(proc)
}

fn launch(
    fleet: &Fleet,
    spec: &ServiceSpec,
    replica: usize,
    port: u16,
    gateway_port: Option<u16>,
) -> anyhow::Result<Launch> {
    let name = instance(&spec.name, replica);
    let program = match &spec.program {
        Some(program) => program.clone(),
        None => built(&spec.name)?,
    };
    Ok(Launch {
        service: spec.name.clone(),
        replica,
        stage: spec.stage,
        program,
        args: spec.args.clone(),
        env: environment(fleet, spec, &name, port, gateway_port),
        port,
        log: fleet.dir.log(&name),
        lock: fleet.dir.lock(),
        own_group: fleet.options.own_process_groups,
        ready_within: fleet.options.ready_within,
        observer: fleet.options.observer.clone(),
    })
}

fn built(name: &str) -> anyhow::Result<PathBuf> {
    let path = binaries_dir()?.join(name);
    anyhow::ensure!(path.is_file(), "{} does not exist; run without --no-build", path.display());
    Ok(path)
}

fn environment(
    fleet: &Fleet,
    spec: &ServiceSpec,
    name: &str,
    port: u16,
    gateway_port: Option<u16>,
) -> Vec<(String, String)> {
    let mut env = vec![
        ("NATS_URL".to_owned(), fleet.broker.url()),
        ("LISTEN".to_owned(), format!("127.0.0.1:{port}")),
        ("INSTANCE".to_owned(), name.to_owned()),
        ("LOG_FORMAT".to_owned(), "json".to_owned()),
    ];
    // What this program is told of another broker is not meant for this one; set to nothing counts as not set.
    env.extend(ReachArgs::CREDENTIALS.map(|name| (name.to_owned(), String::new())));
    if let Some(port) = gateway_port {
        env.push(("GATEWAY_URL".to_owned(), format!("http://127.0.0.1:{port}")));
    }
    env.extend(spec.own_file.map(|file| file.variable(fleet.dir.path(), name)));
    // Last, so that they win.
    env.extend(fleet.options.env.get(&spec.name).into_iter().flatten().cloned());
    env
}
