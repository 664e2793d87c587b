//! Strangers that an operator has written off.
//!
//! The promise is judged as if they were not there, which excuses nothing that the fleet has done: what has followed from
//! one stays part of the evidence, without a cause. And as one from which anything has followed cannot be written off,
//! that is told as what it is. So it must be known of each that nobody has acted upon it, and that nobody still will.

use std::collections::{HashMap, HashSet};

use events::catalogue::{
    CONSUMERS, ConsumerDef, INVENTORY, NOTIFICATION_ORDERS, ORDERS, PAYMENT_CHARGE, PAYMENT_REFUND, STREAMS,
    StreamDef,
};
use messaging::dead_letter::Cause;
use uuid::Uuid;

use crate::verify::{
    book::reached,
    evidence::{DeadLetter, Evidence, Fact, Recorded, Standing},
};

/// A stranger, and every letter about it.
struct Stranger<'a> {
    stream: &'static StreamDef,
    message: &'a Recorded,
    letters: Vec<&'a DeadLetter>,
}

/// Stream and sequence of each.
pub(in crate::verify) fn written_off(evidence: &Evidence) -> HashSet<(&str, u64)> {
    let mut strangers = discarded(evidence);
    let ids: HashSet<Uuid> = strangers.iter().map(|stranger| stranger.message.id).collect();
    let messages = evidence.streams.values().flat_map(|stream| &stream.messages);
    // Whatever a journal or a worker writes names the event that it follows from.
    let acted_upon: HashSet<Uuid> = if ids.is_empty() {
        HashSet::new()
    } else {
        messages.map(|message| message.cause).filter(|cause| !cause.is_nil() && ids.contains(cause)).collect()
    };
    strangers
        .retain(|stranger| !acted_upon.contains(&stranger.message.id) && stranger.is_done_with(evidence));
    strangers.iter().map(|stranger| (stranger.stream.name, stranger.message.sequence)).collect()
}

/// What no writer of a journal has signed, and of which every letter was discarded, that of the journal among them.
fn discarded(evidence: &Evidence) -> Vec<Stranger<'_>> {
    let is_foreign = |letter: &&DeadLetter| {
        letter.cause == Cause::Foreign.as_str()
            && letter.consumer == letter.stream
            && letter.standing == Standing::Discarded
    };
    let mut found = HashMap::new();
    for letter in evidence.dead_letters.iter().filter(is_foreign) {
        let stream = STREAMS.iter().find(|stream| stream.name == letter.stream && stream.control.is_some());
        let message = message(evidence, letter).filter(|message| message.epoch.is_none());
        // What follows from a message without an id cannot be found.
        let message =
            message.filter(|message| !message.id.is_nil() || matches!(message.fact, Fact::Unreadable(_)));
        if let (Some(stream), Some(message)) = (stream, message) {
            let stranger = Stranger { stream, message, letters: Vec::new() };
            found.insert((letter.stream.as_str(), letter.sequence), stranger);
        }
    }
    for letter in &evidence.dead_letters {
        if let Some(stranger) = found.get_mut(&(letter.stream.as_str(), letter.sequence)) {
            stranger.letters.push(letter);
        }
    }
    found.into_values().filter(|stranger| stranger.is_discarded()).collect()
}

fn message<'a>(evidence: &'a Evidence, letter: &DeadLetter) -> Option<&'a Recorded> {
    let messages = evidence.messages(&letter.stream);
    let index = messages.binary_search_by_key(&letter.sequence, |message| message.sequence).ok()?;
    messages.get(index)
}

impl Stranger<'_> {
    fn is_discarded(&self) -> bool {
        self.letters.iter().all(|letter| letter.standing == Standing::Discarded)
    }

    /// Nobody who reads it will act upon it: a worker has given it up, and a journal, too, or has come past it.
    fn is_done_with(&self, evidence: &Evidence) -> bool {
        let put_back =
            |letter: &DeadLetter| evidence.redriven.iter().any(|redriven| redriven.letter == letter.letter);
        let given_up = |by: &str| self.letters.iter().any(|letter| letter.consumer == by);
        let past = |journal: &StreamDef| {
            let reached = reached(evidence.messages(journal.name));
            let position = if *self.stream == ORDERS { reached.orders } else { reached.inventory };
            position >= self.message.sequence
        };
        !self.letters.iter().any(|letter| put_back(letter))
            && self.worker().is_none_or(|worker| given_up(worker.durable))
            && self.journal().is_none_or(|journal| given_up(journal.name) || past(&journal))
    }

    /// The worker that is given it.
    fn worker(&self) -> Option<ConsumerDef> {
        match &self.message.fact {
            Fact::Unreadable(fact) => {
                let is_given = |consumer: &&ConsumerDef| {
                    consumer.stream == self.stream.name && consumer.subjects.contains(&fact.subject.as_str())
                };
                CONSUMERS.iter().find(is_given).copied()
            }
            Fact::Reserved(_) => Some(PAYMENT_CHARGE),
            Fact::RefundRequested(_) => Some(PAYMENT_REFUND),
            Fact::Confirmed(_) | Fact::Cancelled(_) => Some(NOTIFICATION_ORDERS),
            Fact::Place(_)
            | Fact::Cancel(_)
            | Fact::Adjust(_)
            | Fact::Created(_)
            | Fact::CancelRefused(_)
            | Fact::Rejected(_)
            | Fact::Committed(_)
            | Fact::Released(_)
            | Fact::Adjusted(_)
            | Fact::AdjustRefused(_)
            | Fact::Captured(_)
            | Fact::Declined(_)
            | Fact::Refunded(_)
            | Fact::Notified(_)
            | Fact::Control(_) => None,
        }
    }

    /// The other journal, if it may decide on it.
    fn journal(&self) -> Option<StreamDef> {
        let fact = &self.message.fact;
        if matches!(fact, Fact::Created(_) | Fact::Confirmed(_) | Fact::Cancelled(_)) {
            Some(INVENTORY)
        } else if matches!(fact, Fact::Rejected(_)) {
            Some(ORDERS)
        } else {
            None
        }
    }
}
