//! The way to the customers: takes messages, mostly.

use std::{
    collections::BTreeMap,
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

/// One in so many of the messages goes to a mailbox that is busy at first.
const TRANSIENT: u64 = 12;
/// The customer whose mailbox does not exist.
pub(crate) const NOBODY: &str = "c-nobody";

/// The channel of one process.
pub(crate) struct Post {
    pub(crate) body: Arc<Body>,
    pub(crate) chance: Arc<Chance>,
    /// How often a busy mailbox does not take a message, for each process that tries.
    pub(crate) busy_for: u64,
    /// How often it has been asked to send what.
    pub(crate) asked: Mutex<BTreeMap<Uuid, u64>>,
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
        let asked_before = {
            let mut asked = self.asked.lock().unwrap_or_else(PoisonError::into_inner);
            let times = asked.entry(message.about).or_default();
            std::mem::replace(times, *times + 1)
        };
        if asked_before < self.busy_for && message.about.as_u64_pair().0.is_multiple_of(TRANSIENT) {
            self.body.trace.sometimes("a customer's mailbox is busy");
            return Err(ChannelError::Transient("busy".to_owned()));
        }
        Ok(())
    }
}
