//! The exporter to the collector, watched so that a collector that is away shows in the log once, not once per batch.

use std::{
    sync::atomic::{AtomicBool, Ordering},
    thread,
    time::Duration,
};

use opentelemetry_otlp::{SpanExporter as OtlpExporter, WithExportConfig, WithHttpConfig};
use opentelemetry_sdk::{
    Resource,
    error::OTelSdkResult,
    trace::{SpanData, SpanExporter},
};
use tracing::{info, warn};

use crate::http_client::blocking_http_client;

/// OpenTelemetry's default.
const PATIENCE: Duration = Duration::from_secs(10);

/// Logs when export begins to fail and when it works again.
#[derive(Debug)]
pub(super) struct Watched<E> {
    exporter: E,
    failing: AtomicBool,
}

/// The exporter that posts to this URL.
pub(super) fn to_collector(traces_url: &str) -> anyhow::Result<Watched<OtlpExporter>> {
    // A client that waits must not be made where the async runtime runs, and it may be running here.
    let client = thread::spawn(|| blocking_http_client().timeout(patience()).build());
    let client = client.join().map_err(|_panic| anyhow::anyhow!("the HTTP client cannot be built"))??;
    let exporter = OtlpExporter::builder().with_http().with_http_client(client).with_endpoint(traces_url);
    Ok(Watched { exporter: exporter.build()?, failing: AtomicBool::new(false) })
}

/// How long the collector may take, by OpenTelemetry's variables in milliseconds.
fn patience() -> Duration {
    let names = ["OTEL_EXPORTER_OTLP_TRACES_TIMEOUT", "OTEL_EXPORTER_OTLP_TIMEOUT"];
    let set = names.iter().find_map(|name| std::env::var(name).ok()?.parse().ok());
    set.map_or(PATIENCE, Duration::from_millis)
}

impl<E> Watched<E> {
    fn note(&self, result: &OTelSdkResult) {
        let was_failing = self.failing.swap(result.is_err(), Ordering::SeqCst);
        match result {
            Err(error) if !was_failing => warn!(%error, "trace export fails, spans are being lost"),
            Ok(()) if was_failing => info!("trace export works again"),
            Ok(()) | Err(_) => {}
        }
    }
}

impl<E: SpanExporter> SpanExporter for Watched<E> {
    async fn export(&self, batch: Vec<SpanData>) -> OTelSdkResult {
        let result = self.exporter.export(batch).await;
        self.note(&result);
        result
    }

    fn shutdown_with_timeout(&self, timeout: Duration) -> OTelSdkResult {
        self.exporter.shutdown_with_timeout(timeout)
    }

    fn force_flush(&self) -> OTelSdkResult {
        self.exporter.force_flush()
    }

    fn set_resource(&mut self, resource: &Resource) {
        self.exporter.set_resource(resource);
    }
}
