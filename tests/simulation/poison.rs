//! Messages that nobody can read, published past all services: each must end as dead letters and hold nobody up.

use std::sync::{Arc, Mutex, PoisonError};

use events::catalogue;
use messaging::{
    dead_letter::{self, Letter},
    headers::Headers,
    log::Message,
};

use crate::world::World;

/// What is published, and where.
const KINDS: [(&str, &str); 10] = [
    ("requests.order.place", "no envelope"),
    ("requests.order.place", r#"{"half":"#),
    ("requests.order.cancel", "{}"),
    ("requests.stock.adjust", "[]"),
    ("orders.created", "a foreign message"),
    ("orders.confirmed", "a foreign message"),
    ("inventory.reserved", "a foreign message"),
    ("payments.captured", "no envelope"),
    ("payments.refunded", "no envelope"),
    ("payments.declined", ""),
];

/// What was published so far.
#[derive(Clone, Default)]
pub(crate) struct Poison(Arc<Mutex<Vec<(String, u64)>>>);

impl Poison {
    /// Publishes a few.
    pub(crate) fn publish(&self, world: &World) {
        for _ in 0..world.chance.number(1..4) {
            let (subject, body) = world.chance.pick(&KINDS);
            let message = Message {
                subject: subject.to_owned(),
                headers: Headers::new(),
                payload: body.as_bytes().into(),
            };
            let Ok(ack) = world.broker.publish_raw(message) else { continue };
            let stream = stream_of(subject);
            world
                .trace
                .note("nemesis", "poisons", ack.sequence, || format!("{stream} with {subject}: {body}"));
            world.trace.sometimes(&format!("poison: {subject}"));
            self.0.lock().unwrap_or_else(PoisonError::into_inner).push((stream.to_owned(), ack.sequence));
        }
    }

    /// Whether every journal has noticed what stands in it without being part of it.
    pub(crate) fn is_noticed(&self, world: &World) -> bool {
        let journals = catalogue::STREAMS.iter().filter(|stream| stream.control.is_some());
        let journals: Vec<&str> = journals.map(|stream| stream.name).collect();
        let letters = world.broker.messages(dead_letter::STREAM);
        let noticed: Vec<Letter> = letters.iter().filter_map(Letter::of).collect();
        self.all().iter().filter(|(stream, _)| journals.contains(&stream.as_str())).all(
            |(stream, sequence)| {
                let is_of = |letter: &Letter| {
                    letter.consumer == *stream
                        && letter.original.stream == *stream
                        && letter.original.sequence == *sequence
                };
                noticed.iter().any(is_of)
            },
        )
    }

    /// Streams and sequences of all that was published.
    pub(crate) fn all(&self) -> Vec<(String, u64)> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }
}

fn stream_of(subject: &str) -> &'static str {
    let first = subject.split('.').next().unwrap_or_default();
    let stream = catalogue::STREAMS.iter().find(|stream| stream.subjects.split('.').next() == Some(first));
    stream.map_or("", |stream| stream.name)
}
