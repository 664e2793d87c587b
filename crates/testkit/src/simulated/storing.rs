//! What the server stores: messages in streams, its own advisories, snapshots.

use bytes::Bytes;
use messaging::{
    headers::Headers,
    log::{Ack, Attempts, Extent, Message, PublishError, Unavailable},
};

use super::server::{Server, Snapshot};

impl Server {
    /// Stores messages that belong together: one for itself, or several as an atomic batch.
    pub(super) fn publish(
        &mut self,
        mut messages: Vec<Message>,
        expect: Option<u64>,
    ) -> Result<Ack, PublishError> {
        let now = self.now();
        let Some(last) = messages.last() else {
            return Err(PublishError::Refused("an empty batch".to_owned()));
        };
        let found = self.streams.iter_mut().find(|(_, stream)| stream.takes(&last.subject));
        let Some((name, stream)) = found else {
            return Err(PublishError::Unknown("no stream takes this subject".to_owned()));
        };
        if messages.iter().any(|message| !stream.takes(&message.subject)) {
            return Err(PublishError::Unknown("part of the batch went elsewhere".to_owned()));
        }
        let (full, before) = (self.faults.full, stream.last());
        let stored = match (messages.len(), messages.pop()) {
            (1, Some(message)) => stream.store(now, message, expect, full),
            (_, last) => {
                messages.extend(last);
                stream.store_batch(now, messages, expect, full)
            }
        };
        if stream.last() > before {
            let name = name.clone();
            self.stored(&name, before);
        }
        stored
    }

    /// Tells whoever reads the advisories that a message was ended.
    pub(super) fn advise_of_termination(
        &mut self,
        consumer: &str,
        sequence: u64,
        deliveries: u64,
        reason: &str,
    ) {
        let Some(durable) = self.durables.get(consumer) else { return };
        let stream = durable.stream.clone();
        let id = self.fresh_id();
        let body = serde_json::json!({
            "type": "io.nats.jetstream.advisory.v1.terminated",
            "id": id.to_string(),
            "timestamp": self.now().1.to_string(),
            "stream": stream,
            "consumer": consumer,
            "consumer_seq": id,
            "stream_seq": sequence,
            "deliveries": deliveries,
            "reason": reason,
        });
        let advisory = Message {
            subject: format!("$JS.EVENT.ADVISORY.CONSUMER.MSG_TERMINATED.{stream}.{consumer}"),
            headers: Headers::new(),
            payload: Bytes::from(body.to_string()),
        };
        // The server itself sends it once, and does not care whether anybody keeps it.
        let _lost = self.publish(vec![advisory], None);
    }

    pub(super) fn extent(&self, stream: &str) -> Result<Extent, Unavailable> {
        self.streams.get(stream).map(super::stream::Stream::extent).ok_or_else(|| no_stream(stream))
    }

    /// Remembers the attempts at a message.
    pub(super) fn keep_attempts(
        &mut self,
        key: (String, u64),
        attempts: Attempts,
    ) -> Result<(), Unavailable> {
        self.has_room()?;
        self.attempts.insert(key, attempts);
        Ok(())
    }

    fn has_room(&self) -> Result<(), Unavailable> {
        if self.faults.full { Err(Unavailable("the store is full".to_owned())) } else { Ok(()) }
    }

    /// Keeps a snapshot.
    pub(super) fn keep(&mut self, journal: &str, sequence: u64, body: Vec<u8>) -> Result<(), Unavailable> {
        self.has_room()?;
        self.snapshots.insert((journal.to_owned(), sequence), Snapshot { body, damaged: false });
        Ok(())
    }

    /// The sequences of a journal's snapshots, newest first.
    pub(super) fn kept(&self, journal: &str) -> Vec<u64> {
        let all = (journal.to_owned(), 0)..=(journal.to_owned(), u64::MAX);
        self.snapshots.range(all).rev().map(|((_, sequence), _)| *sequence).collect()
    }
}

/// What is said of a stream that does not exist.
pub(super) fn no_stream(stream: &str) -> Unavailable {
    Unavailable(format!("there is no stream {stream}"))
}
