//! Every metric of this service beside those of the gateway's client: names, labels and meaning.

use std::time::Duration;

use prometheus::{HistogramOpts, HistogramVec, IntCounterVec, Opts, Registry};

/// Seconds spent on one attempt at a payment, waiting for a gateway that is down included, by `status`: `captured`,
/// `declined`, `refunded`, `retried` (failed, counts as an attempt), `held` (the gateway is down), `rejected` (beyond
/// hope). Its counts are the outcomes per second.
const PROCESS_DURATION: &str = "payment_process_duration_seconds";
/// Declined charges by `code`: the gateway's reason where it is a well-known one, else `other`.
const DECLINES: &str = "payment_declines_total";

/// The codes that get a label of their own: gateways invent more, and labels must not grow with them.
const KNOWN_CODES: [&str; 8] = [
    "authentication_required",
    "card_declined",
    "do_not_honor",
    "expired_card",
    "incorrect_cvc",
    "insufficient_funds",
    "lost_card",
    "stolen_card",
];

/// The metrics of this service.
pub struct Metrics {
    duration: HistogramVec,
    declines: IntCounterVec,
}

impl Metrics {
    /// Registers everything.
    ///
    /// # Errors
    /// A name is taken: this was called twice for one registry.
    pub fn register(registry: &Registry) -> Result<Self, prometheus::Error> {
        let duration = HistogramOpts::new(PROCESS_DURATION, "Duration of attempts at a payment in seconds")
            .buckets(runtime::metrics::latency_buckets());
        let duration = HistogramVec::new(duration, &["status"])?;
        let declines = IntCounterVec::new(Opts::new(DECLINES, "Declined charges by reason"), &["code"])?;
        registry.register(Box::new(duration.clone()))?;
        registry.register(Box::new(declines.clone()))?;
        Ok(Self { duration, declines })
    }

    /// Notes how an attempt ended.
    pub(crate) fn attempt(&self, status: &'static str, took: Duration) {
        self.duration.with_label_values(&[status]).observe(took.as_secs_f64());
    }

    /// Notes why a card was declined.
    pub(crate) fn declined(&self, code: &str) {
        let known = KNOWN_CODES.into_iter().find(|known| *known == code);
        self.declines.with_label_values(&[known.unwrap_or("other")]).inc();
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn labels_do_not_grow_with_what_gateways_invent() {
        let metrics = Metrics::register(&Registry::new()).unwrap();
        for code in ["expired_card", "moon_phase", "mercury_retrograde"] {
            metrics.declined(code);
        }
        let count = |code| metrics.declines.with_label_values(&[code]).get();
        assert_eq!((count("expired_card"), count("other")), (1, 2));
    }
}
