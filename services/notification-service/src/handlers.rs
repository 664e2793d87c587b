//! What is done about each event: its customer is told.
//!
//! | the channel | the outcome |
//! |---|---|
//! | took the message | `notifications.sent` |
//! | refused it for good | `notifications.failed` |
//! | did not take it this time | retry |
//!
//! An event that cannot be read is rejected. The outcome's id follows from the event's, so that an event delivered
//! twice leads to one notification.

#[cfg(test)]
mod tests;

use std::sync::Arc;

use events::notifications::{NotificationEvent, NotificationFailed, NotificationSent};
use messaging::worker::{Handler, Outcome, Received};
use tokio::time::Instant;
use tracing::warn;

use crate::{
    channel::{Channel, ChannelError},
    message::Message,
    metrics::{Metrics, Told},
};

/// Most characters of a channel's refusal that are kept.
const MAX_ERROR: usize = 500;

/// Tells customers through one channel. Cheap to clone; all clones are the same.
pub struct Notify<C> {
    channel: Arc<C>,
    metrics: Metrics,
}

impl<C> Clone for Notify<C> {
    fn clone(&self) -> Self {
        Self { channel: Arc::clone(&self.channel), metrics: self.metrics.clone() }
    }
}

impl<C: Channel> Notify<C> {
    /// Tells customers through `channel`.
    pub fn new(channel: C, metrics: Metrics) -> Self {
        Self { channel: Arc::new(channel), metrics }
    }

    async fn tell(&self, message: Message) -> Outcome<NotificationEvent> {
        let started = Instant::now();
        let sent = self.channel.send(&message).await;
        let told = match &sent {
            Ok(()) => Told::Sent,
            Err(ChannelError::Refused(_)) => Told::Failed,
            Err(ChannelError::Transient(_)) => Told::Retried,
        };
        self.metrics.told(message.template, told, started.elapsed());
        let Message { about, order_id, customer_id, template, subject: _, text: _ } = message;
        let channel = C::NAME.to_owned();
        match sent {
            Ok(()) => publish(NotificationSent { order_id, customer_id, template, channel, about }),
            Err(ChannelError::Refused(error)) => {
                warn!(error, channel, "the customer cannot be told");
                let error = error.chars().take(MAX_ERROR).collect();
                publish(NotificationFailed { order_id, customer_id, template, channel, about, error })
            }
            Err(transient @ ChannelError::Transient(_)) => Outcome::Retry(transient.into()),
        }
    }
}

impl<C: Channel> Handler for Notify<C> {
    type Event = NotificationEvent;

    async fn handle(&self, received: &Received<'_>) -> Outcome<NotificationEvent> {
        match Message::about(&received.envelope) {
            Ok(message) => self.tell(message).await,
            Err(error) => Outcome::Reject(error.into()),
        }
    }
}

fn publish(event: impl Into<NotificationEvent>) -> Outcome<NotificationEvent> {
    Outcome::Publish(vec![event.into()])
}
