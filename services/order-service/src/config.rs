//! The knobs of this service.

use std::time::Duration;

use service::{BrokerConfig, JournalArgs};

use crate::domain::Windows;

/// The configuration of the order service.
#[derive(Debug, Clone, clap::Args)]
pub struct Config {
    /// Where the log is.
    #[command(flatten)]
    pub broker: BrokerConfig,

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

    /// Seconds after which an order that is neither confirmed nor cancelled is cancelled
    ///
    /// The same in all replicas.
    #[arg(long, env = "ORDER_DEADLINE", default_value = "86400", value_name = "SECONDS", value_parser = seconds)]
    pub order_deadline: Duration,

    /// Seconds for which a confirmed order may still be cancelled by its customer
    ///
    /// The same in all replicas.
    #[arg(long, env = "CANCEL_WINDOW", default_value = "300", value_name = "SECONDS", value_parser = seconds)]
    pub cancel_window: Duration,
}

impl Config {
    /// How long things take, and how long they are remembered.
    #[must_use]
    pub fn windows(&self) -> Windows {
        Windows { deadline: self.order_deadline, cancel: self.cancel_window, ..Windows::DEFAULT }
    }
}

/// A year is more than any stream keeps.
fn seconds(text: &str) -> Result<Duration, String> {
    match text.parse() {
        Ok(seconds @ 1..=31_536_000) => Ok(Duration::from_secs(seconds)),
        Ok(_) | Err(_) => Err("not a whole number of seconds from 1 to 31536000".to_owned()),
    }
}

#[cfg(test)]
mod tests {
    use clap::Parser;

    use super::*;

    #[derive(Parser)]
    struct Line {
        #[command(flatten)]
        config: Config,
    }

    fn parsed(words: &[&str]) -> Option<Config> {
        let words = std::iter::once(&"order-service").chain(words);
        Line::try_parse_from(words).ok().map(|line| line.config)
    }

    #[test]
    fn windows_are_what_was_asked_for() {
        let windows =
            parsed(&["--order-deadline", "60", "--cancel-window", "5"]).map(|config| config.windows());
        let expected =
            Windows { deadline: Duration::from_secs(60), cancel: Duration::from_secs(5), ..Windows::DEFAULT };
        assert_eq!(windows, Some(expected));
    }

    #[test]
    fn windows_that_make_no_sense_are_refused() {
        for seconds in ["0", "-1", "1.5", "1h", "31536001", ""] {
            assert!(parsed(&["--order-deadline", seconds]).is_none(), "{seconds:?} was accepted");
        }
    }
}
