//! `DEAD_LETTERS`: what operators have done about the messages that were given up and stand there.
//!
//! The letters themselves are no events: each is a copy of the message that could not be handled, and what is known
//! about that stands in its headers.

use serde::{Deserialize, Serialize};

use crate::{
    OrderId,
    define::{event_data, stream_events},
};

stream_events! {
    /// What an operator did about a dead letter.
    LetterEvent {
        /// The message was put back, for the consumer that had given it up.
        Redriven(LetterRedriven),
        /// The message will not be handled any more.
        Discarded(LetterDiscarded),
    }
}

/// The message was put back, for the consumer that had given it up.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct LetterRedriven {
    /// The letter: its sequence in `DEAD_LETTERS`.
    pub letter: u64,
    /// Who had given the message up: a durable consumer or a journal.
    pub consumer: String,
    /// Why, in one word.
    pub cause: String,
    /// What the message is about: an order id or a SKU; its place as `STREAM:sequence` when it does not say.
    pub about: String,
    /// The order it concerns, if it says.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub order_id: Option<OrderId>,
    /// Who put it back.
    pub operator: String,
    /// Why it should succeed this time, in the operator's words.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub reason: Option<String>,
    /// Where it stands now: its sequence in REDRIVE.
    pub redrive: u64,
    /// Whether it has another body there than in the letter.
    pub edited: bool,
}
event_data!(LetterRedriven, "dead_letters.redriven", v 1, about);

/// The message will not be handled any more.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct LetterDiscarded {
    /// The letter: its sequence in `DEAD_LETTERS`.
    pub letter: u64,
    /// Who had given the message up: a durable consumer or a journal.
    pub consumer: String,
    /// Why, in one word.
    pub cause: String,
    /// What the message is about: an order id or a SKU; its place as `STREAM:sequence` when it does not say.
    pub about: String,
    /// The order it concerns, if it says.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub order_id: Option<OrderId>,
    /// Who decided so.
    pub operator: String,
    /// Why, in the operator's words.
    pub reason: String,
}
event_data!(LetterDiscarded, "dead_letters.discarded", v 1, about);
