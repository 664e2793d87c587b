//! A letter read back: what is known about a message that was given up, and the message itself.

use std::collections::BTreeMap;

use bytes::Bytes;
use events::{Timestamp, dead_letters::LetterEvent};

use super::{
    ATTEMPTS, BODY_OMITTED, CAUSE, CONSUMER, ERROR, FIRST_FAILURE, ORIGINAL_HEADERS, ORIGINAL_SEQUENCE,
    ORIGINAL_STREAM, ORIGINAL_SUBJECT, PREFIX, STREAM,
};
use crate::{
    headers::{CONTENT_TYPE, JSON, MSG_ID, TRACEPARENT},
    log::Stored,
};

/// What is known about a message that was given up, without the message itself.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Letter {
    /// Its place in [`STREAM`].
    pub sequence: u64,
    /// When it was parked.
    pub at: Timestamp,
    /// Its `Nats-Msg-Id`: the same whenever the same message is parked by the same consumer.
    pub id: String,
    /// The service that parked it.
    pub service: String,
    /// Who gave it up: a durable consumer or a journal.
    pub consumer: String,
    /// Why, in one word: see [`Cause`](super::Cause).
    pub cause: String,
    /// The error and what caused it, outermost first.
    pub error: String,
    /// How often it was tried.
    pub attempts: u64,
    /// When the first of these failed, as far as known.
    pub first_failure: Option<Timestamp>,
    /// Where the message stands.
    pub original: Place,
}

/// Where a message stands.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Place {
    /// The stream.
    pub stream: String,
    /// The sequence in it.
    pub sequence: u64,
    /// The subject it was published to.
    pub subject: String,
}

/// The message that was given up.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Contents {
    /// Its headers where it stands.
    pub headers: BTreeMap<String, Vec<String>>,
    /// Its body.
    pub body: Body,
}

/// The body of a message that was given up.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Body {
    /// It is in the letter.
    Kept(Bytes),
    /// It was too large to be parked: so many bytes. It can be read where the message stands.
    Omitted(u64),
}

impl Letter {
    /// Reads a message of [`STREAM`]; `None` when it says what an operator did, and is no letter.
    #[must_use]
    pub fn of(message: &Stored) -> Option<Self> {
        if LetterEvent::TYPES.iter().any(|(kind, _)| *kind == message.subject) {
            return None;
        }
        let header = |name| message.headers.get(name).unwrap_or_default();
        let own_place = || format!("{STREAM}:{}", message.sequence);
        Some(Self {
            sequence: message.sequence,
            at: message.timestamp,
            id: message.headers.get(MSG_ID).map_or_else(own_place, str::to_owned),
            service: message.subject.strip_prefix(PREFIX).unwrap_or(&message.subject).to_owned(),
            consumer: header(CONSUMER).to_owned(),
            cause: header(CAUSE).to_owned(),
            error: header(ERROR).to_owned(),
            attempts: header(ATTEMPTS).parse().unwrap_or(0),
            first_failure: header(FIRST_FAILURE).parse().ok(),
            original: Place {
                stream: header(ORIGINAL_STREAM).to_owned(),
                sequence: header(ORIGINAL_SEQUENCE).parse().unwrap_or(0),
                subject: header(ORIGINAL_SUBJECT).to_owned(),
            },
        })
    }
}

impl Contents {
    /// Reads a letter.
    #[must_use]
    pub fn of(message: &Stored) -> Self {
        let originals = message.headers.get(ORIGINAL_HEADERS).unwrap_or_default();
        // Very many headers were cut off; the two that matter to whoever handles it are known all the same.
        let headers = serde_json::from_str(originals).unwrap_or_else(|_cut_off| {
            let trace = message.headers.get(TRACEPARENT).map(|trace| (TRACEPARENT, trace));
            let known = trace.into_iter().chain([(CONTENT_TYPE, JSON)]);
            known.map(|(name, value)| (name.to_owned(), vec![value.to_owned()])).collect()
        });
        let omitted = message.headers.get(BODY_OMITTED).map(|length| length.parse().unwrap_or(0));
        let body = omitted.map_or_else(|| Body::Kept(message.payload.clone()), Body::Omitted);
        Self { headers, body }
    }
}

impl std::fmt::Display for Place {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "{}:{}", self.stream, self.sequence)
    }
}
