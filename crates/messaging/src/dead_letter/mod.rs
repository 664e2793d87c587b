//! Dead letters: where a message goes that cannot be handled, with its cause, until somebody looks.

mod book;
mod letter;
mod park;
pub mod redrive;
mod sweep;

pub use book::{Attempt, Entry, LetterBook, State};
pub use letter::{Body, Contents, Letter, Place};
pub use park::{DeadLetters, Failure};
pub use redrive::Redrive;
pub use sweep::Sweeper;

use events::catalogue::DEAD_LETTERS;

use crate::log::Stored;

/// The stream.
pub const STREAM: &str = DEAD_LETTERS.name;
/// What every letter's subject begins with; the service that wrote it follows.
const PREFIX: &str = "dead_letters.";
/// Why the message was parked, one of [`Cause`].
pub const CAUSE: &str = "Fleet-Cause";
/// The error and what caused it, outermost first.
pub const ERROR: &str = "Fleet-Error";
/// How often it was tried.
pub const ATTEMPTS: &str = "Fleet-Attempts";
/// When the first of them failed, as far as known; RFC 3339 with microseconds, UTC.
pub(crate) const FIRST_FAILURE: &str = "Fleet-First-Failure";
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

/// Why a message was parked.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Cause {
    /// It is no event, or of a type or version this service does not know.
    Undecodable,
    /// The handler says it can never succeed.
    Rejected,
    /// It failed as often as it may.
    Exhausted,
    /// Handling it, or deciding on it, panicked.
    Panicked,
    /// The process died each time it was handled, the last times with nothing else in hand.
    Crashed,
    /// The broker gave it up: somebody had limited the consumer's deliveries.
    MaxDeliveries,
    /// Somebody else told the broker never to hand it out again.
    Terminated,
    /// It stands in a journal whose writer did not write it.
    Foreign,
}

impl Cause {
    /// All of them.
    pub const ALL: [Self; 8] = [
        Self::Undecodable,
        Self::Rejected,
        Self::Exhausted,
        Self::Panicked,
        Self::Crashed,
        Self::MaxDeliveries,
        Self::Terminated,
        Self::Foreign,
    ];

    /// The spelling in headers and metrics.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Undecodable => "undecodable",
            Self::Rejected => "rejected",
            Self::Exhausted => "exhausted",
            Self::Panicked => "panicked",
            Self::Crashed => "crashed",
            Self::MaxDeliveries => "max_deliveries",
            Self::Terminated => "terminated",
            Self::Foreign => "foreign",
        }
    }
}

/// Where a service's letters are published to.
#[must_use]
pub fn subject(service: &str) -> String {
    format!("{PREFIX}{service}")
}

/// What the broker is told of a message that was parked, so that its advisory can be checked.
#[must_use]
pub fn parked_as(letter: u64) -> String {
    format!("parked as {STREAM}:{letter}")
}

/// The letter named by [`parked_as`], if that is what the text is.
#[must_use]
pub(crate) fn letter_named(reason: &str) -> Option<u64> {
    reason.strip_prefix("parked as ")?.strip_prefix(STREAM)?.strip_prefix(':')?.parse().ok()
}

/// How often a message that an operator has put back was tried before.
#[must_use]
pub(crate) fn attempts_before(message: &Stored) -> u64 {
    message.headers.get(ATTEMPTS).and_then(|count| count.parse().ok()).unwrap_or(0)
}
