//! This service's settings, from flags or environment.

use projection::Store;
use runtime::ConfigError;
use service::BrokerArgs;

/// Keeps every event for ever, and proves that none is missing.
#[derive(Debug, Clone, clap::Args)]
pub struct Config {
    /// How to reach the broker.
    #[command(flatten)]
    pub broker: BrokerArgs,

    /// Database of the audit trail: a SQLite file, or a PostgreSQL server
    ///
    /// Replicas share one PostgreSQL; on SQLite each has a file of its own.
    #[arg(
        long,
        env = "DATABASE_URL",
        default_value = "sqlite://data/audit-service.db",
        value_name = "sqlite://FILE|postgres://…",
        hide_env_values = true
    )]
    pub database_url: String,
}

impl Config {
    /// The database.
    pub(crate) async fn store(&self) -> anyhow::Result<Store> {
        Store::open(&self.database_url).await.map_err(|error| {
            if error.is_bad_url() {
                ConfigError::new(format!("--database-url (DATABASE_URL): {error}")).into()
            } else {
                error.into()
            }
        })
    }
}
