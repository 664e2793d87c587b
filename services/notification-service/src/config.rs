//! This service's settings, from flags or environment.

use clap::builder::RangedU64ValueParser;
use service::BrokerArgs;

/// Tells customers what became of their orders.
#[derive(Debug, Clone, clap::Args)]
pub struct Config {
    /// How to reach the broker.
    #[command(flatten)]
    pub broker: BrokerArgs,

    /// Customers told at once by this process, of each kind of event, 1 to 4096
    #[arg(long, env = "NOTIFY_CONCURRENCY", default_value_t = 512, value_name = "NUMBER")]
    #[arg(value_parser = RangedU64ValueParser::<usize>::new().range(1..=4096))]
    pub concurrency: usize,

    /// Attempts after which an event whose customer cannot be told becomes a dead letter, 1 to 100
    ///
    /// Attempts that fail because the channel as a whole is in trouble do not count.
    #[arg(long, env = "MAX_ATTEMPTS", default_value_t = 8, value_name = "NUMBER")]
    #[arg(value_parser = clap::value_parser!(u64).range(1..=100))]
    pub max_attempts: u64,
}

#[cfg(test)]
mod tests {
    use service::testing::settings;

    use super::*;

    #[test]
    fn settings_are_what_was_asked_for() {
        let config = settings::<Config>(&["--concurrency", "7", "--max-attempts", "1"]).unwrap();
        assert_eq!((config.concurrency, config.max_attempts), (7, 1));
        let config = settings::<Config>(&[]).unwrap();
        assert_eq!((config.concurrency, config.max_attempts), (512, 8));
    }

    #[test]
    fn what_cannot_be_meant_is_refused() {
        for (option, value) in [
            ("--concurrency", "0"),
            ("--concurrency", "4097"),
            ("--max-attempts", "0"),
            ("--max-attempts", "x"),
        ] {
            assert!(settings::<Config>(&[option, value]).is_err(), "{option} {value}");
        }
    }
}
