//! The narrow trait over JetStream that the rest of this crate is written against.
//!
//! [`jetstream`](crate::jetstream) implements it over a real server. Whatever stands behind it must
//! behave the same: sequences start at 1 and have no holes except where old messages aged out, a batch
//! is stored whole or not at all, and a publish that failed as [`PublishError::Unknown`] may have been
//! stored all the same.

mod attempts;
pub(crate) mod patience;

use std::{future::Future, time::Duration};

use bytes::Bytes;
use events::Timestamp;
use serde::{Deserialize, Serialize};

use crate::headers::Headers;

pub use attempts::Attempts;

/// A message to store.
#[derive(Debug, Clone)]
pub struct Message {
    /// Where to; a stream must store this subject.
    pub subject: String,
    /// The headers, without those that a publish itself adds.
    pub headers: Headers,
    /// The body: an envelope.
    pub payload: Bytes,
}

/// A stored message.
#[derive(Debug, Clone)]
pub struct Stored {
    /// Its place in the stream, from 1.
    pub sequence: u64,
    /// When the stream stored it.
    pub timestamp: Timestamp,
    /// Where it was published to.
    pub subject: String,
    /// Its headers.
    pub headers: Headers,
    /// The body as it was published. A slice of a larger read buffer: copy what is kept for long.
    pub payload: Bytes,
}

/// The broker's word that a publish is stored, fsynced as the server is configured to.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Ack {
    /// Sequence of the message; of the last one for a batch; of the original for a duplicate.
    pub sequence: u64,
    /// A message with the same `Nats-Msg-Id` was stored before, and this one was not.
    pub duplicate: bool,
}

/// Why a publish did not succeed, by what the caller may do about it.
#[derive(Debug, Clone, thiserror::Error)]
pub enum PublishError {
    /// No answer: it may be stored or not. Send the same again until a definite answer comes.
    #[error("the broker did not answer: {0}")]
    Unknown(String),
    /// The stream's last sequence is not the expected one: somebody else wrote.
    #[error("the stream has moved on")]
    WrongLastSequence,
    /// A member of the batch has an id that the stream knows already; nothing of it was stored.
    #[error("the batch contains a message that is stored already")]
    DuplicateInBatch,
    /// The stream is at its size limit; nothing was stored.
    #[error("the stream is full")]
    Full,
    /// The server will never take this message.
    #[error("the broker refused the message: {0}")]
    Refused(String),
}

/// The broker is out of reach or could not answer.
#[derive(Debug, Clone, thiserror::Error)]
#[error("the broker is out of reach: {0}")]
pub struct Unavailable(pub String);

/// The first and last sequence of a stream.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Extent {
    /// The oldest message still there; one more than `last` when the stream is empty.
    pub first: u64,
    /// The newest message; 0 in a stream that never had one.
    pub last: u64,
}

/// What the leader of a journal says of itself twice a second; not stored anywhere.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Beat {
    /// Which process leads.
    pub instance: String,
    /// Under which epoch.
    pub epoch: u64,
    /// The journal's last sequence as it knows it.
    pub sequence: u64,
}

/// The log as the fleet needs it.
pub trait Log: Clone + Send + Sync + 'static {
    /// Reads a stream in order.
    type Reader: Reader;
    /// Shares a stream with other consumers of the same name.
    type Consumer: Consumer;
    /// Hears the beats of a journal's leader.
    type Beats: Beats;

    /// Stores one message, if `expect` is given only when that is the stream's last sequence.
    ///
    /// # Errors
    /// See [`PublishError`].
    fn publish(
        &self,
        message: &Message,
        expect: Option<u64>,
    ) -> impl Future<Output = Result<Ack, PublishError>> + Send;

    /// Stores up to 1,000 messages of one stream, all or none, without another message in between.
    ///
    /// # Errors
    /// See [`PublishError`].
    fn publish_batch(
        &self,
        messages: &[Message],
        expect: Option<u64>,
    ) -> impl Future<Output = Result<Ack, PublishError>> + Send;

    /// What the stream holds, asked of its leader.
    ///
    /// # Errors
    /// The broker is out of reach.
    fn extent(&self, stream: &str) -> impl Future<Output = Result<Extent, Unavailable>> + Send;

    /// One message, asked of the stream's leader; `None` if there is none at that sequence.
    ///
    /// # Errors
    /// The broker is out of reach.
    fn get(
        &self,
        stream: &str,
        sequence: u64,
    ) -> impl Future<Output = Result<Option<Stored>, Unavailable>> + Send;

    /// Reads the messages after a sequence, in order, for ever; `subjects` empty means all.
    fn read(&self, stream: &str, subjects: &[&str], after: u64) -> Self::Reader;

    /// Takes part in a durable consumer.
    fn consume(&self, stream: &str, durable: &str) -> Self::Consumer;

    /// Remembers the attempts at a message, for whoever is handed it next. Replaces what was remembered.
    ///
    /// # Errors
    /// The broker is out of reach or its store is full; nothing or all of it was stored.
    fn save_attempts(
        &self,
        durable: &str,
        sequence: u64,
        attempts: &Attempts,
    ) -> impl Future<Output = Result<(), Unavailable>> + Send;

    /// What is remembered of the attempts at a message, asked of the broker's leader.
    ///
    /// # Errors
    /// The broker is out of reach.
    fn load_attempts(
        &self,
        durable: &str,
        sequence: u64,
    ) -> impl Future<Output = Result<Option<Attempts>, Unavailable>> + Send;

    /// Says that this process leads a journal. Lost without notice when nobody listens.
    fn beat(&self, journal: &str, beat: &Beat) -> impl Future<Output = ()> + Send;

    /// Listens for the beats of a journal's leader.
    fn beats(&self, journal: &str) -> Self::Beats;

    /// Keeps a journal's state as of a sequence.
    ///
    /// # Errors
    /// The broker is out of reach or its store is full.
    fn save_snapshot(
        &self,
        journal: &str,
        sequence: u64,
        body: Vec<u8>,
    ) -> impl Future<Output = Result<(), Unavailable>> + Send;

    /// The sequences of the journal's snapshots, newest first.
    ///
    /// # Errors
    /// The broker is out of reach.
    fn snapshots(&self, journal: &str) -> impl Future<Output = Result<Vec<u64>, Unavailable>> + Send;

    /// A snapshot's body; `None` when it is gone or damaged.
    ///
    /// # Errors
    /// The broker is out of reach.
    fn load_snapshot(
        &self,
        journal: &str,
        sequence: u64,
    ) -> impl Future<Output = Result<Option<Vec<u8>>, Unavailable>> + Send;

    /// Forgets a snapshot.
    ///
    /// # Errors
    /// The broker is out of reach.
    fn drop_snapshot(
        &self,
        journal: &str,
        sequence: u64,
    ) -> impl Future<Output = Result<(), Unavailable>> + Send;
}

/// Reads one stream in order, once each, for ever: reconnects and lost consumers are its own business.
pub trait Reader: Send + 'static {
    /// Waits for at least one message, then gives what has arrived, at most `max`.
    ///
    /// Cancel safe: a message is given exactly once, whether or not an earlier call was dropped.
    fn next_batch(&mut self, max: usize) -> impl Future<Output = Vec<Stored>> + Send;
}

/// One member of a durable consumer.
pub trait Consumer: Send + 'static {
    /// What it hands out.
    type Delivery: Delivery;

    /// Waits for at least one message, then gives what has arrived, at most `most`. Never has more than
    /// that many on their way: messages wait in the stream, where another member can take them.
    ///
    /// Cancel safe: what arrived is given by the next call or by [`leave`](Self::leave). Reconnects by itself.
    fn next(&mut self, most: usize) -> impl Future<Output = Vec<Self::Delivery>> + Send;

    /// Takes no more messages; gives those that were still on their way, which takes about a second at most.
    fn leave(self) -> impl Future<Output = Vec<Self::Delivery>> + Send;
}

/// What is known of a message handed to a worker.
#[derive(Debug, Clone)]
pub struct DeliveryInfo {
    /// The message.
    pub message: Stored,
    /// The stream it stands in.
    pub stream: String,
    /// How often it was handed out, this time included: 1 the first time.
    pub deliveries: u64,
    /// Whether it was certainly never handed out before. A broker that is killed forgets the last moments of
    /// what it handed out and of what was settled, so that a count of 1 alone does not say so.
    pub is_first: bool,
    /// How many more messages wait for this consumer.
    pub backlog: u64,
}

/// A message handed to a worker, to be settled exactly once.
pub trait Delivery: Send + Sync + 'static {
    /// What is known of it.
    fn info(&self) -> &DeliveryInfo;

    /// The message.
    fn message(&self) -> &Stored {
        &self.info().message
    }

    /// The stream it stands in.
    fn stream(&self) -> &str {
        &self.info().stream
    }

    /// See [`DeliveryInfo::deliveries`].
    fn deliveries(&self) -> u64 {
        self.info().deliveries
    }

    /// See [`DeliveryInfo::is_first`].
    fn is_first(&self) -> bool {
        self.info().is_first
    }

    /// See [`DeliveryInfo::backlog`].
    fn backlog(&self) -> u64 {
        self.info().backlog
    }

    /// Done: never hand it out again.
    ///
    /// # Errors
    /// The broker did not take the answer in time; the message will be handed out again.
    fn ack(&self) -> impl Future<Output = Result<(), Unavailable>> + Send;

    /// Still busy: do not hand it out to somebody else yet.
    ///
    /// # Errors
    /// The broker did not take the answer in time.
    fn in_progress(&self) -> impl Future<Output = Result<(), Unavailable>> + Send;

    /// Not now: hand it out again after the delay.
    ///
    /// # Errors
    /// The broker did not take the answer in time.
    fn hand_back(&self, delay: Duration) -> impl Future<Output = Result<(), Unavailable>> + Send;

    /// Never again: it is parked as a dead letter.
    ///
    /// # Errors
    /// The broker did not take the answer in time; the message will be handed out again.
    fn terminate(&self, reason: &str) -> impl Future<Output = Result<(), Unavailable>> + Send;
}

/// Hears the beats of a journal's leader.
pub trait Beats: Send + 'static {
    /// Waits for the next beat. Cancel safe.
    fn next(&mut self) -> impl Future<Output = Beat> + Send;
}
