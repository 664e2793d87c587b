//! Who this process is to the broker and how a journal is kept, from flags or environment.

use std::time::Duration;

use messaging::journal::JournalConfig;

use crate::ReachArgs;

/// How to reach the broker, and under which name.
#[derive(Debug, Clone, clap::Args)]
pub struct BrokerArgs {
    /// The broker.
    #[command(flatten)]
    pub reach: ReachArgs,

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

/// How a journal is kept. The same in all replicas.
#[derive(Debug, Clone, Copy, clap::Args)]
pub struct JournalArgs {
    /// Seconds of silence after which a standby takes a journal over from its leader, 1 to 60
    #[arg(long, env = "JOURNAL_LEASE", default_value_t = Self::default().journal_lease, value_name = "SECONDS")]
    #[arg(value_parser = clap::value_parser!(u64).range(1..=60))]
    journal_lease: u64,

    /// Seconds after which a journal that has changed is written down as a snapshot, 1 to 86400
    ///
    /// Under load it is sooner. A start reads the newest snapshot and what was written after it.
    #[arg(long, env = "SNAPSHOT_INTERVAL", default_value_t = Self::default().snapshot_interval, value_name = "SECONDS")]
    #[arg(value_parser = clap::value_parser!(u64).range(1..=86_400))]
    snapshot_interval: u64,
}

/// A leader beats so many times within its lease: two lost beats are no reason to take over.
const BEATS_PER_LEASE: u32 = 6;

impl Default for JournalArgs {
    fn default() -> Self {
        Self { journal_lease: 3, snapshot_interval: 60 }
    }
}

impl JournalArgs {
    /// The settings as the journal wants them.
    pub(crate) fn apply(self, config: &mut JournalConfig) {
        config.lease = Duration::from_secs(self.journal_lease);
        config.beat = config.lease / BEATS_PER_LEASE;
        config.snapshot_interval = Duration::from_secs(self.snapshot_interval);
    }
}
