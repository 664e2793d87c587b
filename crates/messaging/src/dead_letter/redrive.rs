//! Putting a letter's message back, for the consumer that had given it up.

use bytes::Bytes;
use events::{Timestamp, catalogue::REDRIVE_SUFFIX};

use super::{
    ATTEMPTS, Letter, ORIGINAL_SEQUENCE, ORIGINAL_STREAM, ORIGINAL_SUBJECT,
    letter::{Contents, Place},
};
use crate::{
    headers::{Headers, MSG_ID, one_line},
    log::{Message, Stored},
};

/// The letter whose message this is: its sequence among the dead letters.
pub const LETTER: &str = "Fleet-Letter";
/// Who put it back.
pub const OPERATOR: &str = "Fleet-Operator";
/// Why it should succeed this time, in the operator's words.
pub const REASON: &str = "Fleet-Reason";
/// Set when the body is the operator's, not the letter's.
pub const EDITED: &str = "Fleet-Edited";
/// Which run of the operator's program sent it: tells one's own message from another operator's.
pub const RUN: &str = "Fleet-Run";

/// What the stream stores.
pub(crate) const SUBJECTS: &str = "redrive.>";
/// What each of its subjects begins with; the consumer follows.
const PREFIX: &str = "redrive.";

/// A message that was put back.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Redrive {
    /// Its place in [`REDRIVE`](crate::topology::REDRIVE).
    pub sequence: u64,
    /// When it was put back.
    pub at: Timestamp,
    /// The letter: its sequence among the dead letters.
    pub letter: u64,
    /// For whom.
    pub consumer: String,
    /// Who put it back.
    pub operator: String,
    /// Why it should succeed this time.
    pub reason: Option<String>,
    /// Whether the body is the operator's.
    pub edited: bool,
    /// Which run of the operator's program sent it.
    pub run: String,
    /// Its `Nats-Msg-Id`.
    pub id: String,
}

/// How a letter's message is to be put back.
#[derive(Debug, Clone, Copy)]
pub struct Order<'a> {
    /// The how-manieth time, from 1.
    pub number: u64,
    /// Who puts it back.
    pub operator: &'a str,
    /// Why it should succeed this time.
    pub reason: Option<&'a str>,
    /// Which run of the operator's program this is.
    pub run: &'a str,
    /// Whether the body is the operator's.
    pub edited: bool,
}

impl Redrive {
    /// Reads a message of the stream; `None` when it names no letter, so that nobody put it back.
    #[must_use]
    pub fn of(message: &Stored) -> Option<Self> {
        let header = |name| message.headers.get(name);
        Some(Self {
            sequence: message.sequence,
            at: message.timestamp,
            letter: header(LETTER)?.parse().ok()?,
            consumer: message.subject.strip_prefix(PREFIX)?.to_owned(),
            operator: header(OPERATOR).unwrap_or_default().to_owned(),
            reason: header(REASON).map(str::to_owned),
            edited: header(EDITED).is_some(),
            run: header(RUN).unwrap_or_default().to_owned(),
            id: header(MSG_ID).unwrap_or_default().to_owned(),
        })
    }

    /// Where it stands.
    #[must_use]
    pub fn place(&self) -> Place {
        let stream = crate::topology::REDRIVE.to_owned();
        Place { stream, sequence: self.sequence, subject: subject(&self.consumer) }
    }
}

/// Where is published what is put back for a worker's consumer or a journal.
pub(crate) fn subject(consumer: &str) -> String {
    format!("{PREFIX}{consumer}")
}

/// The durable consumer that handles what is put back for the worker `consumer`.
#[must_use]
pub fn durable(consumer: &str) -> String {
    format!("{consumer}{REDRIVE_SUFFIX}")
}

/// The message that puts a letter's message back with the given body.
///
/// Its id names the letter and how often that was put back, so the same redrive is stored once however often, and by
/// however many operators, it is sent within the stream's window; and it is another one than the original's, which
/// the broker may still remember.
#[must_use]
pub fn message(letter: &Letter, contents: &Contents, body: Bytes, order: &Order<'_>) -> Message {
    let mut headers = Headers::new();
    for (name, values) in contents.headers.iter().filter(|(name, _)| is_carried_over(name)) {
        for value in values {
            headers.append(name, value);
        }
    }
    headers.set(MSG_ID, format!("{}:redrive:{}", letter.id, order.number));
    headers.set(LETTER, letter.sequence.to_string());
    headers.set(ATTEMPTS, letter.attempts.to_string());
    headers.set(OPERATOR, one_line(order.operator));
    headers.set(RUN, order.run);
    if let Some(reason) = order.reason {
        headers.set(REASON, one_line(reason));
    }
    if order.edited {
        headers.set(EDITED, "true");
    }
    headers.set(ORIGINAL_STREAM, letter.original.stream.as_str());
    headers.set(ORIGINAL_SEQUENCE, letter.original.sequence.to_string());
    headers.set(ORIGINAL_SUBJECT, letter.original.subject.as_str());
    Message { subject: subject(&letter.consumer), headers, payload: body }
}

/// What the broker made of the original is not what it shall make of this, nor is an earlier operator this one.
fn is_carried_over(header: &str) -> bool {
    !header.starts_with("Nats-") && ![REASON, EDITED].contains(&header)
}

#[cfg(test)]
mod tests {
    use events::catalogue::{CONSUMERS, redrive_of};

    use super::*;

    #[test]
    fn what_is_put_back_goes_where_its_consumer_reads() {
        for consumer in CONSUMERS {
            let reads = redrive_of(&consumer).map(|redrive| redrive.subjects[0].to_owned());
            assert_eq!(reads, Some(subject(consumer.durable)));
        }
        assert_eq!(SUBJECTS, subject(">"));
    }
}
