//! Durable consumers: one of several members sharing a stream, settling each message explicitly.

use std::time::Duration;

use async_nats::{Client, Subject, jetstream::consumer::pull};
use futures_util::{FutureExt, StreamExt};
use tracing::debug;

use super::{JetStream, reader::stored, timestamp, unavailable};
use crate::log::{Consumer, Delivery, Stored, Unavailable};

/// How long a pull stays open.
const PULL_EXPIRES: Duration = Duration::from_secs(5);
/// Two missed heartbeats end the pull, and another is made.
const PULL_HEARTBEAT: Duration = Duration::from_secs(1);
/// Pause before the pull is made anew after a failure.
const REOPEN_DELAY: Duration = Duration::from_millis(100);
/// Longest wait for the client to take an answer; it has no limit of its own while the broker is away.
const SETTLE_TIMEOUT: Duration = Duration::from_secs(5);

/// One member of a durable consumer.
pub struct JetStreamConsumer {
    js: JetStream,
    stream: String,
    durable: String,
    prefetch: usize,
    messages: Option<pull::Stream>,
}

impl JetStreamConsumer {
    pub(super) fn new(js: JetStream, stream: &str, durable: &str, prefetch: usize) -> Self {
        let (stream, durable) = (stream.to_owned(), durable.to_owned());
        Self { js, stream, durable, prefetch: prefetch.max(1), messages: None }
    }

    async fn reopen(&self) -> Result<pull::Stream, Unavailable> {
        let consumer: async_nats::jetstream::consumer::PullConsumer = self
            .js
            .context
            .get_consumer_from_stream(&self.durable, &self.stream)
            .await
            .map_err(unavailable)?;
        consumer
            .stream()
            .max_messages_per_batch(self.prefetch)
            .expires(PULL_EXPIRES)
            .heartbeat(PULL_HEARTBEAT)
            .messages()
            .await
            .map_err(unavailable)
    }

    fn delivery(&self, message: async_nats::jetstream::Message) -> Result<JetStreamDelivery, Unavailable> {
        let reply = message.reply.clone().ok_or_else(|| unavailable("a message without reply subject"))?;
        let info = message.info().map_err(unavailable)?;
        let (sequence, at) = (info.stream_sequence, timestamp(info.published));
        let deliveries = u64::try_from(info.delivered).unwrap_or(1);
        let backlog = info.pending;
        let message = stored(message, sequence, at);
        let client = self.js.client.clone();
        Ok(JetStreamDelivery { message, stream: self.stream.clone(), deliveries, backlog, reply, client })
    }
}

impl Consumer for JetStreamConsumer {
    type Delivery = JetStreamDelivery;

    fn leave(mut self) -> Vec<JetStreamDelivery> {
        let Some(mut messages) = self.messages.take() else { return Vec::new() };
        let arrived = std::iter::from_fn(|| messages.next().now_or_never().flatten());
        arrived.map_while(Result::ok).filter_map(|message| self.delivery(message).ok()).collect()
    }

    async fn next(&mut self) -> JetStreamDelivery {
        loop {
            let Some(messages) = &mut self.messages else {
                match self.reopen().await {
                    Ok(messages) => self.messages = Some(messages),
                    Err(error) => {
                        debug!(consumer = self.durable, %error, "cannot consume yet");
                        tokio::time::sleep(REOPEN_DELAY).await;
                    }
                }
                continue;
            };
            let next = match messages.next().await {
                Some(Ok(message)) => self.delivery(message),
                Some(Err(error)) => Err(unavailable(error)),
                None => Err(unavailable("the pull ended")),
            };
            match next {
                Ok(delivery) => return delivery,
                Err(error) => {
                    debug!(consumer = self.durable, %error, "consuming anew");
                    self.messages = None;
                    tokio::time::sleep(REOPEN_DELAY).await;
                }
            }
        }
    }
}

/// A message handed to this process.
pub struct JetStreamDelivery {
    message: Stored,
    stream: String,
    deliveries: u64,
    backlog: u64,
    reply: Subject,
    client: Client,
}

impl JetStreamDelivery {
    async fn settle(&self, answer: String) -> Result<(), Unavailable> {
        let sent = self.client.publish(self.reply.clone(), answer.into());
        tokio::time::timeout(SETTLE_TIMEOUT, sent).await.map_err(unavailable)?.map_err(unavailable)
    }
}

impl Delivery for JetStreamDelivery {
    fn message(&self) -> &Stored {
        &self.message
    }

    fn stream(&self) -> &str {
        &self.stream
    }

    fn deliveries(&self) -> u64 {
        self.deliveries
    }

    fn backlog(&self) -> u64 {
        self.backlog
    }

    async fn ack(&self) -> Result<(), Unavailable> {
        self.settle("+ACK".to_owned()).await
    }

    async fn in_progress(&self) -> Result<(), Unavailable> {
        self.settle("+WPI".to_owned()).await
    }

    async fn hand_back(&self, delay: Duration) -> Result<(), Unavailable> {
        self.settle(format!("-NAK {{\"delay\":{}}}", delay.as_nanos())).await
    }

    async fn terminate(&self, reason: &str) -> Result<(), Unavailable> {
        let line: String = reason.chars().map(|c| if c.is_control() { ' ' } else { c }).collect();
        self.settle(format!("+TERM {line}")).await
    }
}
