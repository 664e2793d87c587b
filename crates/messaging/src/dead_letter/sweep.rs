//! What the broker gave up behind a worker's back becomes a dead letter all the same.
//!
//! | the broker reports | which means | what is done |
//! |---|---|---|
//! | `MSG_TERMINATED`, naming a letter | a worker has parked the message | nothing, if the letter is there and is its letter |
//! | `MSG_TERMINATED`, anything else | somebody else ended it | it is parked |
//! | `MAX_DELIVERIES` | somebody has limited the consumer's deliveries, and they are used up | it is parked |
//!
//! Reports are a stream with a durable consumer per service: none is missed while nobody runs. Parking a
//! message twice is harmless, so is a report that comes twice.

use events::catalogue::{ConsumerDef, REDRIVE_SUFFIX, every_consumer};
use serde::Deserialize;
use tokio_util::sync::CancellationToken;
use tracing::{debug, error, warn};

use super::{
    CONSUMER, Cause, DeadLetters, Failure, ORIGINAL_SEQUENCE, ORIGINAL_STREAM, STREAM, attempts_before,
    letter_named,
};
use crate::log::{Consumer, Delivery, Log, Stored, patience::get_patiently};

/// Reports looked at together.
const AT_ONCE: usize = 16;

/// What the broker reports of a message it will not hand out again.
#[derive(Debug, Deserialize)]
struct Advisory {
    #[serde(rename = "type")]
    kind: String,
    stream: String,
    consumer: String,
    stream_seq: u64,
    #[serde(default)]
    deliveries: u64,
    #[serde(default)]
    reason: String,
}

impl Advisory {
    const MAX_DELIVERIES: &str = "io.nats.jetstream.advisory.v1.max_deliver";
    const TERMINATED: &str = "io.nats.jetstream.advisory.v1.terminated";

    /// Under which name the consumer's letters stand.
    fn letters(&self) -> &str {
        self.consumer.strip_suffix(REDRIVE_SUFFIX).unwrap_or(&self.consumer)
    }

    /// Whether it is of a consumer of the fleet: a stream that is not the fleet's may be gone, and could be
    /// asked for the message for ever.
    fn is_known(&self) -> bool {
        every_consumer().any(|def| def.stream == self.stream && def.durable == self.consumer)
    }

    fn is_about(&self, letter: &Stored) -> bool {
        let header = |name| letter.headers.get(name).unwrap_or_default();
        header(CONSUMER) == self.letters()
            && header(ORIGINAL_STREAM) == self.stream
            && header(ORIGINAL_SEQUENCE) == self.stream_seq.to_string()
    }
}

/// Reads what the broker reports of one service's consumers.
pub struct Sweeper<L> {
    log: L,
    reports: ConsumerDef,
    dead_letters: DeadLetters,
}

impl<L: Log> Sweeper<L> {
    /// A sweeper that does nothing until it [runs](Self::run); `reports` is the service's consumer of advisories.
    pub fn new(log: L, reports: ConsumerDef, dead_letters: DeadLetters) -> Self {
        Self { log, reports, dead_letters }
    }

    /// Sweeps until `stop`. A report that is not dealt with by then comes again.
    pub async fn run(self, stop: CancellationToken) {
        let mut consumer = self.log.consume(self.reports.stream, self.reports.durable);
        stop.run_until_cancelled(async {
            loop {
                for delivery in consumer.next(AT_ONCE).await {
                    self.sweep(delivery.message()).await;
                    if let Err(error) = delivery.ack().await {
                        debug!(%error, "the report will come again");
                    }
                }
            }
        })
        .await;
    }

    async fn sweep(&self, report: &Stored) {
        let advisory: Advisory = match serde_json::from_slice(&report.payload) {
            Ok(advisory) => advisory,
            Err(error) => return warn!(sequence = report.sequence, %error, "a report that cannot be read"),
        };
        if !advisory.is_known() {
            return warn!(sequence = report.sequence, ?advisory, "a report of no consumer of the fleet");
        }
        let (cause, error) = match advisory.kind.as_str() {
            Advisory::TERMINATED if self.is_parked(&advisory).await => return,
            Advisory::TERMINATED => (Cause::Terminated, format!("ended with: {}", advisory.reason)),
            Advisory::MAX_DELIVERIES => {
                (Cause::MaxDeliveries, "the consumer had a limit of deliveries, and it is reached".to_owned())
            }
            _ => return,
        };
        self.park(&advisory, cause, error, report).await;
    }

    async fn is_parked(&self, advisory: &Advisory) -> bool {
        let Some(letter) = letter_named(&advisory.reason) else { return false };
        get_patiently(&self.log, STREAM, letter).await.is_some_and(|letter| advisory.is_about(&letter))
    }

    async fn park(&self, advisory: &Advisory, cause: Cause, error: String, report: &Stored) {
        let (stream, consumer) = (advisory.stream.as_str(), advisory.letters());
        let Some(message) = get_patiently(&self.log, stream, advisory.stream_seq).await else {
            return error!(stream, sequence = advisory.stream_seq, consumer, "given up, and it is gone");
        };
        let attempts = advisory.deliveries.saturating_add(attempts_before(&message));
        let first_failure = report.timestamp;
        let failure = Failure { message: &message, stream, consumer, cause, error, attempts, first_failure };
        self.dead_letters.park(&failure).await;
    }
}
