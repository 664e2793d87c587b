//! This service's settings, from flags or environment.

use std::time::Duration;

use projection::Store;
use runtime::ConfigError;
use service::{BrokerArgs, JournalArgs};

use crate::domain::Windows;

/// In seconds; more than any stream keeps.
const YEAR: u64 = 31_536_000;

/// Takes orders over HTTP and decides their life.
#[derive(Debug, Clone, clap::Args)]
pub struct Config {
    /// How to reach the broker.
    #[command(flatten)]
    pub broker: BrokerArgs,

    /// How its journal is kept.
    #[command(flatten)]
    pub journal: JournalArgs,

    /// Database of the orders that callers read: a SQLite file, or a PostgreSQL server
    ///
    /// Replicas share one PostgreSQL; on SQLite each has a file of its own.
    #[arg(
        long,
        env = "DATABASE_URL",
        default_value = "sqlite://data/order-service.db",
        value_name = "sqlite://FILE|postgres://…",
        hide_env_values = true
    )]
    pub database_url: String,

    /// Seconds after which an order that is neither confirmed nor cancelled is cancelled, 1 to 31536000
    ///
    /// The same in all replicas.
    #[arg(long, env = "ORDER_DEADLINE", default_value_t = 86_400, value_name = "SECONDS")]
    #[arg(value_parser = clap::value_parser!(u64).range(1..=YEAR))]
    pub order_deadline: u64,

    /// Seconds for which a confirmed order may still be cancelled by its customer, 1 to 31536000
    ///
    /// The same in all replicas.
    #[arg(long, env = "CANCEL_WINDOW", default_value_t = 300, value_name = "SECONDS")]
    #[arg(value_parser = clap::value_parser!(u64).range(1..=YEAR))]
    pub cancel_window: u64,

    /// Seconds after which an order that is not at its end counts as stuck, 1 to 31536000
    #[arg(long, env = "STUCK_AFTER", default_value_t = 300, value_name = "SECONDS")]
    #[arg(value_parser = clap::value_parser!(u64).range(1..=YEAR))]
    pub stuck_after: u64,
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

    /// How long things take, and how long they are remembered.
    #[must_use]
    pub fn windows(&self) -> Windows {
        Windows {
            deadline: Duration::from_secs(self.order_deadline),
            cancel: Duration::from_secs(self.cancel_window),
            ..Windows::DEFAULT
        }
    }
}

#[cfg(test)]
mod tests {
    use service::testing::settings;

    use super::*;

    #[test]
    fn windows_are_what_was_asked_for() {
        assert_eq!(settings::<Config>(&[]).unwrap().windows(), Windows::DEFAULT);
        let windows =
            settings::<Config>(&["--order-deadline", "60", "--cancel-window", "5"]).unwrap().windows();
        let expected =
            Windows { deadline: Duration::from_secs(60), cancel: Duration::from_secs(5), ..Windows::DEFAULT };
        assert_eq!(windows, expected);
    }

    #[test]
    fn what_cannot_be_meant_is_refused() {
        for option in ["--order-deadline", "--cancel-window", "--stuck-after"] {
            for value in ["0", "-1", "1.5", "1h", "31536001", ""] {
                assert!(settings::<Config>(&[option, value]).is_err(), "{option} {value}");
            }
        }
    }
}
