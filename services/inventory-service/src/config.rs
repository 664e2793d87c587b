//! This service's settings, from flags or environment.

use std::time::Duration;

use service::{BrokerArgs, JournalArgs};

use crate::domain::Windows;

/// Reserves, commits and releases stock.
#[derive(Debug, Clone, clap::Args)]
pub struct Config {
    /// How to reach the broker.
    #[command(flatten)]
    pub broker: BrokerArgs,

    /// How its journal is kept.
    #[command(flatten)]
    pub journal: JournalArgs,

    /// Seconds for which an adjustment repeated under the same Idempotency-Key is recognised, 120 to 86400
    ///
    /// The same in all replicas. No less than the broker remembers a request: one that only it recognised would be
    /// answered as pending although it is made. Every adjustment of that time is held, however many there are: each
    /// takes some 140 bytes of memory in every replica, and 100 of every snapshot. At ten a second, a day of them is
    /// 120 MB.
    #[arg(long, env = "ADJUSTMENT_MEMORY", default_value_t = 86_400, value_name = "SECONDS")]
    #[arg(value_parser = clap::value_parser!(u64).range(120..=86_400))]
    pub adjustment_memory: u64,
}

impl Config {
    /// How long settled things are remembered.
    #[must_use]
    pub fn windows(&self) -> Windows {
        Windows { adjustments: Duration::from_secs(self.adjustment_memory), ..Windows::DEFAULT }
    }
}

#[cfg(test)]
mod tests {
    use service::testing::settings;

    use super::*;

    #[test]
    fn windows_are_what_was_asked_for() {
        assert_eq!(settings::<Config>(&[]).unwrap().windows(), Windows::DEFAULT);
        let windows = settings::<Config>(&["--adjustment-memory", "600"]).unwrap().windows();
        assert_eq!(windows, Windows { adjustments: Duration::from_secs(600), ..Windows::DEFAULT });
    }

    #[test]
    fn what_cannot_be_meant_is_refused() {
        for value in ["0", "119", "86401", "-1", "1.5", "10m", ""] {
            assert!(settings::<Config>(&["--adjustment-memory", value]).is_err(), "{value}");
        }
    }
}
