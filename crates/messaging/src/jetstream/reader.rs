//! Ordered reading: an ephemeral consumer that is made anew whenever anything about it is in doubt.

use std::time::Duration;

use async_nats::{
    Client, Subscriber,
    jetstream::{
        self, Context,
        consumer::{AckPolicy, DeliverPolicy, pull},
    },
};
use futures_util::{FutureExt, StreamExt};
use tokio::sync::watch;
use tracing::{debug, error};

use super::{timestamp, unavailable};
use crate::{
    headers::Headers,
    log::{Beat, Beats, Reader, Stored, Unavailable},
};

/// Most messages asked for at once.
const PULL: usize = 1_000;
/// How long a pull stays open; short, so that one lost on the way is soon replaced.
const PULL_EXPIRES: Duration = Duration::from_secs(5);
/// The server says at least this often that it is still there; two missed beats end the consumer.
const PULL_HEARTBEAT: Duration = Duration::from_secs(1);
/// The server forgets a consumer nobody has pulled from for so long.
const INACTIVE_THRESHOLD: Duration = Duration::from_secs(30);
/// Pause before a consumer is made anew after a failure.
const REOPEN_DELAY: Duration = Duration::from_millis(100);

/// Reads one stream in order, once each, for ever.
pub struct JetStreamReader {
    context: Context,
    stream: String,
    subjects: Vec<String>,
    /// The last sequence given out.
    after: u64,
    connected: watch::Receiver<bool>,
    open: Option<Open>,
}

struct Open {
    messages: pull::Stream,
    /// Last consumer sequence seen: the server numbers deliveries without holes, so a hole is a loss.
    delivered: u64,
}

impl JetStreamReader {
    pub(super) fn new(
        context: Context,
        connected: watch::Receiver<bool>,
        stream: &str,
        subjects: &[&str],
        after: u64,
    ) -> Self {
        let subjects = subjects.iter().map(|&subject| subject.to_owned()).collect();
        Self { context, stream: stream.to_owned(), subjects, after, connected, open: None }
    }

    async fn reopen(&mut self) -> Result<Open, Unavailable> {
        self.connected.mark_unchanged();
        let config = pull::Config {
            deliver_policy: DeliverPolicy::ByStartSequence { start_sequence: self.after + 1 },
            ack_policy: AckPolicy::None,
            filter_subjects: self.subjects.clone(),
            inactive_threshold: INACTIVE_THRESHOLD,
            memory_storage: true,
            num_replicas: 1,
            ..pull::Config::default()
        };
        let consumer =
            self.context.create_consumer_on_stream(config, &self.stream).await.map_err(unavailable)?;
        // A start beyond the stream's end is moved back to its end: what comes then is not what follows.
        let begins_after = consumer.cached_info().delivered.stream_sequence;
        if begins_after < self.after {
            let (stream, read) = (&self.stream, self.after);
            error!(
                stream,
                read,
                last = begins_after,
                "the stream ends before what was read of it; not reading"
            );
            return Err(unavailable("the stream was cut off or made anew"));
        }
        let messages = consumer
            .stream()
            .max_messages_per_batch(PULL)
            .expires(PULL_EXPIRES)
            .heartbeat(PULL_HEARTBEAT)
            .messages()
            .await
            .map_err(unavailable)?;
        Ok(Open { messages, delivered: 0 })
    }

    /// Takes a message over, or says that the consumer has to be made anew.
    fn accept(&mut self, message: jetstream::Message) -> Result<Option<Stored>, Unavailable> {
        let Some(open) = &mut self.open else { return Err(unavailable("no consumer")) };
        let info = message.info().map_err(unavailable)?;
        if info.consumer_sequence != open.delivered + 1 {
            return Err(unavailable("a message was lost on the way"));
        }
        let (sequence, at) = (info.stream_sequence, timestamp(info.published));
        open.delivered += 1;
        if sequence <= self.after {
            return Ok(None);
        }
        self.after = sequence;
        Ok(Some(stored(message, sequence, at)))
    }
}

impl Reader for JetStreamReader {
    async fn next_batch(&mut self, max: usize) -> Vec<Stored> {
        let mut batch = Vec::new();
        while batch.is_empty() {
            if self.open.is_none() {
                match self.reopen().await {
                    Ok(open) => self.open = Some(open),
                    Err(error) => {
                        debug!(stream = self.stream, %error, "cannot read yet");
                        tokio::time::sleep(REOPEN_DELAY).await;
                        continue;
                    }
                }
            }
            let Some(open) = &mut self.open else { continue };
            // What was on its way when a connection broke is lost without a trace if nothing follows it.
            let mut next = tokio::select! {
                biased;
                next = open.messages.next() => next,
                _ = self.connected.changed() => None,
            };
            loop {
                let accepted = match next {
                    Some(Ok(message)) => self.accept(message),
                    Some(Err(error)) => Err(unavailable(error)),
                    None => Err(unavailable("the consumer ended")),
                };
                match accepted {
                    Ok(message) => batch.extend(message),
                    Err(error) => {
                        debug!(stream = self.stream, %error, "reading anew");
                        self.open = None;
                        if batch.is_empty() {
                            tokio::time::sleep(REOPEN_DELAY).await;
                        }
                        break;
                    }
                }
                if batch.len() >= max {
                    break;
                }
                let waiting = self.open.as_mut().and_then(|open| open.messages.next().now_or_never());
                match waiting {
                    Some(message) => next = message,
                    None => break,
                }
            }
        }
        batch
    }
}

pub(super) fn stored(message: jetstream::Message, sequence: u64, at: events::Timestamp) -> Stored {
    let (message, _acker) = message.split();
    Stored {
        sequence,
        timestamp: at,
        subject: message.subject.into_string(),
        headers: Headers(message.headers.unwrap_or_default()),
        payload: message.payload,
    }
}

/// Hears the beats of a journal's leader.
pub struct JetStreamBeats {
    client: Client,
    subject: String,
    subscriber: Option<Subscriber>,
}

impl JetStreamBeats {
    pub(super) fn new(client: Client, subject: String) -> Self {
        Self { client, subject, subscriber: None }
    }
}

impl Beats for JetStreamBeats {
    async fn next(&mut self) -> Beat {
        loop {
            let Some(subscriber) = &mut self.subscriber else {
                self.subscriber = self.client.subscribe(self.subject.clone()).await.ok();
                if self.subscriber.is_none() {
                    tokio::time::sleep(REOPEN_DELAY).await;
                }
                continue;
            };
            match subscriber.next().await {
                Some(message) => {
                    if let Ok(beat) = serde_json::from_slice(&message.payload) {
                        return beat;
                    }
                }
                None => self.subscriber = None,
            }
        }
    }
}
