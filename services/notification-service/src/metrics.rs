//! Every metric of this service: names, labels and meaning.

use std::time::Duration;

use events::notifications::Template;
use prometheus::{HistogramOpts, HistogramVec, Registry};

/// Seconds that one attempt at telling a customer took, by `template` (`order_confirmed`, `order_cancelled`,
/// `order_refunded`) and `outcome`: `sent`, `failed` (refused for good), `retried` (failed, counts as an attempt), `held`
/// (the channel may be down). Its counts are the notifications per second.
const SEND_DURATION: &str = "notification_send_duration_seconds";

/// How an attempt at telling a customer ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Told {
    /// The channel took the message.
    Sent,
    /// It refused it for good.
    Failed,
    /// It did not take it this time, though it takes those of others.
    Retried,
    /// It may be down.
    Held,
}

/// The metrics of this service. Cheap to clone.
#[derive(Clone)]
pub struct Metrics {
    duration: HistogramVec,
}

impl Metrics {
    /// Registers everything.
    ///
    /// # Errors
    /// A name is taken: this was called twice for one registry.
    pub fn register(registry: &Registry) -> Result<Self, prometheus::Error> {
        let duration =
            HistogramOpts::new(SEND_DURATION, "Duration of attempts at telling a customer in seconds")
                .buckets(runtime::metrics::latency_buckets());
        let duration = HistogramVec::new(duration, &["template", "outcome"])?;
        registry.register(Box::new(duration.clone()))?;
        Ok(Self { duration })
    }

    /// Notes how an attempt ended.
    pub(crate) fn told(&self, template: Template, told: Told, took: Duration) {
        let outcome = match told {
            Told::Sent => "sent",
            Told::Failed => "failed",
            Told::Retried => "retried",
            Told::Held => "held",
        };
        let duration = self.duration.with_label_values(&[template.as_str(), outcome]);
        duration.observe(took.as_secs_f64());
    }
}
