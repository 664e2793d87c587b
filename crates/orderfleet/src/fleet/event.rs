//! What a fleet tells its owner while it starts, runs and stops.

use std::{fmt, path::PathBuf, process::ExitStatus, sync::Arc};

/// Something that happened to the fleet.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum FleetEvent {
    /// The next step of starting has begun.
    Phase(Phase),
    /// A process answers `/ready` with success (the broker: accepts connections).
    Ready {
        /// The instance, e.g. `order-service-1`, or `broker`.
        name: String,
        /// Where it listens.
        url: String,
    },
    /// A process ended although nobody had asked it to. The others keep running.
    Died {
        /// The instance.
        name: String,
        /// How it ended.
        status: ExitStatus,
        /// What it said before.
        log_path: PathBuf,
    },
    /// A process ended after it had been told to.
    Stopped {
        /// The instance.
        name: String,
        /// How it ended.
        status: ExitStatus,
    },
}

/// A step of starting a fleet.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Phase {
    /// Compiling the binaries.
    Building,
    /// Downloading nats-server, if there is none here.
    Download,
    /// Starting nats-server.
    Broker,
    /// Creating or comparing the streams.
    Topology,
    /// Starting gateway and services and waiting until they are ready.
    Processes,
    /// Everything is ready.
    Running,
    /// Ending the services, then the broker.
    Stopping,
}

/// Whoever is told about [`FleetEvent`]s.
#[derive(Clone)]
pub struct Observer(Arc<dyn Fn(&FleetEvent) + Send + Sync>);

impl Observer {
    /// Calls `observe` for each event.
    #[must_use]
    pub fn new(observe: Arc<dyn Fn(&FleetEvent) + Send + Sync>) -> Self {
        Self(observe)
    }

    /// Tells nobody.
    #[must_use]
    pub fn silent() -> Self {
        Self(Arc::new(|_| ()))
    }

    pub(super) fn tell(&self, event: &FleetEvent) {
        (self.0)(event);
    }

    pub(super) fn phase(&self, phase: Phase) {
        self.tell(&FleetEvent::Phase(phase));
    }
}

impl fmt::Debug for Observer {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str("Observer")
    }
}
