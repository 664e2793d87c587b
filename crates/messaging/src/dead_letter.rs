//! Dead letters: where a message goes that cannot be handled, with its cause, until somebody looks.

use std::time::Duration;

use tokio_util::task::TaskTracker;
use tracing::{error, warn};

use crate::{
    commit::{CommitConfig, GroupCommit},
    headers::{Headers, MSG_ID, TRACEPARENT},
    log::{Log, Message, Stored},
    metrics::Metrics,
};

/// The stream.
pub const STREAM: &str = "DEAD_LETTERS";
/// Why the message was parked, one of [`Cause`].
pub const CAUSE: &str = "Fleet-Cause";
/// The error and what caused it, outermost first.
pub const ERROR: &str = "Fleet-Error";
/// How often it was tried.
pub const ATTEMPTS: &str = "Fleet-Attempts";
/// Who gave it up: a durable consumer or a journal.
pub const CONSUMER: &str = "Fleet-Consumer";
/// The stream it stands in.
pub const ORIGINAL_STREAM: &str = "Fleet-Original-Stream";
/// Its sequence there.
pub const ORIGINAL_SEQUENCE: &str = "Fleet-Original-Sequence";
/// Its subject there.
pub const ORIGINAL_SUBJECT: &str = "Fleet-Original-Subject";
/// Its headers there, as a JSON object of lists.
pub const ORIGINAL_HEADERS: &str = "Fleet-Original-Headers";
/// Set when the body was too large to be parked; it can be read at its original place.
pub const BODY_OMITTED: &str = "Fleet-Body-Omitted";

/// Bodies above this are left where they are: body and headers together must fit the broker's limit.
const MAX_BODY: usize = 512 * 1024;
/// Longest error text and header list kept.
const MAX_TEXT: usize = 8 * 1024;
/// Pause between attempts to park, for as long as the broker will not have it.
const PAUSE: Duration = Duration::from_secs(1);

/// Why a message was parked.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Cause {
    /// It is no event, or of a type or version this service does not know.
    Undecodable,
    /// The handler says it can never succeed.
    Rejected,
    /// It failed as often as it may.
    Exhausted,
    /// Deciding on it panicked.
    Panicked,
    /// It stands in a journal whose writer did not write it.
    Foreign,
}

impl Cause {
    /// The spelling in headers and metrics.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Undecodable => "undecodable",
            Self::Rejected => "rejected",
            Self::Exhausted => "exhausted",
            Self::Panicked => "panicked",
            Self::Foreign => "foreign",
        }
    }
}

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

    /// Parks a message; returns when the broker has stored it, however long that takes, because until
    /// then the message must not be settled. Parking the same message again changes nothing.
    pub async fn park(&self, failure: &Failure<'_>) {
        let letter = self.letter(failure);
        while let Err(refusal) = self.commit.publish(letter.clone()).await {
            error!(stream = failure.stream, sequence = failure.message.sequence, %refusal, "cannot park a message");
            tokio::time::sleep(PAUSE).await;
        }
        self.metrics.dead_letters.with_label_values(&[self.service, failure.cause.as_str()]).inc();
        warn!(
            stream = failure.stream,
            sequence = failure.message.sequence,
            consumer = failure.consumer,
            cause = failure.cause.as_str(),
            error = failure.error,
            "message parked as a dead letter"
        );
    }

    fn letter(&self, failure: &Failure<'_>) -> Message {
        let Failure { message, stream, consumer, .. } = failure;
        let mut headers = Headers::new();
        headers.set(MSG_ID, format!("dead:{consumer}:{stream}:{}", message.sequence));
        headers.set(CAUSE, failure.cause.as_str());
        headers.set(ERROR, one_line(&failure.error));
        headers.set(ATTEMPTS, failure.attempts.to_string());
        headers.set(CONSUMER, *consumer);
        headers.set(ORIGINAL_STREAM, *stream);
        headers.set(ORIGINAL_SEQUENCE, message.sequence.to_string());
        headers.set(ORIGINAL_SUBJECT, one_line(&message.subject));
        if let Some(trace) = message.headers.get(TRACEPARENT) {
            headers.set(TRACEPARENT, trace);
        }
        let originals: std::collections::BTreeMap<_, _> = message.headers.iter().collect();
        headers.set(ORIGINAL_HEADERS, one_line(&serde_json::json!(originals).to_string()));
        let fits = message.payload.len() <= MAX_BODY;
        if !fits {
            headers.set(BODY_OMITTED, message.payload.len().to_string());
        }
        let payload = if fits { message.payload.clone() } else { bytes::Bytes::new() };
        Message { subject: format!("dead_letters.{}", self.service), headers, payload }
    }
}

/// What may stand in a header: no line ends, not endless.
fn one_line(text: &str) -> String {
    let mut line: String = text.chars().map(|c| if c.is_control() { ' ' } else { c }).collect();
    if let Some((end, _)) = line.char_indices().find(|(index, _)| *index >= MAX_TEXT) {
        line.truncate(end);
    }
    line
}

/// An error and everything that caused it, outermost first.
#[must_use]
pub fn chain(error: &(dyn std::error::Error + 'static)) -> String {
    let causes = std::iter::successors(Some(error), |error| error.source());
    causes.map(ToString::to_string).collect::<Vec<_>>().join(": ")
}
