//! Every metric of this crate: names, labels and meaning.

use std::time::Duration;

use prometheus::{HistogramOpts, HistogramVec, IntCounterVec, IntGaugeVec, Opts, Registry};

use crate::log::PublishError;

/// Seconds, from a message's journey on loopback to a gateway's time-out.
const SECONDS: &[f64] =
    &[0.0005, 0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0];
/// Seconds, from a message that is handled at once to one that waited out a long failure.
const AGES: &[f64] = &[
    0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0, 30.0, 60.0, 300.0, 1800.0,
];
/// Messages per commit: powers of about two up to the server's limit for a batch.
const MESSAGES: &[f64] = &[1.0, 2.0, 5.0, 10.0, 25.0, 50.0, 100.0, 250.0, 500.0, 1000.0];

/// The metrics of this crate. Cheap to clone.
#[derive(Clone)]
pub struct Metrics {
    pub(crate) commit_size: HistogramVec,
    pub(crate) commit_seconds: HistogramVec,
    pub(crate) publish_retries: IntCounterVec,
    publish_refusals: IntCounterVec,
    pub(crate) journal_leader: IntGaugeVec,
    pub(crate) journal_epoch: IntGaugeVec,
    pub(crate) journal_sequence: IntGaugeVec,
    pub(crate) journal_transitions: IntCounterVec,
    pub(crate) failed_ticks: IntCounterVec,
    pub(crate) process_seconds: HistogramVec,
    message_age: HistogramVec,
    attempts: IntCounterVec,
    pub(crate) in_flight: IntGaugeVec,
    pub(crate) backlog: IntGaugeVec,
    pub(crate) dead_letters: IntCounterVec,
}

impl Metrics {
    /// Registers everything.
    ///
    /// # Errors
    /// A name is taken: this was called twice for one registry.
    pub fn register(registry: &Registry) -> Result<Self, prometheus::Error> {
        let histogram = |name: &str, help: &str, labels: &[&str], buckets: &[f64]| {
            let opts = HistogramOpts::new(name, help).buckets(buckets.to_vec());
            let metric = HistogramVec::new(opts, labels)?;
            registry.register(Box::new(metric.clone()))?;
            Ok::<_, prometheus::Error>(metric)
        };
        let counter = |name: &str, help: &str, labels: &[&str]| {
            let metric = IntCounterVec::new(Opts::new(name, help), labels)?;
            registry.register(Box::new(metric.clone()))?;
            Ok::<_, prometheus::Error>(metric)
        };
        let gauge = |name: &str, help: &str, labels: &[&str]| {
            let metric = IntGaugeVec::new(Opts::new(name, help), labels)?;
            registry.register(Box::new(metric.clone()))?;
            Ok::<_, prometheus::Error>(metric)
        };
        Ok(Self {
            commit_size: histogram(
                "messaging_commit_messages",
                "Messages stored together, by stream",
                &["stream"],
                MESSAGES,
            )?,
            commit_seconds: histogram(
                "messaging_commit_duration_seconds",
                "From sending messages to the broker's word that they are stored, by stream",
                &["stream"],
                SECONDS,
            )?,
            publish_retries: counter(
                "messaging_publish_retries_total",
                "Publishes sent again because no definite answer came, by stream",
                &["stream"],
            )?,
            publish_refusals: counter(
                "messaging_publish_refusals_total",
                "Publishes that the broker refused, by stream and reason: full (the stream or the disk), refused",
                &["stream", "reason"],
            )?,
            journal_leader: gauge(
                "journal_leader",
                "1 while this process is the journal's active writer, else 0",
                &["journal"],
            )?,
            journal_epoch: gauge(
                "journal_epoch",
                "The journal's epoch as this process knows it",
                &["journal"],
            )?,
            journal_sequence: gauge(
                "journal_sequence",
                "The journal's last sequence folded by this process",
                &["journal"],
            )?,
            journal_transitions: counter(
                "journal_transitions_total",
                "How often this process took over, lost or handed over a journal",
                &["journal", "transition"],
            )?,
            failed_ticks: counter(
                "journal_failed_ticks_total",
                "Ticks that decided nothing because the rules panicked or their outcome was too large",
                &["journal"],
            )?,
            process_seconds: histogram(
                "messaging_process_duration_seconds",
                "From a message's arrival to its settlement, by consumer and outcome",
                &["consumer", "outcome"],
                SECONDS,
            )?,
            message_age: histogram(
                "messaging_message_age_seconds",
                "Age of messages, since their stream stored them, when a consumer is done with them or a journal's \
                 leader has decided on them, by consumer or journal",
                &["consumer"],
                AGES,
            )?,
            attempts: counter(
                "worker_attempts_total",
                "Attempts at messages, by consumer and how they ended: done, failed (counts towards the \
                 limit), died (so does this: a delivery ended without a word), held, rejected; and \
                 handed_back: a delivery that counts as none",
                &["consumer", "outcome"],
            )?,
            in_flight: gauge("messaging_in_flight", "Messages being handled, by consumer", &["consumer"])?,
            backlog: gauge(
                "messaging_backlog",
                "Messages waiting for this consumer when the last one arrived",
                &["consumer"],
            )?,
            dead_letters: counter(
                "dead_letters_total",
                "Messages parked because they cannot be handled, by service and cause",
                &["service", "cause"],
            )?,
        })
    }

    /// Shows as 0 what is counted of a stream that is written to: of a counter that is born with its first event, the
    /// event is not seen as an increase.
    pub(crate) fn written_to(&self, stream: &str) {
        self.publish_retries.with_label_values(&[stream]);
        for reason in ["full", "refused"] {
            self.publish_refusals.with_label_values(&[stream, reason]);
        }
    }

    /// Counts a publish by why the broker would not store it, if that is what the error says.
    pub(crate) fn refused(&self, stream: &str, error: &PublishError) {
        let reason = match error {
            PublishError::Full => "full",
            PublishError::Refused(_) => "refused",
            // No answer, or one that tells what is stored already.
            PublishError::Unknown(_) | PublishError::WrongLastSequence | PublishError::DuplicateInBatch => {
                return;
            }
        };
        self.publish_refusals.with_label_values(&[stream, reason]).inc();
    }

    /// Notes how old a message was when it was handled.
    pub(crate) fn handled(&self, consumer: &str, age: Duration) {
        self.message_age.with_label_values(&[consumer]).observe(age.as_secs_f64());
    }

    /// Counts an attempt of a worker by how it ended.
    pub(crate) fn attempt(&self, consumer: &str, outcome: &str) {
        self.attempts.with_label_values(&[consumer, outcome]).inc();
    }
}
