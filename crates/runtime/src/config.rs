//! The knobs every process has, whatever its service does.

use std::{net::SocketAddr, time::Duration};

use clap::ValueEnum;
use tracing_subscriber::{EnvFilter, filter::LevelFilter};

/// Configuration of the process itself; flattened beside the service's own.
#[derive(Clone, Debug, clap::Args)]
#[command(next_help_heading = "Process")]
pub(crate) struct ProcessConfig {
    /// Address of the HTTP listener: the service's API, /health, /ready and /metrics. Port 0 takes any free port.
    #[arg(long, env = "LISTEN", value_name = "IP:PORT", default_value = "0.0.0.0:8080")]
    pub(crate) listen: SocketAddr,

    /// What is logged: a level (error, warn, info), or directives such as "info,messaging=warn".
    #[arg(long, env = "LOG_LEVEL", value_name = "FILTER", default_value = "info", value_parser = log_filter)]
    pub(crate) log_level: String,

    /// How log lines look: one JSON object each, text for people, or text only when standard output is a terminal.
    #[arg(long, env = "LOG_FORMAT", value_enum, default_value_t = LogFormat::Json)]
    pub(crate) log_format: LogFormat,

    /// Seconds that work in hand may take to finish after the process was told to stop.
    #[arg(long, env = "DRAIN_TIMEOUT", value_name = "SECONDS", default_value = "25", value_parser = seconds)]
    pub(crate) drain_timeout: Duration,

    #[command(flatten)]
    pub(crate) traces: TraceConfig,
}

/// Where traces go. The names are OpenTelemetry's; the SDK itself reads the remaining `OTEL_*` variables
/// (headers, timeouts, batching, resource attributes).
#[derive(Clone, Debug, Default, clap::Args)]
#[command(next_help_heading = "Traces")]
pub(crate) struct TraceConfig {
    /// Base URL of an OTLP/HTTP collector, such as `http://collector:4318`. Without one, no traces are exported.
    #[arg(long, env = "OTEL_EXPORTER_OTLP_ENDPOINT", value_name = "URL")]
    pub(crate) otlp_endpoint: Option<String>,

    /// Full URL for traces alone, such as `http://collector:4318/v1/traces`. Overrides the base URL.
    #[arg(long, env = "OTEL_EXPORTER_OTLP_TRACES_ENDPOINT", value_name = "URL")]
    pub(crate) otlp_traces_endpoint: Option<String>,

    /// Traces' exporter: "otlp" or "none".
    #[arg(long, env = "OTEL_TRACES_EXPORTER", value_name = "NAME", default_value = "otlp")]
    pub(crate) traces_exporter: String,

    /// Which traces are recorded: `always_on`, `always_off`, `traceidratio`, or one of these after `parentbased_`.
    #[arg(long, env = "OTEL_TRACES_SAMPLER", value_name = "NAME", default_value = "parentbased_always_on")]
    pub(crate) traces_sampler: String,

    /// The share of traces that the traceidratio samplers record, from 0 to 1.
    #[arg(long, env = "OTEL_TRACES_SAMPLER_ARG", value_name = "RATIO")]
    pub(crate) traces_sampler_arg: Option<String>,

    /// "true" switches the export of telemetry off. Log lines keep their trace ids.
    #[arg(long, env = "OTEL_SDK_DISABLED", value_name = "BOOL", default_value = "false")]
    pub(crate) otel_sdk_disabled: String,
}

/// How log lines look.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub(crate) enum LogFormat {
    Json,
    Text,
    Auto,
}

impl ProcessConfig {
    /// For unit tests of services: any free local port, a short drain, no export.
    pub(crate) fn for_tests() -> ProcessConfig {
        ProcessConfig {
            listen: SocketAddr::from(([127, 0, 0, 1], 0)),
            log_level: "info".into(),
            log_format: LogFormat::Json,
            drain_timeout: Duration::from_secs(5),
            traces: TraceConfig::default(),
        }
    }
}

/// A configuration that parses but makes no sense. Returned from a service's `start`, it ends the process with exit
/// code 64 and its text as one line on standard error.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{message}")]
pub struct ConfigError {
    message: String,
}

impl ConfigError {
    /// `message` names the setting and says what it should be; lower case, no full stop.
    pub fn new(message: impl Into<String>) -> ConfigError {
        ConfigError { message: message.into() }
    }
}

fn seconds(text: &str) -> Result<Duration, String> {
    let seconds: u64 = text.parse().map_err(|_| "not a whole number of seconds".to_owned())?;
    if seconds > 3600 {
        return Err("more than an hour".into());
    }
    Ok(Duration::from_secs(seconds))
}

fn log_filter(text: &str) -> Result<String, String> {
    // To the filter any other word is the name of a module, so that a mistyped level would silence everything.
    let words = text.split(',').filter(|directive| !directive.contains(['=', '[', ':']));
    for word in words {
        if word.is_empty() || word.parse::<LevelFilter>().is_err() {
            let levels = "off, error, warn, info, debug or trace";
            return Err(format!("{word:?} is no level; use {levels}, or module=level"));
        }
    }
    EnvFilter::builder().parse(text).map(|_| text.to_owned()).map_err(|error| error.to_string())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn drain_timeout_is_whole_seconds_up_to_an_hour() {
        assert_eq!(seconds("25"), Ok(Duration::from_secs(25)));
        assert_eq!(seconds("0"), Ok(Duration::ZERO));
        for bad in ["", "-1", "1.5", "25s", "3601"] {
            assert!(seconds(bad).is_err(), "{bad:?} was accepted");
        }
    }

    #[test]
    fn log_filter_refuses_what_it_cannot_read() {
        assert!(log_filter("info,messaging=warn").is_ok());
        for level in ["off", "warn", "WARN", "trace", "messaging=debug", "info,messaging::journal=debug"] {
            assert!(log_filter(level).is_ok(), "{level:?} was refused");
        }
        for bad in ["", "loud", "info,", "info,messaging=loud", "info,messaging"] {
            assert!(log_filter(bad).is_err(), "{bad:?} was accepted");
        }
    }
}
