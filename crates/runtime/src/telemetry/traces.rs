//! The tracer: ids always, export when there is somewhere to export to.

use opentelemetry::KeyValue;
use opentelemetry_sdk::{
    Resource,
    trace::{Sampler, SdkTracer, SdkTracerProvider, TracerProviderBuilder},
};
use tracing::{Subscriber, level_filters::LevelFilter};
use tracing_opentelemetry::OpenTelemetryLayer;
use tracing_subscriber::{Layer, filter::Filtered, registry::LookupSpan};

use super::{exporter, ids::TimedIds, sampler};
use crate::{clock::Clock, config::TraceConfig};

/// The layer that turns spans into OpenTelemetry spans.
pub(crate) type TraceLayer<S> = Filtered<OpenTelemetryLayer<S, SdkTracer>, LevelFilter, S>;

/// Where traces go.
#[derive(Debug, PartialEq, Eq)]
enum Destination {
    Nowhere,
    Collector {
        traces_url: String,
    },
    /// Configured, but not usable.
    Unusable {
        reason: String,
    },
}

/// Spans at INFO and above, whatever the log level is.
pub(crate) fn layer<S>(tracer: SdkTracer) -> TraceLayer<S>
where
    S: Subscriber + for<'a> LookupSpan<'a>,
{
    // Source locations and thread names cost allocations per span and tell an operator nothing; how long a span was
    // not worked on costs a look at the clock at every poll.
    OpenTelemetryLayer::new(tracer)
        .with_location(false)
        .with_threads(false)
        .with_target(false)
        .with_tracked_inactivity(false)
        .with_filter(LevelFilter::INFO)
}

/// The tracer provider, and what is wrong with the settings, if anything is. A service never fails to start for the
/// sake of its traces.
pub(crate) fn provider(
    name: &'static str,
    version: &'static str,
    config: &TraceConfig,
    clock: Clock,
) -> (SdkTracerProvider, Option<String>) {
    let ids = TimedIds::new(clock);
    let builder = SdkTracerProvider::builder().with_resource(resource(name, version)).with_id_generator(ids);
    let traces_url = match destination(config) {
        Destination::Nowhere => return (ids_only(builder), None),
        Destination::Unusable { reason } => return (ids_only(builder), Some(reason)),
        Destination::Collector { traces_url } => traces_url,
    };
    let argument = config.traces_sampler_arg.as_deref();
    let sampler = match sampler::sampler(&config.traces_sampler, argument) {
        Ok(sampler) => sampler,
        Err(reason) => return (ids_only(builder), Some(reason)),
    };
    match exporter::to_collector(&traces_url) {
        Ok(exporter) => (builder.with_sampler(sampler).with_batch_exporter(exporter).build(), None),
        Err(error) => (ids_only(builder), Some(error.to_string())),
    }
}

/// Nothing is recorded, yet every span gets its ids: log lines and downstream services need them.
fn ids_only(builder: TracerProviderBuilder) -> SdkTracerProvider {
    builder.with_sampler(Sampler::AlwaysOff).build()
}

fn resource(name: &'static str, version: &'static str) -> Resource {
    Resource::builder()
        .with_service_name(name)
        .with_attribute(KeyValue::new("service.version", version))
        .build()
}

fn destination(config: &TraceConfig) -> Destination {
    if config.otel_sdk_disabled.eq_ignore_ascii_case("true") {
        return Destination::Nowhere;
    }
    let Some(traces_url) = traces_url(config) else { return Destination::Nowhere };
    match config.traces_exporter.as_str() {
        "none" => Destination::Nowhere,
        "" | "otlp" if traces_url.starts_with("http://") => Destination::Collector { traces_url },
        "" | "otlp" => Destination::Unusable {
            reason: format!("only http:// collectors are supported, not {traces_url:?}"),
        },
        other => Destination::Unusable { reason: format!("unknown traces exporter {other:?}") },
    }
}

/// OpenTelemetry's rule: the URL for traces is taken as it is, the base URL gets the standard path. Empty means unset.
fn traces_url(config: &TraceConfig) -> Option<String> {
    let given = |url: &Option<String>| url.clone().filter(|url| !url.is_empty());
    given(&config.otlp_traces_endpoint).or_else(|| {
        given(&config.otlp_endpoint).map(|base| format!("{}/v1/traces", base.trim_end_matches('/')))
    })
}

#[cfg(test)]
mod tests {
    use opentelemetry::trace::{Span, Tracer, TracerProvider};

    use super::*;

    fn config(base: &str, traces: &str) -> TraceConfig {
        TraceConfig {
            otlp_endpoint: Some(base.into()),
            otlp_traces_endpoint: Some(traces.into()),
            ..TraceConfig::default()
        }
    }

    fn collector(url: &str) -> Destination {
        Destination::Collector { traces_url: url.into() }
    }

    #[test]
    fn destination_follows_opentelemetrys_variables() {
        assert_eq!(destination(&TraceConfig::default()), Destination::Nowhere);
        assert_eq!(destination(&config("", "")), Destination::Nowhere);
        assert_eq!(destination(&config("http://c:4318/", "")), collector("http://c:4318/v1/traces"));
        assert_eq!(destination(&config("http://c:4318", "http://t/x")), collector("http://t/x"));
        assert!(matches!(destination(&config("https://c", "")), Destination::Unusable { .. }));

        let off = TraceConfig { otel_sdk_disabled: "TRUE".into(), ..config("http://c", "") };
        assert_eq!(destination(&off), Destination::Nowhere);
        let none = TraceConfig { traces_exporter: "none".into(), ..config("http://c", "") };
        assert_eq!(destination(&none), Destination::Nowhere);
        let other = TraceConfig { traces_exporter: "zipkin".into(), ..config("http://c", "") };
        assert!(matches!(destination(&other), Destination::Unusable { .. }));
    }

    #[test]
    fn spans_have_ids_when_nothing_is_exported() {
        let (provider, doubt) = provider("probe", "0.0.0", &TraceConfig::default(), Clock::system());
        let span = provider.tracer("probe").start("work");
        assert_eq!(doubt, None);
        assert!(span.span_context().is_valid());
        assert!(!span.span_context().is_sampled());
    }

    #[test]
    fn impossible_settings_are_a_doubt_and_not_a_failure() {
        let sampler = TraceConfig { traces_sampler: "sometimes".into(), ..config("http://127.0.0.1:9", "") };
        for settings in [config("http://not a host", ""), sampler] {
            let (provider, doubt) = provider("probe", "0.0.0", &settings, Clock::system());
            assert!(doubt.is_some());
            assert!(provider.tracer("probe").start("work").span_context().is_valid());
        }
    }
}
