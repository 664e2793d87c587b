//! The settings of the audit service.

use service::BrokerConfig;

/// Keeps every event for ever, and proves that none is missing.
#[derive(Debug, Clone, clap::Args)]
pub struct Config {
    /// Where the broker is.
    #[command(flatten)]
    pub broker: BrokerConfig,

    /// Where the trail is kept: a file, or a PostgreSQL server that several replicas may share
    #[arg(
        long,
        env = "DATABASE_URL",
        default_value = "sqlite://audit.db",
        value_name = "sqlite://FILE|postgres://…",
        hide_env_values = true
    )]
    pub database_url: String,
}
