//! The way to the customers: takes messages, mostly.

use std::{
    collections::BTreeSet,
    sync::{Arc, Mutex, PoisonError},
};

use notification_service::{
    channel::{Channel, ChannelError},
    message::Message,
};
use uuid::Uuid;

use crate::{
    body::Body,
    chance::{Chance, pass},
};

/// How many of the messages the channel does not take the first time.
const TRANSIENT: u64 = 12;
/// The customer whose mailbox does not exist.
pub(crate) const NOBODY: &str = "c-nobody";

/// The channel of one process.
pub(crate) struct Post {
    pub(crate) body: Arc<Body>,
    pub(crate) chance: Arc<Chance>,
    /// What it has been asked to send before.
    pub(crate) asked: Mutex<BTreeSet<Uuid>>,
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
        let first_time = self.asked.lock().unwrap_or_else(PoisonError::into_inner).insert(message.about);
        if first_time && message.about.as_u64_pair().0.is_multiple_of(TRANSIENT) {
            self.body.trace.sometimes("a customer is told at the second attempt");
            return Err(ChannelError::Transient("busy".to_owned()));
        }
        Ok(())
    }
}
