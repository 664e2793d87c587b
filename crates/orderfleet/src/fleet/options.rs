//! How a fleet is to be run.

use std::{collections::BTreeMap, path::PathBuf, sync::Arc, time::Duration};

use messaging::topology::TopologyOptions;
use nats_server::NatsServer;
use service::ReachArgs;
use tokio_util::sync::CancellationToken;

use super::{
    event::{FleetEvent, Observer},
    spec::ServiceSpec,
};

/// Where the fleet keeps streams, databases, the gateway's ledger and logs.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum DataDir {
    /// A temporary directory, removed with the fleet.
    Temporary,
    /// A directory that outlives the fleet.
    Kept {
        /// Where; created when missing.
        path: PathBuf,
        /// Whether what an earlier fleet left there is removed first.
        fresh: bool,
    },
}

/// Which ports the processes listen on; always on 127.0.0.1.
#[derive(Debug, Clone, Copy, PartialEq, Eq, clap::ValueEnum)]
pub enum Ports {
    /// The well-known ones (broker 4222, order-service 8080 …); further replicas on free ones.
    Fixed,
    /// Free ones.
    Auto,
}

/// Whether the binaries are compiled first.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Build {
    /// Yes, with cargo's own progress on stderr.
    Show,
    /// Yes, silently; what cargo said is part of the error if it fails.
    Quiet,
    /// No: they are there already.
    Skip,
}

/// Everything [`super::Fleet::start`] can be told. Begin with [`FleetOptions::temporary`] or [`FleetOptions::kept`].
#[derive(Debug, Clone)]
pub struct FleetOptions {
    /// Where data lives.
    pub data_dir: DataDir,
    /// Which ports are used.
    pub ports: Ports,
    /// Whether to compile first.
    pub build: Build,
    /// The processes beside the broker.
    pub services: Vec<ServiceSpec>,
    /// Replicas by service name; 1 where nothing is said, 0 leaves the service out.
    pub replicas: BTreeMap<String, usize>,
    /// Further environment variables by service name; they win over the fleet's own.
    pub env: BTreeMap<String, Vec<(String, String)>>,
    /// What whoever sets the streams up shows to the broker; the address is the fleet's business.
    pub setup: ReachArgs,
    /// The broker's settings; directory, port and process group are the fleet's business.
    pub broker: nats_server::Builder,
    /// Where the broker keeps its streams; `None` is a directory in the data directory. Created when missing.
    pub broker_dir: Option<PathBuf>,
    /// What the streams are like.
    pub topology: TopologyOptions,
    /// Whether the terminal's Ctrl-C must not reach the processes, because the caller stops them in order.
    pub own_process_groups: bool,
    /// How long one process may take until it is ready.
    pub ready_within: Duration,
    /// How long a process may take to end after SIGTERM before it is killed.
    pub grace: Duration,
    /// Cancelling it ends a start in progress; everything already started is stopped in order.
    pub cancel: CancellationToken,
    /// Told about everything that happens.
    pub observer: Observer,
}

impl FleetOptions {
    /// A fleet for a test or a demonstration: nothing of it is kept, free ports, silent, dies with its owner's Ctrl-C.
    #[must_use]
    pub fn temporary() -> Self {
        Self {
            data_dir: DataDir::Temporary,
            ports: Ports::Auto,
            build: Build::Quiet,
            services: ServiceSpec::all(),
            replicas: BTreeMap::new(),
            env: BTreeMap::new(),
            setup: ReachArgs::default(),
            broker: NatsServer::builder().sync_always(true),
            broker_dir: None,
            topology: TopologyOptions::default(),
            own_process_groups: false,
            ready_within: Duration::from_secs(60),
            grace: Duration::from_secs(30),
            cancel: CancellationToken::new(),
            observer: Observer::silent(),
        }
    }

    /// A fleet to work with: well-known ports, data kept in `path`.
    #[must_use]
    pub fn kept(path: impl Into<PathBuf>) -> Self {
        let data_dir = DataDir::Kept { path: path.into(), fresh: false };
        Self { data_dir, ports: Ports::Fixed, build: Build::Show, ..Self::temporary() }
    }

    /// Runs `count` replicas of `service`.
    #[must_use]
    pub fn replicas(mut self, service: &str, count: usize) -> Self {
        self.replicas.insert(service.to_owned(), count);
        self
    }

    /// Sets an environment variable for every replica of `service`.
    #[must_use]
    pub fn env(mut self, service: &str, name: &str, value: &str) -> Self {
        self.env.entry(service.to_owned()).or_default().push((name.to_owned(), value.to_owned()));
        self
    }

    /// Tells `observe` about everything that happens, from whatever thread it happens on.
    #[must_use]
    pub fn observe(mut self, observe: impl Fn(&FleetEvent) + Send + Sync + 'static) -> Self {
        self.observer = Observer::new(Arc::new(observe));
        self
    }

    /// Replicas of `service` to start with.
    pub(super) fn replicas_of(&self, service: &str) -> usize {
        self.replicas.get(service).copied().unwrap_or(1)
    }

    /// Refuses names that no service has: a mistyped one would silently do nothing.
    ///
    /// # Errors
    /// There is such a name.
    pub fn check_names(&self) -> anyhow::Result<()> {
        let known: Vec<&str> = self.services.iter().map(|spec| spec.name.as_str()).collect();
        for name in self.replicas.keys().chain(self.env.keys()) {
            anyhow::ensure!(
                known.contains(&name.as_str()),
                "there is no service {name:?}; known: {}",
                known.join(", ")
            );
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_mistyped_service_is_refused() {
        let options = FleetOptions::temporary().replicas("order-service", 2);
        assert!(options.check_names().is_ok());
        assert_eq!((options.replicas_of("order-service"), options.replicas_of("audit-service")), (2, 1));
        let message = options.env("orders", "A", "b").check_names().err().map(|error| error.to_string());
        assert!(message.is_some_and(|text| text.contains("no service \"orders\"; known: gateway-sim, ")));
    }
}
