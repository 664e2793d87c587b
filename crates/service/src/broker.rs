//! Where the broker is, from flags or environment.

/// How to reach the broker.
#[derive(Debug, Clone, clap::Args)]
pub struct BrokerConfig {
    /// Broker addresses, separated by commas
    #[arg(long, env = "NATS_URL", default_value = "nats://127.0.0.1:4222", value_name = "URL,…")]
    pub nats_url: String,

    /// Name of this process, unique among the replicas of its service
    ///
    /// A replica that comes back under the same name may take its journal up again at once, without
    /// waiting for the lease to end. On Kubernetes this is the pod's name.
    #[arg(long, env = "INSTANCE", default_value_t = default_instance(), value_name = "NAME")]
    pub instance: String,
}

/// The host's name and this process: unique, though not the same after a restart.
fn default_instance() -> String {
    format!("{}-{}", runtime::host_name(), std::process::id())
}
