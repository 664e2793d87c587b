//! What is done about each event: its customer is told.
//!
//! | the channel | the outcome |
//! |---|---|
//! | took the message | `notifications.sent` |
//! | refused it for good | `notifications.failed` |
//! | did not take it this time, or did not answer | retry if it takes those of others, else hold |
//!
//! Only a retry counts as an attempt, so that a provider that is down parks nobody's message, however long it is. It
//! takes ten others that went through just before to tell that; after a day, one. An event that cannot be read is
//! rejected.
//!
//! Customers are told at least once: the outcome's id follows from the event's, so that an event delivered twice leads
//! to one notification in the stream, but a crash between the channel's word and that of the broker, or a channel that
//! takes a message without saying so in time, makes the channel send it again. Under load outcomes gather for up to a tenth
//! of a second before they are stored, and a crash repeats as many.

#[cfg(test)]
mod tests;

use std::{sync::Arc, time::Duration};

use events::notifications::{NotificationEvent, NotificationFailed, NotificationSent};
use messaging::{
    clock::Clock,
    worker::{Handler, Outcome, Received},
};
use service::Blame;
use tokio::time::{Instant, timeout};
use tracing::warn;

use crate::{
    channel::{Channel, ChannelError},
    message::Message,
    metrics::{Metrics, Told},
};

/// Most characters of a channel's refusal that are kept.
const MAX_ERROR: usize = 500;
/// How long a channel may take; one that hangs must not keep every place busy for ever.
const PATIENCE: Duration = Duration::from_secs(30);
/// Pause before a channel is asked again that may be down.
const HOLD: Duration = Duration::from_secs(2);
/// After how long a message is at fault itself if only one other was taken just before. One that is down for longer
/// takes nobody's.
const OVERDUE: Duration = Duration::from_secs(24 * 60 * 60);

/// Tells customers through one channel. Cheap to clone; all clones are the same.
pub struct Notify<C> {
    channel: Arc<C>,
    blame: Arc<Blame>,
    clock: Clock,
    metrics: Metrics,
}

impl<C> Clone for Notify<C> {
    fn clone(&self) -> Self {
        Self {
            channel: Arc::clone(&self.channel),
            blame: Arc::clone(&self.blame),
            clock: Arc::clone(&self.clock),
            metrics: self.metrics.clone(),
        }
    }
}

impl<C: Channel> Notify<C> {
    /// Tells customers through `channel`; `clock` tells for how long it has been tried.
    pub fn new(channel: C, clock: Clock, metrics: Metrics) -> Self {
        Self { channel: Arc::new(channel), blame: Arc::default(), clock, metrics }
    }

    async fn tell(&self, message: Message, age: Duration) -> Outcome<NotificationEvent> {
        let started = Instant::now();
        let sent = timeout(PATIENCE, self.channel.send(&message)).await.unwrap_or_else(|_elapsed| {
            Err(ChannelError::Transient(format!("no answer within {} s", PATIENCE.as_secs())))
        });
        let Message { about, order_id, customer_id, template, subject: _, text: _ } = message;
        let channel = C::NAME.to_owned();
        let (told, outcome) = match sent {
            Ok(()) => {
                self.blame.worked();
                let event = NotificationSent { order_id, customer_id, template, channel, about };
                (Told::Sent, publish(event))
            }
            Err(ChannelError::Refused(error)) => {
                self.blame.worked();
                warn!(error, channel, "the customer cannot be told");
                let error = error.chars().take(MAX_ERROR).collect();
                let event = NotificationFailed { order_id, customer_id, template, channel, about, error };
                (Told::Failed, publish(event))
            }
            Err(transient @ ChannelError::Transient(_)) => {
                let others = self.blame.failed();
                let own_fault = others.are_enough() || (age >= OVERDUE && others.are_any());
                if own_fault {
                    (Told::Retried, Outcome::Retry(transient.into()))
                } else {
                    let reason = transient.to_string();
                    warn!(reason, channel, "held");
                    (Told::Held, Outcome::Hold { reason, retry_in: HOLD })
                }
            }
        };
        self.metrics.told(template, told, started.elapsed());
        outcome
    }
}

impl<C: Channel> Handler for Notify<C> {
    type Event = NotificationEvent;

    async fn handle(&self, received: &Received<'_>) -> Outcome<NotificationEvent> {
        match Message::about(&received.envelope) {
            Ok(message) => {
                // A message put back by an operator is new to its stream; its envelope still tells how old it is.
                let since = received.message.timestamp.min(received.envelope.timestamp);
                self.tell(message, (self.clock)().since(since)).await
            }
            Err(error) => Outcome::Reject(error.into()),
        }
    }
}

fn publish(event: impl Into<NotificationEvent>) -> Outcome<NotificationEvent> {
    Outcome::Publish(vec![event.into()])
}
