//! One stream as the server keeps it: its messages, the ids it remembers, who waits for more.

use std::{
    collections::{BTreeMap, BTreeSet, VecDeque},
    sync::Arc,
    time::Duration,
};

use events::Timestamp;
use messaging::{
    headers::{BATCH_COMMIT, BATCH_ID, BATCH_SEQUENCE, EXPECTED_LAST_SEQUENCE, MSG_ID},
    log::{Ack, Extent, Message, PublishError, Stored},
};
use tokio::{sync::Notify, time::Instant};

use super::subject::any_matches;

/// The server's limit for one atomic batch.
const MAX_BATCH: usize = 1_000;
/// The server's limit for headers and body together.
const MAX_MESSAGE: usize = 1 << 20;

/// A stream.
pub(super) struct Stream {
    filters: Vec<String>,
    /// How long an id is remembered.
    pub(super) window: Duration,
    messages: Vec<Stored>,
    /// Its last sequence when the server started.
    pub(super) old: u64,
    /// Remembered ids, and the sequences they were stored under.
    ids: BTreeMap<Arc<str>, u64>,
    /// The same, oldest first.
    ages: VecDeque<(Instant, Arc<str>)>,
    batches: u64,
    /// Who reads it in order.
    pub(super) readers: BTreeMap<u64, Interest>,
}

/// A reader that may wait for more.
pub(super) struct Interest {
    pub(super) filters: Vec<String>,
    pub(super) wake: Arc<Notify>,
}

impl Stream {
    pub(super) fn new(filters: Vec<String>, window: Duration) -> Self {
        Self {
            filters,
            window,
            messages: Vec::new(),
            old: 0,
            ids: BTreeMap::new(),
            ages: VecDeque::new(),
            batches: 0,
            readers: BTreeMap::new(),
        }
    }

    /// Whether it stores this subject.
    pub(super) fn takes(&self, subject: &str) -> bool {
        any_matches(&self.filters, subject)
    }

    pub(super) fn last(&self) -> u64 {
        self.messages.len() as u64
    }

    pub(super) fn extent(&self) -> Extent {
        Extent { first: 1, last: self.last() }
    }

    pub(super) fn messages(&self) -> &[Stored] {
        &self.messages
    }

    pub(super) fn get(&self, sequence: u64) -> Option<&Stored> {
        let index = usize::try_from(sequence.checked_sub(1)?).ok()?;
        self.messages.get(index)
    }

    /// The first message after a sequence that the filters let through, or where to look on later.
    pub(super) fn next(&self, filters: &[String], after: u64) -> Result<&Stored, u64> {
        let start = usize::try_from(after).unwrap_or(usize::MAX).min(self.messages.len());
        let rest = self.messages.get(start..).unwrap_or_default();
        rest.iter()
            .find(|message| any_matches(filters, &message.subject))
            .ok_or_else(|| self.last().max(after))
    }

    /// Stores one message. The server looks at the expectation first, then at the id.
    pub(super) fn store(
        &mut self,
        (now, at): (Instant, Timestamp),
        mut message: Message,
        expect: Option<u64>,
        full: bool,
    ) -> Result<Ack, PublishError> {
        fits(&message)?;
        self.forget(now);
        if let Some(expected) = expect {
            self.expect(expected)?;
            message.headers.set(EXPECTED_LAST_SEQUENCE, expected.to_string());
        }
        if let Some(&sequence) = message.headers.get(MSG_ID).and_then(|id| self.ids.get(id)) {
            return Ok(Ack { sequence, duplicate: true });
        }
        if full {
            return Err(PublishError::Full);
        }
        self.append(now, at, message);
        Ok(Ack { sequence: self.last(), duplicate: false })
    }

    /// Stores a batch whole or not at all. The server goes through it message by message, and looks at the
    /// id first, then at the expectation, which is the first one's.
    pub(super) fn store_batch(
        &mut self,
        (now, at): (Instant, Timestamp),
        messages: Vec<Message>,
        expect: Option<u64>,
        full: bool,
    ) -> Result<Ack, PublishError> {
        messages.iter().try_for_each(fits)?;
        if messages.len() > MAX_BATCH {
            return Err(PublishError::Refused("the batch is too large".to_owned()));
        }
        self.forget(now);
        let mut ids = BTreeSet::new();
        for (position, message) in messages.iter().enumerate() {
            if let Some(id) = message.headers.get(MSG_ID)
                && (self.ids.contains_key(id) || !ids.insert(id))
            {
                return Err(PublishError::DuplicateInBatch);
            }
            match expect {
                Some(expected) if position == 0 => self.expect(expected)?,
                Some(_) | None => {}
            }
        }
        if full {
            return Err(PublishError::Full);
        }
        self.batches += 1;
        let (batch, count) = (format!("{:032x}", self.batches), messages.len());
        for (message, position) in messages.into_iter().zip(1..) {
            let expect = expect.filter(|_| position == 1);
            self.append(now, at, in_batch(message, &batch, (position, count), expect));
        }
        Ok(Ack { sequence: self.last(), duplicate: false })
    }

    fn expect(&self, last: u64) -> Result<(), PublishError> {
        if self.last() == last { Ok(()) } else { Err(PublishError::WrongLastSequence) }
    }

    fn append(&mut self, now: Instant, timestamp: Timestamp, message: Message) {
        let sequence = self.last() + 1;
        if let Some(id) = message.headers.get(MSG_ID) {
            let id: Arc<str> = id.into();
            self.ids.insert(Arc::clone(&id), sequence);
            self.ages.push_back((now, id));
        }
        let Message { subject, headers, payload } = message;
        self.messages.push(Stored { sequence, timestamp, subject, headers, payload });
    }

    /// Forgets the ids whose window has passed.
    fn forget(&mut self, now: Instant) {
        while let Some((since, id)) = self.ages.front()
            && *since + self.window <= now
        {
            self.ids.remove(id);
            self.ages.pop_front();
        }
    }
}

/// The client refuses what the server would end the connection for.
fn fits(message: &Message) -> Result<(), PublishError> {
    // Nobody comes near the limit by headers alone.
    if message.payload.len() < MAX_MESSAGE / 2 {
        return Ok(());
    }
    let headers = message.headers.iter().flat_map(|(name, values)| {
        values.into_iter().map(move |value| name.len() + ": ".len() + value.len() + "\r\n".len())
    });
    let size = "NATS/1.0\r\n\r\n".len() + headers.sum::<usize>() + message.payload.len();
    if size > MAX_MESSAGE { Err(PublishError::Refused(format!("{size} bytes are too many"))) } else { Ok(()) }
}

/// A member of a batch as it is stored.
fn in_batch(
    mut message: Message,
    batch: &str,
    (position, count): (usize, usize),
    expect: Option<u64>,
) -> Message {
    message.headers.set(BATCH_ID, batch);
    message.headers.set(BATCH_SEQUENCE, position.to_string());
    if let Some(expected) = expect {
        message.headers.set(EXPECTED_LAST_SEQUENCE, expected.to_string());
    }
    if position == count {
        message.headers.set(BATCH_COMMIT, "1");
    }
    message
}
