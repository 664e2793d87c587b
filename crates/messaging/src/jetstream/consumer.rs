//! Durable consumers: one of several members sharing a stream, settling each message explicitly.
//!
//! It asks the server itself, because the client's own stream of messages cannot be left without losing
//! what is on its way: each loss would look like a crash with that message in hand. Every request ends
//! within [`EXPIRES`], so leaving is to ask for no more and to wait for the end of what was asked for.

use std::time::Duration;

use async_nats::{StatusCode, Subject, Subscriber};
use futures_util::{FutureExt, StreamExt};
use tokio::{sync::watch, time::Instant};
use tracing::debug;

use super::{JetStream, JetStreamDelivery, high_water::HighWaterMark, unavailable};
use crate::log::{Consumer, Unavailable};

/// How long the server may keep a request for messages.
const EXPIRES: Duration = Duration::from_secs(1);
/// A request is lost of whose end nothing was heard for so much longer.
const OVERDUE: Duration = Duration::from_secs(2);
/// Pause before the subscription is made anew after a failure.
const REOPEN_DELAY: Duration = Duration::from_millis(100);
/// How many of the messages asked for the server did not have in time.
const PENDING_MESSAGES: &str = "Nats-Pending-Messages";

/// One member of a durable consumer.
pub struct JetStreamConsumer {
    js: JetStream,
    stream: String,
    durable: String,
    connected: watch::Receiver<bool>,
    pull: Option<Pull>,
}

/// A private inbox, and what was asked to be sent there.
struct Pull {
    inbox: Subject,
    arrivals: Subscriber,
    /// Where the stream stood when this process came to the server that is asked.
    high_water: HighWaterMark,
    /// Messages asked for that have neither come nor been refused.
    owed: usize,
    /// When the last request is over, at the latest.
    over_by: Instant,
}

/// What comes in: a message, or `None` when a request is over.
type Arrival = Option<JetStreamDelivery>;

impl JetStreamConsumer {
    pub(super) fn new(js: JetStream, stream: &str, durable: &str) -> Self {
        let (stream, durable, connected) = (stream.to_owned(), durable.to_owned(), js.connected());
        Self { js, stream, durable, connected, pull: None }
    }

    /// Asks for messages until `most` are on their way.
    async fn ask(&mut self, most: usize) -> Result<(), Unavailable> {
        if self.pull.is_none() {
            self.connected.wait_for(|connected| *connected).await.map_err(unavailable)?;
            self.connected.mark_unchanged();
            let inbox = Subject::from(self.js.client.new_inbox());
            let arrivals = self.js.client.subscribe(inbox.clone()).await.map_err(unavailable)?;
            let high_water = self.js.high_water.of_stream(&self.js, &self.stream).await?;
            self.pull = Some(Pull { inbox, arrivals, high_water, owed: 0, over_by: Instant::now() });
        }
        let Some(pull) = &mut self.pull else { return Err(unavailable("no subscription")) };
        // In halves, not one by one: a request costs the server more than a message.
        if pull.owed == 0 || pull.owed < most / 2 {
            let subject = format!("$JS.API.CONSUMER.MSG.NEXT.{}.{}", self.stream, self.durable);
            let batch = most - pull.owed;
            let request = serde_json::json!({ "batch": batch, "expires": EXPIRES.as_nanos() as u64 });
            let sent =
                self.js.client.publish_with_reply(subject, pull.inbox.clone(), request.to_string().into());
            sent.await.map_err(unavailable)?;
            pull.owed += batch;
            pull.over_by = Instant::now() + EXPIRES + OVERDUE;
        }
        Ok(())
    }

    /// Waits for one thing to come in.
    async fn arrival(&mut self, most: usize) -> Result<Arrival, Unavailable> {
        self.ask(most).await?;
        let Some(Pull { arrivals, over_by, .. }) = &mut self.pull else {
            return Err(unavailable("no subscription"));
        };
        let message = tokio::select! {
            biased;
            message = arrivals.next() => message.ok_or_else(|| unavailable("the subscription ended")),
            // What was asked for over a connection that broke does not come over the next one.
            _ = self.connected.changed() => Err(unavailable("the connection broke")),
            () = tokio::time::sleep_until(*over_by) => Err(unavailable("the request was lost")),
        };
        self.note(message?)
    }

    fn note(&mut self, message: async_nats::Message) -> Result<Arrival, Unavailable> {
        let Some(pull) = &mut self.pull else { return Err(unavailable("no subscription")) };
        match message.status {
            None => {
                pull.owed = pull.owed.saturating_sub(1);
                let mark = &pull.high_water;
                let high_water = if mark.is_current(&self.js) { mark.last } else { u64::MAX };
                JetStreamDelivery::new(&self.js, &self.stream, high_water, message).map(Some)
            }
            Some(StatusCode::TIMEOUT) => {
                let headers = message.headers.unwrap_or_default();
                let missing = headers.get(PENDING_MESSAGES).and_then(|count| count.as_str().parse().ok());
                let missing = missing.ok_or_else(|| unavailable("a request ended without a count"))?;
                pull.owed = pull.owed.saturating_sub(missing);
                Ok(None)
            }
            Some(status) => {
                let why = message.description.unwrap_or_default();
                Err(Unavailable(format!("{status} {why}")))
            }
        }
    }

    /// What has come in already, if anything.
    fn at_hand(&mut self) -> Option<Result<Arrival, Unavailable>> {
        let message = self.pull.as_mut()?.arrivals.next().now_or_never()??;
        Some(self.note(message))
    }

    async fn gather(&mut self, most: usize) -> Result<Vec<JetStreamDelivery>, Unavailable> {
        let Some(first) = self.arrival(most).await? else { return Ok(Vec::new()) };
        let mut gathered = vec![first];
        while gathered.len() < most {
            match self.at_hand() {
                Some(Ok(arrival)) => gathered.extend(arrival),
                Some(Err(error)) => {
                    debug!(consumer = self.durable, %error, "consuming anew");
                    self.pull = None;
                }
                None => break,
            }
        }
        Ok(gathered)
    }
}

impl Consumer for JetStreamConsumer {
    type Delivery = JetStreamDelivery;

    async fn next(&mut self, most: usize) -> Vec<JetStreamDelivery> {
        loop {
            match self.gather(most).await {
                Ok(gathered) if gathered.is_empty() => {}
                Ok(gathered) => return gathered,
                Err(error) => {
                    debug!(consumer = self.durable, %error, "consuming anew");
                    self.pull = None;
                    tokio::time::sleep(REOPEN_DELAY).await;
                }
            }
        }
    }

    async fn leave(mut self) -> Vec<JetStreamDelivery> {
        let mut rest = Vec::new();
        while let Some(pull) = self.pull.as_mut().filter(|pull| pull.owed > 0) {
            let Ok(Some(message)) = tokio::time::timeout_at(pull.over_by, pull.arrivals.next()).await else {
                break;
            };
            match self.note(message) {
                Ok(arrival) => rest.extend(arrival),
                Err(_gone) => break,
            }
        }
        rest
    }
}
