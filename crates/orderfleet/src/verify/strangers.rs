//! Messages that stand in a stream without being part of what its writer says: in a journal those that its writer did
//! not write, elsewhere those that cannot be read. Whoever comes across one parks it; a journal that has nothing to
//! write comes across it only when it looks.

mod written_off;

use std::collections::HashSet;

use events::catalogue::{CONSUMERS, INVENTORY, ORDERS, PAYMENTS, REQUESTS, STREAMS, StreamDef};

use super::{
    book::reached,
    evidence::{Evidence, Fact, Recorded},
};
pub(super) use written_off::written_off;

/// How many of them nobody has parked yet who still will, as far as anybody can tell.
pub(super) fn unnoticed(evidence: &Evidence) -> usize {
    let letters = evidence.dead_letters.iter();
    let letters: HashSet<_> =
        letters.map(|letter| (letter.consumer.as_str(), letter.stream.as_str(), letter.sequence)).collect();
    let noticed = |stream: &StreamDef, sequence: u64| {
        let by = |consumer: &str| letters.contains(&(consumer, stream.name, sequence));
        if stream.control.is_some() {
            by(stream.name)
        } else {
            by(ORDERS.name) || CONSUMERS.iter().any(|consumer| by(consumer.durable))
        }
    };
    let unnoticed = |stream: &&StreamDef| {
        let strangers = evidence.messages(stream.name).iter().filter(|message| is_strange(stream, message));
        let to_come = strangers.filter(|message| {
            !noticed(stream, message.sequence) && will_be_noticed(evidence, stream, message)
        });
        to_come.count()
    };
    // What becomes of a request that cannot be read is a matter of the orders.
    STREAMS.iter().filter(|stream| **stream != REQUESTS).map(|stream| unnoticed(&stream)).sum()
}

fn is_strange(stream: &StreamDef, message: &Recorded) -> bool {
    if stream.control.is_some() {
        message.epoch.is_none()
    } else {
        matches!(message.fact, Fact::Unreadable(_))
    }
}

/// Whether somebody reads it who has not come to it yet. A journal's position in its own stream says how far it has
/// parked what it did not write.
fn will_be_noticed(evidence: &Evidence, stream: &StreamDef, message: &Recorded) -> bool {
    let orders = reached(evidence.messages(ORDERS.name));
    if *stream == ORDERS {
        return orders.orders < message.sequence;
    }
    if *stream == INVENTORY {
        return reached(evidence.messages(INVENTORY.name)).inventory < message.sequence;
    }
    let Fact::Unreadable(unreadable) = &message.fact else { return false };
    let subject = unreadable.subject.as_str();
    let by_worker = CONSUMERS.iter().any(|def| def.stream == stream.name && def.subjects.contains(&subject));
    let is_known = stream.types.iter().any(|(kind, _)| *kind == subject);
    by_worker || *stream == PAYMENTS && is_known && orders.payments < message.sequence
}
