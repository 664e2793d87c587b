//! A whole stream into the server: what [`export`](super::export) took out of one, and the messages stored since.

use std::{collections::BTreeSet, time::Duration};

use async_nats::{Client, Request, client::RequestErrorKind, jetstream::context::ConsumerInfoErrorKind};
use bytes::Bytes;
use events::catalogue::ConsumerDef;
use futures_util::TryStreamExt;
use serde::Deserialize;
use serde_json::{Value, json};

use super::{
    JetStream,
    export::{Exported, TransferError, answer, ask, unavailable},
};
use crate::{
    headers::{BATCH_COMMIT, BATCH_ID, BATCH_SEQUENCE, EXPECTED_LAST_SEQUENCE, Headers, MSG_ID},
    log::{Consumer, Delivery, Log, Message, PublishError, Reader, Stored, Unavailable},
};

/// What the server itself acts on; how a message was stored the first time is not how it is stored again.
const INSTRUCTIONS: [&str; 4] = [BATCH_ID, BATCH_SEQUENCE, BATCH_COMMIT, EXPECTED_LAST_SEQUENCE];
/// Messages settled at once.
const SETTLE: usize = 500;
/// Messages read at once.
const READ: usize = 1_000;
/// Longest wait for messages that a consumer has to hand out. They do not come if somebody else is given them.
const GIVEN_WITHIN: Duration = Duration::from_secs(60);
/// Longest wait for the server to take a chunk. It gives up by itself after five seconds, and may forget to say so.
const TAKEN_WITHIN: Duration = Duration::from_secs(30);
/// Longest wait for the last answer: the server reads the whole stream before.
const WITHIN: Duration = Duration::from_secs(600);

/// A snapshot on its way into the server.
pub struct Import {
    client: Client,
    deliver_to: String,
}

impl JetStream {
    /// The names of all streams there are, whoever they belong to.
    ///
    /// # Errors
    /// The broker is out of reach.
    pub async fn stream_names(&self) -> Result<BTreeSet<String>, Unavailable> {
        self.context.stream_names().try_collect().await.map_err(super::unavailable)
    }

    /// Begins to import a stream; it is not there before [`Import::finish`].
    ///
    /// # Errors
    /// The broker is out of reach, or refuses, for instance because the stream exists.
    pub async fn import(&self, stream: &str, exported: &Exported) -> Result<Import, TransferError> {
        #[derive(Deserialize)]
        struct Accepted {
            deliver_subject: String,
        }
        let request = json!({ "config": exported.config, "state": exported.state });
        let subject = format!("$JS.API.STREAM.RESTORE.{stream}");
        let Accepted { deliver_subject } = ask(&self.client, subject, &request).await?;
        Ok(Import { client: self.client.clone(), deliver_to: deliver_subject })
    }

    /// Undoes an import, whether or not it was finished: the stream is not there any more, whatever it holds.
    ///
    /// # Errors
    /// The broker is out of reach or refuses.
    pub async fn undo_import(&self, stream: &str) -> Result<(), Unavailable> {
        if self.stream_names().await?.contains(stream) {
            self.context.delete_stream(stream).await.map_err(super::unavailable)?;
        }
        Ok(())
    }

    /// Adds messages that once followed right after sequence `after`, in order, and under their old sequences.
    ///
    /// # Errors
    /// The broker refuses, or somebody else has written to the stream.
    pub async fn append(&self, after: u64, messages: &[Stored]) -> Result<(), PublishError> {
        let again: Vec<Message> = messages.iter().map(as_new).collect();
        match self.publish_batch(&again, Some(after)).await {
            Ok(_ack) => Ok(()),
            // A stream that takes no batches, or a message that once came twice, too far apart to be noticed.
            Err(PublishError::DuplicateInBatch | PublishError::Refused(_)) => {
                for (sequence, message) in (after..).zip(again) {
                    self.append_one(sequence, message).await?;
                }
                Ok(())
            }
            Err(error) => Err(error),
        }
    }

    async fn append_one(&self, after: u64, mut message: Message) -> Result<(), PublishError> {
        if self.publish(&message, Some(after)).await?.duplicate {
            message.headers = without(&message.headers, &[MSG_ID]);
            self.publish(&message, Some(after)).await?;
        }
        Ok(())
    }

    /// Settles what a durable consumer had settled: everything up to a sequence. Nobody else may work on it.
    ///
    /// # Errors
    /// The broker is out of reach, or there is no such consumer.
    pub async fn settle_up_to(&self, consumer: &ConsumerDef, up_to: u64) -> Result<(), Unavailable> {
        let ConsumerDef { stream, durable, subjects } = *consumer;
        let info = self.context.get_stream_no_info(stream).await.map_err(super::unavailable)?;
        let delivered = match info.consumer_info(durable).await {
            Ok(info) => info.delivered.stream_sequence,
            Err(error) if error.kind() == ConsumerInfoErrorKind::NotFound => {
                return Err(Unavailable(format!("there is no consumer {durable}")));
            }
            Err(error) => return Err(super::unavailable(error)),
        };
        let mut left = self.count(stream, subjects, delivered, up_to).await;
        let mut member = self.consume(stream, durable);
        while left > 0 {
            let given = tokio::time::timeout(GIVEN_WITHIN, member.next(left.min(SETTLE))).await;
            for delivery in
                given.map_err(|_elapsed| Unavailable(format!("{left} messages were not handed out")))?
            {
                // What was in hand when the snapshot was taken may come in between; it is worked on again.
                if delivery.message().sequence > delivered {
                    left = left.saturating_sub(1);
                }
                delivery.ack().await?;
            }
        }
        member.leave().await;
        Ok(())
    }

    /// How many messages on these subjects there are after one sequence up to another, which the stream holds.
    async fn count(&self, stream: &str, subjects: &[&str], after: u64, up_to: u64) -> usize {
        let (mut at, mut count) = (after, 0);
        let mut reader = self.read(stream, &[], after);
        while at < up_to {
            let batch = reader.next_batch(READ).await;
            at = batch.last().map_or(at, |message| message.sequence);
            let counts = |message: &&Stored| {
                message.sequence <= up_to && subjects.iter().any(|filter| matches(filter, &message.subject))
            };
            count += batch.iter().filter(counts).count();
        }
        count
    }
}

impl Import {
    /// Sends the next chunk.
    ///
    /// # Errors
    /// The broker gave up or is out of reach.
    pub async fn push(&mut self, chunk: Bytes) -> Result<(), TransferError> {
        let reply = self.request(chunk, TAKEN_WITHIN).await?;
        // The server says nothing as long as all is well.
        if reply.is_empty() { Ok(()) } else { answer::<Value>(&reply).map(drop).map_err(explained) }
    }

    /// Says that this was all; the stream is there when this returns.
    ///
    /// # Errors
    /// What was sent is no snapshot, or the broker has no room for it.
    pub async fn finish(self) -> Result<(), TransferError> {
        answer::<Value>(&self.request(Bytes::new(), WITHIN).await?).map(drop).map_err(explained)
    }

    async fn request(&self, payload: Bytes, within: Duration) -> Result<Bytes, TransferError> {
        let request = Request::new().payload(payload).timeout(Some(within));
        match self.client.send_request(self.deliver_to.clone(), request).await {
            Ok(reply) => Ok(reply.payload),
            Err(error) if error.kind() == RequestErrorKind::TimedOut => Err(TransferError::TooSlow),
            Err(error) => Err(unavailable(error)),
        }
    }
}

/// The message as it is published anew: without what told the server how to store it the first time.
fn as_new(message: &Stored) -> Message {
    let Stored { subject, headers, payload, .. } = message;
    Message { subject: subject.clone(), headers: without(headers, &INSTRUCTIONS), payload: payload.clone() }
}

fn without(headers: &Headers, names: &[&str]) -> Headers {
    let mut kept = Headers::new();
    for (name, values) in headers.iter().filter(|(name, _)| !names.contains(&name.as_str())) {
        values.iter().for_each(|value| kept.append(&name, value));
    }
    kept
}

/// What the server means by it.
fn explained(error: TransferError) -> TransferError {
    let too_slow = matches!(&error, TransferError::Refused(words) if words.contains("closed pipe"));
    if too_slow { TransferError::TooSlow } else { error }
}

/// Whether a subject is one of those that a filter lets through; a `*` in it is any one word.
fn matches(filter: &str, subject: &str) -> bool {
    let (mut filter, mut subject) = (filter.split('.'), subject.split('.'));
    loop {
        match (filter.next(), subject.next()) {
            (None, None) => return true,
            (Some(">"), Some(_)) => return true,
            (Some(wanted), Some(word)) if wanted == "*" || wanted == word => {}
            (Some(_), _) | (None, Some(_)) => return false,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn filters_let_through_what_the_server_lets_through() {
        assert!(matches("orders.confirmed", "orders.confirmed"));
        assert!(matches("a.*.c", "a.b.c") && matches("a.>", "a.b.c"));
        assert!(!matches("a.*.c", "a.b.d") && !matches("a.*", "a.b.c") && !matches("a.>", "a"));
    }

    #[test]
    fn a_broker_that_was_too_slow_is_told_from_one_that_does_not_want() {
        let refused = |words: &str| explained(TransferError::Refused(words.to_owned()));
        let pipe = refused("restore failed: io: read/write on closed pipe");
        assert!(matches!(pipe, TransferError::TooSlow), "{pipe}");
        assert!(matches!(refused("insufficient storage resources available"), TransferError::Refused(_)));
    }

    #[test]
    fn a_message_forgets_how_it_was_stored_and_nothing_else() {
        let mut headers = Headers::new();
        headers.set(BATCH_ID, "b");
        headers.set(EXPECTED_LAST_SEQUENCE, "7");
        headers.set(MSG_ID, "m");
        headers.append("X-Twice", "one");
        headers.append("X-Twice", "two");
        let kept: Vec<_> = without(&headers, &INSTRUCTIONS).iter().collect();
        assert_eq!(kept.len(), 2, "{kept:?}");
        assert!(kept.contains(&("X-Twice".to_owned(), vec!["one".to_owned(), "two".to_owned()])));
    }
}
