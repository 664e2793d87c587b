//! Parking: the letter is stored, however long that takes, before its message may be settled.

use std::time::Duration;

use bytes::Bytes;
use events::Timestamp;
use tokio_util::task::TaskTracker;
use tracing::{error, warn};

use super::{
    ATTEMPTS, BODY_OMITTED, CAUSE, CONSUMER, Cause, ERROR, FIRST_FAILURE, ORIGINAL_HEADERS,
    ORIGINAL_SEQUENCE, ORIGINAL_STREAM, ORIGINAL_SUBJECT, STREAM, subject,
};
use crate::{
    commit::{CommitConfig, GroupCommit},
    headers::{Headers, MSG_ID, TRACEPARENT, one_line},
    log::{Log, Message, Stored, patience::Doubling},
    metrics::Metrics,
};

/// Bodies above this are left where they are: body and headers together must fit the broker's limit.
const MAX_BODY: usize = 512 * 1024;
/// First pause before a letter is sent again that the broker did not take.
const FIRST_PAUSE: Duration = Duration::from_millis(500);
/// The longest such pause.
const LONGEST_PAUSE: Duration = Duration::from_secs(10);

/// A message given up, and why.
#[derive(Debug)]
pub struct Failure<'a> {
    /// The message as it is stored.
    pub message: &'a Stored,
    /// The stream it stands in.
    pub stream: &'a str,
    /// Who gives it up: a durable consumer or a journal.
    pub consumer: &'a str,
    /// Why.
    pub cause: Cause,
    /// The error and what caused it.
    pub error: String,
    /// How often it was tried.
    pub attempts: u64,
    /// When the first of these failed, as far as known.
    pub first_failure: Timestamp,
}

/// Parks the messages one service cannot handle. Cheap to clone.
#[derive(Clone)]
pub struct DeadLetters {
    service: &'static str,
    commit: GroupCommit,
    metrics: Metrics,
}

impl DeadLetters {
    /// The dead letters of `service`.
    pub fn new(log: impl Log, service: &'static str, metrics: &Metrics, tasks: &TaskTracker) -> Self {
        let commit = GroupCommit::spawn(log, CommitConfig::for_stream(STREAM), metrics, tasks);
        Self { service, commit, metrics: metrics.clone() }
    }

    /// Parks a message and gives the letter's sequence; returns when the broker has stored it, however
    /// long that takes, because until then the message must not be settled. Parking the same message
    /// again changes nothing. Cancel safe.
    pub async fn park(&self, failure: &Failure<'_>) -> u64 {
        let letter = self.letter(failure);
        let mut pauses = Doubling { next: FIRST_PAUSE, longest: LONGEST_PAUSE };
        let stored = loop {
            match self.commit.publish(letter.clone()).await {
                Ok(stored) => break stored,
                Err(refusal) => {
                    let (stream, sequence) = (failure.stream, failure.message.sequence);
                    error!(stream, sequence, %refusal, "cannot park a message");
                }
            }
            pauses.pause().await;
        };
        self.metrics.dead_letters.with_label_values(&[self.service, failure.cause.as_str()]).inc();
        warn!(
            stream = failure.stream,
            sequence = failure.message.sequence,
            consumer = failure.consumer,
            cause = failure.cause.as_str(),
            error = failure.error,
            letter = stored.sequence,
            "message parked as a dead letter"
        );
        stored.sequence
    }

    fn letter(&self, failure: &Failure<'_>) -> Message {
        let Failure { message, stream, consumer, .. } = failure;
        let mut headers = Headers::new();
        headers.set(MSG_ID, format!("dead:{consumer}:{stream}:{}", message.sequence));
        headers.set(CAUSE, failure.cause.as_str());
        headers.set(ERROR, one_line(&failure.error));
        headers.set(ATTEMPTS, failure.attempts.to_string());
        headers.set(FIRST_FAILURE, failure.first_failure.to_string());
        headers.set(CONSUMER, *consumer);
        headers.set(ORIGINAL_STREAM, *stream);
        headers.set(ORIGINAL_SEQUENCE, message.sequence.to_string());
        headers.set(ORIGINAL_SUBJECT, one_line(&message.subject));
        if let Some(trace) = message.headers.get(TRACEPARENT) {
            headers.set(TRACEPARENT, trace);
        }
        headers.set(ORIGINAL_HEADERS, one_line(&message.headers.to_json()));
        let fits = message.payload.len() <= MAX_BODY;
        if !fits {
            headers.set(BODY_OMITTED, message.payload.len().to_string());
        }
        let payload = if fits { message.payload.clone() } else { Bytes::new() };
        Message { subject: subject(self.service), headers, payload }
    }
}
