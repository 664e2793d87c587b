//! Every metric of this crate: names, labels and meaning.

use std::time::Duration;

use prometheus::{
    HistogramOpts, HistogramVec, IntCounter, IntCounterVec, IntGaugeVec, Opts, Registry, core::Collector,
};

use crate::log::PublishError;

/// Seconds, from a message's journey on loopback to a gateway's time-out. The same bounds as those of every process, so
/// that latencies can be added and compared.
pub const SECONDS: &[f64] =
    &[0.0005, 0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0];
/// Seconds, from a message that is handled at once to one that waited out a long failure.
const AGES: &[f64] = &[
    0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0, 30.0, 60.0, 300.0, 1800.0,
];
/// Messages per commit: powers of about two up to the server's limit for a batch.
const MESSAGES: &[f64] = &[1.0, 2.0, 5.0, 10.0, 25.0, 50.0, 100.0, 250.0, 500.0, 1000.0];

/// Counts what the broker refuses a connection because its user may not do it. Made with the connection, which is
/// there before anything can be registered.
pub(crate) fn refusals() -> Result<IntCounter, prometheus::Error> {
    let help =
        "Operations the broker did not permit to the user of this process; anything above 0 is a mistake";
    IntCounter::new("messaging_refusals_total", help)
}

/// The metrics of this crate. Cheap to clone.
#[derive(Clone)]
pub struct Metrics {
    pub(crate) commit: CommitMetrics,
    pub(crate) journal: JournalMetrics,
    pub(crate) worker: WorkerMetrics,
    pub(crate) dead_letters: IntCounterVec,
    message_age: HistogramVec,
}

impl Metrics {
    /// Registers everything.
    ///
    /// # Errors
    /// A name is taken: this was called twice for one registry.
    pub fn register(registry: &Registry) -> Result<Self, prometheus::Error> {
        let registrar = Registrar(registry);
        Ok(Self {
            commit: CommitMetrics::register(&registrar)?,
            journal: JournalMetrics::register(&registrar)?,
            worker: WorkerMetrics::register(&registrar)?,
            dead_letters: registrar.counter(
                "dead_letters_total",
                "Messages parked because they cannot be handled, by service and cause",
                &["service", "cause"],
            )?,
            message_age: registrar.histogram(
                "messaging_message_age_seconds",
                "Age of messages, since their stream stored them, when a consumer is done with them or a journal's \
                 leader has decided on them, by consumer or journal",
                &["consumer"],
                AGES,
            )?,
        })
    }

    /// Notes how old a message was when it was handled.
    pub(crate) fn handled(&self, consumer: &str, age: Duration) {
        self.message_age.with_label_values(&[consumer]).observe(age.as_secs_f64());
    }
}

/// What is told of commits, whoever makes them.
#[derive(Clone)]
pub(crate) struct CommitMetrics {
    size: HistogramVec,
    seconds: HistogramVec,
    pub(crate) retries: IntCounterVec,
    refusals: IntCounterVec,
}

impl CommitMetrics {
    fn register(registrar: &Registrar<'_>) -> Result<Self, prometheus::Error> {
        Ok(Self {
            size: registrar.histogram(
                "messaging_commit_messages",
                "Messages stored together, by stream",
                &["stream"],
                MESSAGES,
            )?,
            seconds: registrar.histogram(
                "messaging_commit_duration_seconds",
                "From sending messages to the broker's word that they are stored, by stream",
                &["stream"],
                SECONDS,
            )?,
            retries: registrar.counter(
                "messaging_publish_retries_total",
                "Publishes sent again because no definite answer came, by stream",
                &["stream"],
            )?,
            refusals: registrar.counter(
                "messaging_publish_refusals_total",
                "Publishes that the broker refused, by stream and reason: full (the stream or the disk), refused",
                &["stream", "reason"],
            )?,
        })
    }

    /// Shows as 0 what is counted of a stream that is written to: of a counter that is born with its first event, the
    /// event is not seen as an increase.
    pub(crate) fn written_to(&self, stream: &str) {
        self.retries.with_label_values(&[stream]);
        for reason in ["full", "refused"] {
            self.refusals.with_label_values(&[stream, reason]);
        }
    }

    /// Counts a commit of so many messages.
    pub(crate) fn began(&self, stream: &str, messages: usize) {
        #[expect(clippy::cast_precision_loss, reason = "at most a thousand")]
        self.size.with_label_values(&[stream]).observe(messages as f64);
    }

    /// Counts how long a commit took.
    pub(crate) fn took(&self, stream: &str, duration: Duration) {
        self.seconds.with_label_values(&[stream]).observe(duration.as_secs_f64());
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
        self.refusals.with_label_values(&[stream, reason]).inc();
    }
}

/// What is told of journals.
#[derive(Clone)]
pub(crate) struct JournalMetrics {
    pub(crate) leader: IntGaugeVec,
    pub(crate) epoch: IntGaugeVec,
    pub(crate) sequence: IntGaugeVec,
    pub(crate) transitions: IntCounterVec,
    pub(crate) failed_ticks: IntCounterVec,
}

impl JournalMetrics {
    fn register(registrar: &Registrar<'_>) -> Result<Self, prometheus::Error> {
        Ok(Self {
            leader: registrar.gauge(
                "journal_leader",
                "1 while this process is the journal's active writer, else 0",
                &["journal"],
            )?,
            epoch: registrar.gauge(
                "journal_epoch",
                "The journal's epoch as this process knows it",
                &["journal"],
            )?,
            sequence: registrar.gauge(
                "journal_sequence",
                "The journal's last sequence folded by this process",
                &["journal"],
            )?,
            transitions: registrar.counter(
                "journal_transitions_total",
                "How often this process took over, lost or handed over a journal",
                &["journal", "transition"],
            )?,
            failed_ticks: registrar.counter(
                "journal_failed_ticks_total",
                "Ticks that decided nothing because the rules panicked or their outcome was too large",
                &["journal"],
            )?,
        })
    }
}

/// What is told of workers.
#[derive(Clone)]
pub(crate) struct WorkerMetrics {
    pub(crate) seconds: HistogramVec,
    attempts: IntCounterVec,
    pub(crate) in_flight: IntGaugeVec,
    pub(crate) backlog: IntGaugeVec,
}

impl WorkerMetrics {
    fn register(registrar: &Registrar<'_>) -> Result<Self, prometheus::Error> {
        Ok(Self {
            seconds: registrar.histogram(
                "messaging_process_duration_seconds",
                "From a message's arrival to its settlement, by consumer and outcome",
                &["consumer", "outcome"],
                SECONDS,
            )?,
            attempts: registrar.counter(
                "worker_attempts_total",
                "Attempts at messages, by consumer and how they ended: done, failed (counts towards the \
                 limit), died (so does this: a delivery ended without a word), held, rejected; and \
                 handed_back: a delivery that counts as none",
                &["consumer", "outcome"],
            )?,
            in_flight: registrar.gauge(
                "messaging_in_flight",
                "Messages being handled, by consumer",
                &["consumer"],
            )?,
            backlog: registrar.gauge(
                "messaging_backlog",
                "Messages waiting for this consumer when the last one arrived",
                &["consumer"],
            )?,
        })
    }

    /// Counts an attempt by how it ended.
    pub(crate) fn attempt(&self, consumer: &str, outcome: &str) {
        self.attempts.with_label_values(&[consumer, outcome]).inc();
    }
}

/// Makes metrics and registers them.
struct Registrar<'a>(&'a Registry);

impl Registrar<'_> {
    fn histogram(
        &self,
        name: &str,
        help: &str,
        labels: &[&str],
        buckets: &[f64],
    ) -> Result<HistogramVec, prometheus::Error> {
        let opts = HistogramOpts::new(name, help).buckets(buckets.to_vec());
        self.registered(HistogramVec::new(opts, labels)?)
    }

    fn counter(&self, name: &str, help: &str, labels: &[&str]) -> Result<IntCounterVec, prometheus::Error> {
        self.registered(IntCounterVec::new(Opts::new(name, help), labels)?)
    }

    fn gauge(&self, name: &str, help: &str, labels: &[&str]) -> Result<IntGaugeVec, prometheus::Error> {
        self.registered(IntGaugeVec::new(Opts::new(name, help), labels)?)
    }

    fn registered<M: Collector + Clone + 'static>(&self, metric: M) -> Result<M, prometheus::Error> {
        self.0.register(Box::new(metric.clone()))?;
        Ok(metric)
    }
}
