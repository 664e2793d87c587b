//! Every metric of this crate: names, labels and meaning.

use std::future::Future;

use messaging::metrics::SECONDS;
use prometheus::{HistogramOpts, HistogramVec, IntCounterVec, IntGauge, IntGaugeVec, Opts, Registry};

/// Messages per transaction.
const MESSAGES: &[f64] = &[1.0, 2.0, 5.0, 10.0, 25.0, 50.0, 100.0, 250.0, 500.0, 1000.0, 2000.0];

/// The metrics of this crate. Cheap to clone.
#[derive(Clone, Debug)]
pub struct Metrics {
    pub(crate) applied: IntGaugeVec,
    pub(crate) batch_size: HistogramVec,
    pub(crate) batch_seconds: HistogramVec,
    pub(crate) errors: IntCounterVec,
    pub(crate) projecting: IntGaugeVec,
    pub(crate) at_database: IntGaugeVec,
}

/// Counts a call as under way for as long as it lives, however it ends.
struct UnderWay(IntGauge);

impl Drop for UnderWay {
    fn drop(&mut self) {
        self.0.dec();
    }
}

impl Metrics {
    /// Registers everything.
    ///
    /// # Errors
    /// A name is taken: this was called twice for one registry.
    pub fn register(registry: &Registry) -> Result<Self, prometheus::Error> {
        let metrics = Self::new()?;
        registry.register(Box::new(metrics.applied.clone()))?;
        registry.register(Box::new(metrics.batch_size.clone()))?;
        registry.register(Box::new(metrics.batch_seconds.clone()))?;
        registry.register(Box::new(metrics.errors.clone()))?;
        registry.register(Box::new(metrics.projecting.clone()))?;
        registry.register(Box::new(metrics.at_database.clone()))?;
        Ok(metrics)
    }

    /// Whether the projector of this name waits for its database just now, and not for messages or for time to pass.
    #[must_use]
    pub fn is_at_database(&self, projection: &str) -> bool {
        self.at_database.with_label_values(&[projection]).get() > 0
    }

    /// Makes a call that waits for nothing but the database.
    pub(crate) async fn at_database<T>(&self, projection: &str, call: impl Future<Output = T>) -> T {
        let gauge = self.at_database.with_label_values(&[projection]);
        gauge.inc();
        let _under_way = UnderWay(gauge);
        call.await
    }

    fn new() -> Result<Self, prometheus::Error> {
        let histogram = |name: &str, help: &str, labels: &[&str], buckets: &[f64]| {
            HistogramVec::new(HistogramOpts::new(name, help).buckets(buckets.to_vec()), labels)
        };
        Ok(Self {
            applied: IntGaugeVec::new(
                Opts::new(
                    "projection_applied_sequence",
                    "The last sequence of a stream whose effect is committed",
                ),
                &["projection", "stream"],
            )?,
            batch_size: histogram(
                "projection_batch_size",
                "Messages applied in one transaction",
                &["projection"],
                MESSAGES,
            )?,
            batch_seconds: histogram(
                "projection_batch_duration_seconds",
                "From the begin of a transaction to its end, by outcome: committed, failed or conflict",
                &["projection", "outcome"],
                SECONDS,
            )?,
            errors: IntCounterVec::new(
                Opts::new(
                    "projection_errors_total",
                    "How often a projector had to begin anew from the offsets in the database",
                ),
                &["projection"],
            )?,
            projecting: IntGaugeVec::new(
                Opts::new("projection_active", "1 while this process is the one that projects, else 0"),
                &["projection"],
            )?,
            at_database: IntGaugeVec::new(
                Opts::new("projection_at_database", "1 while a projector waits for its database, else 0"),
                &["projection"],
            )?,
        })
    }
}
