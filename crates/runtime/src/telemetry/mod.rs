//! Logs, trace ids and their export: the only place that installs a subscriber.

mod exporter;
mod fields;
mod ids;
mod json;
mod panics;
mod propagation;
mod sampler;
mod traces;

use std::{
    io::{self, IsTerminal},
    time::Duration,
};

use opentelemetry::trace::TracerProvider;
use opentelemetry_sdk::trace::SdkTracerProvider;
use tracing::{level_filters::LevelFilter, warn};
use tracing_subscriber::{
    EnvFilter, Layer, Registry, filter::filter_fn, layer::SubscriberExt, registry::LookupSpan,
    util::SubscriberInitExt,
};

use crate::{
    clock::Clock,
    config::{ConfigError, LogFormat, ProcessConfig},
};
use json::JsonLayer;

pub(crate) use propagation::{continue_trace, current_trace_id, trace_id_of};

/// How long the last spans may take to reach the collector.
const FLUSH_TIMEOUT: Duration = Duration::from_secs(3);

/// Holds what has to be flushed when the process ends.
pub(crate) struct Telemetry {
    provider: SdkTracerProvider,
}

impl Telemetry {
    /// Installs logging and tracing for the whole process. Call it outside the async runtime, once.
    pub(crate) fn install(
        name: &'static str,
        version: &'static str,
        config: &ProcessConfig,
        clock: Clock,
    ) -> Result<Telemetry, ConfigError> {
        let (provider, doubt) = traces::provider(name, version, &config.traces, clock.clone());
        let traces = traces::layer(provider.tracer(name));
        let filter = EnvFilter::builder()
            .parse(&config.log_level)
            .map_err(|error| ConfigError::new(format!("LOG_LEVEL: {error}")))?;
        tracing_subscriber::registry()
            .with(traces)
            .with(logs(name, config.log_format, filter, clock))
            .try_init()
            .map_err(|error| ConfigError::new(format!("logging cannot be installed: {error}")))?;
        propagation::install();
        panics::install_hook();
        if let Some(reason) = doubt {
            warn!(reason, "traces are not exported");
        }
        Ok(Telemetry { provider })
    }

    /// Sends what is still queued, for a bounded time. Call it when everything else has ended.
    pub(crate) fn flush(self) {
        let (done, wait) = std::sync::mpsc::sync_channel(1);
        let flushing = std::thread::Builder::new().name("telemetry-flush".into()).spawn(move || {
            let result = self.provider.shutdown_with_timeout(FLUSH_TIMEOUT);
            // Nobody listens any more when it took too long.
            done.send(result).ok();
        });
        let flushed = match flushing {
            Ok(_) => wait.recv_timeout(FLUSH_TIMEOUT + Duration::from_millis(500)),
            Err(error) => return warn!(%error, "the last spans were not exported"),
        };
        match flushed {
            Ok(Ok(())) => {}
            Ok(Err(error)) => warn!(%error, "the last spans were not exported"),
            Err(error) => warn!(%error, "the last spans were not exported"),
        }
    }
}

type Subscriber = tracing_subscriber::layer::Layered<traces::TraceLayer<Registry>, Registry>;

fn logs(
    name: &'static str,
    format: LogFormat,
    filter: EnvFilter,
    clock: Clock,
) -> Box<dyn Layer<Subscriber> + Send + Sync> {
    let terminal = io::stdout().is_terminal();
    let text = match format {
        LogFormat::Json => false,
        LogFormat::Text => true,
        LogFormat::Auto => terminal,
    };
    let filter = with_all_spans(filter);
    if text {
        return tracing_subscriber::fmt::layer().with_ansi(terminal).with_filter(filter).boxed();
    }
    JsonLayer::new(name, clock, io::stdout).with_filter(filter).boxed()
}

/// A quiet log still shows `order_id` and the like: spans are kept for their fields whatever the level of events.
fn with_all_spans<S>(events: EnvFilter) -> impl tracing_subscriber::layer::Filter<S>
where
    S: tracing::Subscriber + for<'a> LookupSpan<'a>,
{
    use tracing_subscriber::filter::FilterExt;
    FilterExt::<S>::or(events, filter_fn(|meta| meta.is_span() && *meta.level() <= LevelFilter::INFO))
}
