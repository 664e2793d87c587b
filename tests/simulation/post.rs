//! The way to the customers: takes messages, mostly.

use std::sync::Arc;

use notification_service::{
    channel::{Channel, ChannelError},
    message::Message,
};

use crate::{
    body::Body,
    chance::{Chance, pass},
};

/// How often the channel does not take a message this time.
const TRANSIENT: f64 = 0.05;
/// The customer whose mailbox does not exist.
pub(crate) const NOBODY: &str = "c-nobody";

/// The channel of one process.
pub(crate) struct Post {
    pub(crate) body: Arc<Body>,
    pub(crate) chance: Arc<Chance>,
}

impl Channel for Post {
    const NAME: &'static str = "simulated";

    async fn send(&self, message: &Message) -> Result<(), ChannelError> {
        self.body.step("before a customer is told").await;
        pass(self.chance.millis(1..30)).await;
        self.body.step("after a customer is told").await;
        if message.customer_id == NOBODY {
            self.body.trace.sometimes("a customer cannot be told");
            return Err(ChannelError::Refused("no such mailbox".to_owned()));
        }
        if self.chance.hits(TRANSIENT) {
            self.body.trace.sometimes("a customer is told at the second attempt");
            return Err(ChannelError::Transient("busy".to_owned()));
        }
        Ok(())
    }
}
