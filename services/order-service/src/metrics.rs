//! Every metric of this service: names, labels and meaning.

use std::time::Duration;

use events::Timestamp;
use prometheus::{
    HistogramOpts, HistogramVec, IntCounter, IntCounterVec, IntGauge, IntGaugeVec, Opts, Registry,
};

use crate::{
    domain::Counts,
    read_model::open::{OpenCount, Step},
};

/// Valid requests of callers, by `request` (`place`, `cancel`) and `outcome`: `stored`, `repeated` (stored before),
/// `key_reused` (the idempotency key belongs to something else), `unavailable` (to be tried again).
const REQUESTS: &str = "order_requests_total";
/// Callers who wait for the outcome of their request.
const WAITING: &str = "order_waiting_callers";
/// Orders in the journal's state, by `state`: `awaiting`, `settled`; the same in every replica.
const REMEMBERED: &str = "order_remembered";
/// Orders that are not at their end, by `step` (`accepted`, `awaiting_stock`, `awaiting_payment`, `refund_pending`); of
/// the accepted ones, which nobody has decided on for 5 s, at most the first 1,000 are counted. The same in every replica.
const OPEN: &str = "orders_open";
/// Those of them that have been so for longer than `STUCK_AFTER`, by `step`.
const STUCK: &str = "orders_stuck";
/// For how long the oldest of them has been so, in seconds, by `step`; 0 if there is none.
const OLDEST: &str = "orders_oldest_open_age_seconds";
/// Seconds from an order's acceptance until its outcome was stored, by `outcome` (`confirmed`, `cancelled`). Told by whoever
/// writes a read model: replicas that share one count an order once, those with a database of their own once each.
const COMPLETION: &str = "order_completion_duration_seconds";
/// Events the read model leaves out because it cannot read them.
const SKIPPED: &str = "order_read_model_skipped_total";

/// The metrics of this service. Cheap to clone.
#[derive(Debug, Clone)]
pub struct Metrics {
    requests: IntCounterVec,
    waiting: IntGauge,
    remembered: IntGaugeVec,
    open: IntGaugeVec,
    stuck: IntGaugeVec,
    oldest: IntGaugeVec,
    completion: HistogramVec,
    skipped: IntCounter,
}

/// What a caller asks for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Asked {
    /// To place an order.
    Place,
    /// To cancel one.
    Cancel,
}

/// What became of it before it was decided on.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Outcome {
    /// It is stored and will be decided on.
    Stored,
    /// It was stored before.
    Repeated,
    /// Its idempotency key belongs to something else.
    KeyReused,
    /// The log or the database would not; the caller was told to try again.
    Unavailable,
}

impl Metrics {
    /// Registers everything.
    ///
    /// # Errors
    /// A name is taken: this was called twice for one registry.
    pub fn register(registry: &Registry) -> Result<Self, prometheus::Error> {
        let metrics = Self {
            requests: IntCounterVec::new(
                Opts::new(REQUESTS, "Valid requests of callers, by what is asked and what became of it"),
                &["request", "outcome"],
            )?,
            waiting: IntGauge::new(WAITING, "Callers who wait for the outcome of their request")?,
            remembered: IntGaugeVec::new(
                Opts::new(REMEMBERED, "Orders in the journal's state, by whether they are settled"),
                &["state"],
            )?,
            open: IntGaugeVec::new(
                Opts::new(OPEN, "Orders that are not at their end, by the step they wait on"),
                &["step"],
            )?,
            stuck: IntGaugeVec::new(
                Opts::new(STUCK, "Orders that have not been at their end for too long, by step"),
                &["step"],
            )?,
            oldest: IntGaugeVec::new(
                Opts::new(OLDEST, "Age of the order that has been open for longest, by step"),
                &["step"],
            )?,
            completion: HistogramVec::new(
                HistogramOpts::new(COMPLETION, "Seconds from an order's acceptance to its outcome")
                    .buckets(completion_buckets()),
                &["outcome"],
            )?,
            skipped: IntCounter::new(
                SKIPPED,
                "Events the read model leaves out because it cannot read them",
            )?,
        };
        registry.register(Box::new(metrics.requests.clone()))?;
        registry.register(Box::new(metrics.waiting.clone()))?;
        registry.register(Box::new(metrics.remembered.clone()))?;
        registry.register(Box::new(metrics.open.clone()))?;
        registry.register(Box::new(metrics.stuck.clone()))?;
        registry.register(Box::new(metrics.oldest.clone()))?;
        registry.register(Box::new(metrics.completion.clone()))?;
        registry.register(Box::new(metrics.skipped.clone()))?;
        Ok(metrics)
    }

    pub(crate) fn asked(&self, asked: Asked, outcome: Outcome) {
        let request = match asked {
            Asked::Place => "place",
            Asked::Cancel => "cancel",
        };
        let outcome = match outcome {
            Outcome::Stored => "stored",
            Outcome::Repeated => "repeated",
            Outcome::KeyReused => "key_reused",
            Outcome::Unavailable => "unavailable",
        };
        self.requests.with_label_values(&[request, outcome]).inc();
    }

    /// Counts a caller as waiting until the value is dropped.
    pub(crate) fn waiting(&self) -> WaitingCaller {
        self.waiting.inc();
        WaitingCaller(self.waiting.clone())
    }

    pub(crate) fn remembered(&self, counts: Counts) {
        let set = |state, count| {
            self.remembered.with_label_values(&[state]).set(i64::try_from(count).unwrap_or(i64::MAX));
        };
        set("awaiting", counts.awaiting);
        set("settled", counts.settled);
    }

    /// What waits on a step; `None` if nothing does.
    pub(crate) fn open(&self, step: Step, count: Option<OpenCount>, now: Timestamp) {
        let labels = &[step.as_str()];
        let age = count.map_or(0, |count| now.since(count.oldest).as_secs());
        self.open.with_label_values(labels).set(count.map_or(0, |count| count.open));
        self.stuck.with_label_values(labels).set(count.map_or(0, |count| count.stuck));
        self.oldest.with_label_values(labels).set(i64::try_from(age).unwrap_or(i64::MAX));
    }

    /// An order has its outcome.
    pub(crate) fn completed(&self, outcome: &str, took: Duration) {
        self.completion.with_label_values(&[outcome]).observe(took.as_secs_f64());
    }

    pub(crate) fn skipped(&self) {
        self.skipped.inc();
    }
}

/// Those of all latencies, and further: an order may have to wait for the card gateway.
fn completion_buckets() -> Vec<f64> {
    let mut buckets = runtime::metrics::latency_buckets();
    buckets.extend([30.0, 60.0, 300.0, 1800.0]);
    buckets
}

/// See [`Metrics::waiting`].
#[derive(Debug)]
pub(crate) struct WaitingCaller(IntGauge);

impl Drop for WaitingCaller {
    fn drop(&mut self) {
        self.0.dec();
    }
}
