//! The exporter to the collector, watched so that a collector that is away shows in the log once, not once per batch.

use std::{
    sync::atomic::{AtomicBool, Ordering},
    time::Duration,
};

use opentelemetry_otlp::{ExporterBuildError, SpanExporter as OtlpExporter, WithExportConfig};
use opentelemetry_sdk::{
    Resource,
    error::OTelSdkResult,
    trace::{SpanData, SpanExporter},
};
use tracing::{info, warn};

/// Logs when export begins to fail and when it works again.
#[derive(Debug)]
pub(super) struct Watched<E> {
    exporter: E,
    failing: AtomicBool,
}

/// The exporter that posts to this URL.
pub(super) fn to_collector(traces_url: &str) -> Result<Watched<OtlpExporter>, ExporterBuildError> {
    let exporter = OtlpExporter::builder().with_http().with_endpoint(traces_url).build()?;
    Ok(Watched { exporter, failing: AtomicBool::new(false) })
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
