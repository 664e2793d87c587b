//! What a service is given to live in: its name, metrics, tasks, shutdown, health, HTTP and clock.

use std::{net::SocketAddr, sync::Arc, time::Duration};

use prometheus::Registry;
use tokio_util::sync::CancellationToken;

use crate::{
    clock::Clock,
    config::ProcessConfig,
    drain::{Drained, drain},
    health::{Health, Heartbeat, ReadinessCheck},
    http::server,
    metrics::HttpMetrics,
    shutdown::Shutdown,
    tasks::Tasks,
};

/// The process a service runs in. Cheap to clone; all clones are the same process.
#[derive(Clone)]
pub struct Process {
    inner: Arc<Inner>,
}

struct Inner {
    name: &'static str,
    config: ProcessConfig,
    registry: Registry,
    http_metrics: HttpMetrics,
    shutdown: Shutdown,
    tasks: Tasks,
    /// Apart from `tasks`, because the listener outlives them.
    http_tasks: Tasks,
    http_stop: CancellationToken,
    health: Arc<Health>,
    clock: Clock,
}

impl Process {
    pub(crate) fn new(
        name: &'static str,
        version: &str,
        config: ProcessConfig,
        clock: Clock,
    ) -> Result<Process, prometheus::Error> {
        let registry = Registry::new();
        let health = Arc::new(Health::new());
        let http_metrics = crate::metrics::register(&registry, version, &health)?;
        let shutdown = Shutdown::default();
        let inner = Inner {
            name,
            config,
            registry,
            http_metrics,
            tasks: Tasks::new(shutdown.clone()),
            http_tasks: Tasks::new(shutdown.clone()),
            http_stop: CancellationToken::new(),
            shutdown,
            health,
            clock,
        };
        Ok(Process { inner: Arc::new(inner) })
    }

    /// A process for unit tests of services: listens on any free port of 127.0.0.1, drains within 5 s, uses the system
    /// clock, handles no signals and installs no subscriber. End it with [`Process::stop`].
    pub fn for_tests(name: &'static str) -> Process {
        Process::for_tests_with_clock(name, Clock::system())
    }

    /// Like [`Process::for_tests`], with a clock of the test's choice.
    #[expect(clippy::expect_used, reason = "a process for tests only")]
    pub fn for_tests_with_clock(name: &'static str, clock: Clock) -> Process {
        Process::new(name, "0.0.0", ProcessConfig::for_tests(), clock)
            .expect("a new registry holds no metric that could collide with ours")
    }

    /// The service's name: directory, package, binary, image and `service.name` are all this one word.
    pub fn name(&self) -> &'static str {
        self.inner.name
    }

    /// Where the service registers its metrics; shown by `/metrics`.
    pub fn registry(&self) -> &Registry {
        &self.inner.registry
    }

    /// Spawns the service's loops.
    pub fn tasks(&self) -> &Tasks {
        &self.inner.tasks
    }

    /// Tells when to stop.
    pub fn shutdown(&self) -> &Shutdown {
        &self.inner.shutdown
    }

    /// A new condition of readiness called `name`, not met yet.
    pub fn readiness(&self, name: &'static str) -> ReadinessCheck {
        self.inner.health.check(name)
    }

    /// A new loop called `name` that has to show life at least every 30 s, counted from now.
    pub fn heartbeat(&self, name: &'static str) -> Heartbeat {
        self.inner.health.heartbeat(name)
    }

    /// The wall clock.
    pub fn clock(&self) -> Clock {
        self.inner.clock.clone()
    }

    /// Serves `router` beside `/health`, `/ready` and `/metrics`, and returns the bound address.
    ///
    /// Adds to the service's routes: a span per request that continues the caller's `traceparent`, the `x-trace-id`
    /// response header, metrics, time limits, and problem documents for panics, unknown paths and wrong methods.
    /// `router` must not have a fallback of its own; it is replaced.
    ///
    /// # Errors
    /// When the address cannot be bound.
    pub async fn serve(&self, router: axum::Router) -> anyhow::Result<SocketAddr> {
        server::serve(self, router).await
    }

    /// Stops in order, as on SIGTERM, and waits for the end: for tests, which get no signals. `true` when everything in
    /// hand was finished and no task had failed.
    pub async fn stop(&self) -> bool {
        self.shutdown().request("stop");
        drain(self).await == Drained::Completely && !self.failed()
    }

    pub(crate) fn failed(&self) -> bool {
        self.inner.tasks.failed() || self.inner.http_tasks.failed()
    }

    pub(crate) fn listen_address(&self) -> SocketAddr {
        self.inner.config.listen
    }

    pub(crate) fn drain_timeout(&self) -> Duration {
        self.inner.config.drain_timeout
    }

    pub(crate) fn http_tasks(&self) -> &Tasks {
        &self.inner.http_tasks
    }

    pub(crate) fn http_stop(&self) -> &CancellationToken {
        &self.inner.http_stop
    }

    pub(crate) fn http_metrics(&self) -> &HttpMetrics {
        &self.inner.http_metrics
    }

    pub(crate) fn health(&self) -> &Arc<Health> {
        &self.inner.health
    }
}
