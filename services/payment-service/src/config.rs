//! This service's settings, from flags or environment.

use std::{path::Path, time::Duration};

use clap::builder::RangedU64ValueParser;
use runtime::ConfigError;
use service::BrokerArgs;

use crate::gateway::{BreakerSettings, HttpGateway, SetupError};

/// Charges and refunds cards through the gateway.
#[derive(Debug, Clone, clap::Args)]
pub struct Config {
    /// How to reach the broker.
    #[command(flatten)]
    pub broker: BrokerArgs,

    /// Where the card gateway is; the default is where the simulator of `orderfleet up` listens
    #[arg(long, env = "GATEWAY_URL", default_value = "http://127.0.0.1:8090", value_name = "URL")]
    pub gateway_url: String,

    /// Authorities that may vouch for a gateway with https, in a PEM file; by default those the system trusts
    #[arg(long, env = "GATEWAY_CA_FILE", value_name = "FILE")]
    pub gateway_ca_file: Option<String>,

    /// Seconds a request to the gateway may take until its outcome counts as unknown, 1 to 60
    #[arg(long, env = "GATEWAY_TIMEOUT", default_value_t = 10, value_name = "SECONDS")]
    #[arg(value_parser = clap::value_parser!(u64).range(1..=60))]
    pub gateway_timeout: u64,

    /// Seconds a gateway may still be at a request after nobody waits for its answer any more, 0 to 600
    ///
    /// A payment that had no answer, and is not in the gateway's books, is made again only then. A gateway that honours
    /// idempotency keys needs no such pause; one that does not would otherwise charge twice.
    #[arg(long, env = "GATEWAY_SETTLE", default_value_t = 20, value_name = "SECONDS")]
    #[arg(value_parser = clap::value_parser!(u64).range(0..=600))]
    pub gateway_settle: u64,

    /// Look every payment up before it is made, also one that seems to be new
    ///
    /// For a fleet restored from a backup: it makes payments again that were made after the backup, perhaps so long ago
    /// that the gateway has forgotten their keys.
    #[arg(long, env = "LOOK_FIRST", value_name = "true|false", hide_possible_values = true)]
    #[arg(num_args = 0..=1, require_equals = true, default_value_t = false, default_missing_value = "true")]
    pub look_first: bool,

    /// Cards charged at once by this process, 1 to 4096; each needs a connection to the gateway
    #[arg(long, env = "CHARGE_CONCURRENCY", default_value_t = 256, value_name = "NUMBER")]
    #[arg(value_parser = RangedU64ValueParser::<usize>::new().range(1..=4096))]
    pub concurrency: usize,

    /// Attempts after which a payment becomes a dead letter, 2 to 100
    ///
    /// Attempts that fail because the gateway as a whole is in trouble do not count.
    #[arg(long, env = "MAX_ATTEMPTS", default_value_t = 8, value_name = "NUMBER")]
    #[arg(value_parser = clap::value_parser!(u64).range(2..=100))]
    pub max_attempts: u64,

    /// Failures in a row after which the gateway is held to be down, 1 to 99
    #[arg(long, env = "BREAKER_FAILURES", default_value_t = 5, value_name = "NUMBER")]
    #[arg(value_parser = clap::value_parser!(u32).range(1..=99))]
    pub breaker_failures: u32,

    /// Seconds after which a gateway that went down is tried again, at most, 1 to 3600; doubles each time in vain
    #[arg(long, env = "BREAKER_OPEN", default_value_t = 2, value_name = "SECONDS")]
    #[arg(value_parser = clap::value_parser!(u64).range(1..=3600))]
    pub breaker_open: u64,

    /// The longest time between two tries of a gateway that is down, in seconds, up to 3600
    ///
    /// Also the longest that payments wait once it is back.
    #[arg(long, env = "BREAKER_OPEN_MAX", default_value_t = 10, value_name = "SECONDS")]
    #[arg(value_parser = clap::value_parser!(u64).range(1..=3600))]
    pub breaker_open_max: u64,
}

impl Config {
    /// The gateway's client.
    pub(crate) fn gateway(&self) -> anyhow::Result<HttpGateway> {
        let timeout = Duration::from_secs(self.gateway_timeout);
        // A variable that is set to nothing counts as not set.
        let authorities = self.gateway_ca_file.as_deref().filter(|file| !file.is_empty()).map(Path::new);
        HttpGateway::trusting(authorities, &self.gateway_url, timeout).map_err(|error| match error {
            SetupError::Address(_) => {
                ConfigError::new(format!("--gateway-url (GATEWAY_URL): {error}")).into()
            }
            SetupError::Authorities(_) | SetupError::NobodyTrusted => {
                ConfigError::new(format!("--gateway-ca-file (GATEWAY_CA_FILE): {error}")).into()
            }
            SetupError::Client(_) => error.into(),
        })
    }

    /// When the gateway is held to be down.
    pub(crate) fn breaker(&self) -> Result<BreakerSettings, ConfigError> {
        if self.breaker_open_max < self.breaker_open {
            let text =
                "--breaker-open-max (BREAKER_OPEN_MAX) must not be less than --breaker-open (BREAKER_OPEN)";
            return Err(ConfigError::new(text));
        }
        Ok(BreakerSettings {
            failures: self.breaker_failures,
            open_for: Duration::from_secs(self.breaker_open),
            open_max: Duration::from_secs(self.breaker_open_max),
            calls: self.concurrency + self.refund_concurrency(),
            ..BreakerSettings::default()
        })
    }

    /// Refunds are few; they get a share of their own, so that neither kind waits for the other.
    pub(crate) fn refund_concurrency(&self) -> usize {
        (self.concurrency / 8).max(1)
    }
}

#[cfg(test)]
mod tests {
    use service::testing::settings;

    use super::*;

    #[test]
    fn the_defaults_make_sense() {
        let config = settings::<Config>(&[]).unwrap();
        assert!(config.gateway().is_ok());
        assert_eq!(config.breaker(), Ok(BreakerSettings::default()));
        assert_eq!(config.refund_concurrency(), 32);
    }

    #[test]
    fn what_cannot_be_meant_is_refused() {
        let table = [
            ("--gateway-timeout", "0"),
            ("--gateway-timeout", "1.5"),
            ("--gateway-settle", "601"),
            ("--concurrency", "0"),
            ("--concurrency", "5000"),
            ("--max-attempts", "1"),
            ("--breaker-failures", "0"),
            ("--breaker-open", "0"),
            ("--breaker-open-max", "3601"),
        ];
        for (option, value) in table {
            assert!(settings::<Config>(&[option, value]).is_err(), "{option} {value}");
        }
    }

    #[test]
    fn settings_that_contradict_each_other_are_named() {
        let words = ["--breaker-open", "60", "--breaker-open-max", "59"];
        let refusal = settings::<Config>(&words).unwrap().breaker().unwrap_err().to_string();
        assert!(refusal.contains("BREAKER_OPEN_MAX"), "{refusal}");
        let error = settings::<Config>(&["--gateway-url", "gateway:80"]).unwrap().gateway().err().unwrap();
        assert!(error.is::<ConfigError>() && error.to_string().contains("GATEWAY_URL"), "{error}");
        let words = ["--gateway-url", "https://gateway", "--gateway-ca-file", "/nowhere/ca.pem"];
        let error = settings::<Config>(&words).unwrap().gateway().err().unwrap();
        assert!(error.is::<ConfigError>() && error.to_string().contains("GATEWAY_CA_FILE"), "{error}");
    }
}
