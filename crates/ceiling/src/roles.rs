//! Who reads what, and what each writes for it: the fleet's services without their work.

use std::sync::Arc;

use anyhow::bail;
use async_nats::{Client, jetstream::Message};
use bytes::Bytes;
use futures_util::StreamExt;
use tokio::{
    sync::{Semaphore, mpsc, oneshot},
    task::JoinSet,
};

use crate::{
    streams,
    writer::{self, Item, Kind},
};

/// Messages that a worker has in hand.
const IN_HAND: usize = 4_000;

/// What the roles share.
pub(crate) struct Cast<'a> {
    pub(crate) url: &'a str,
    pub(crate) tasks: &'a mut JoinSet<anyhow::Result<()>>,
}

type Outcome = fn(&str) -> Option<&'static str>;

impl Cast<'_> {
    /// Those who place orders; what is sent to it is placed.
    pub(crate) async fn callers(&mut self) -> anyhow::Result<mpsc::Sender<Item>> {
        let client = streams::connect(self.url).await?;
        Ok(writer::start(self.tasks, client, Kind::Plain))
    }

    /// A journal: the outcome of each message it reads is stored behind a fence.
    pub(crate) async fn journal(&mut self, inputs: &[&'static str], outcome: Outcome) -> anyhow::Result<()> {
        let client = streams::connect(self.url).await?;
        let writer = writer::start(self.tasks, client.clone(), Kind::Fenced);
        for &input in inputs {
            let (mut messages, writer) = (streams::read(&client, input).await?, writer.clone());
            self.tasks.spawn(async move {
                while let Some(message) = messages.next().await {
                    let message = message?;
                    if let Some(subject) = outcome(message.subject.as_str()) {
                        writer.send(Item { subject, payload: payload(&message), stored: None }).await?;
                    }
                }
                bail!("the broker delivers nothing more from {input}")
            });
        }
        Ok(())
    }

    /// A worker: acknowledges each message when its outcome is stored.
    pub(crate) async fn worker(
        &mut self,
        input: &'static str,
        subject: &str,
        outcome: &'static str,
    ) -> anyhow::Result<()> {
        let client = streams::connect(self.url).await?;
        let writer = writer::start(self.tasks, client.clone(), Kind::Plain);
        let mut messages = streams::take(&client, input, subject).await?;
        self.tasks.spawn(async move {
            let (slots, mut in_hand) = (Arc::new(Semaphore::new(IN_HAND)), JoinSet::new());
            while let Some(message) = messages.next().await {
                let (message, slot) = (message?, Arc::clone(&slots).acquire_owned().await?);
                let (stored, told) = oneshot::channel();
                writer
                    .send(Item { subject: outcome, payload: payload(&message), stored: Some(stored) })
                    .await?;
                in_hand.spawn(async move {
                    // A writer that fails tells so itself.
                    if told.await.is_ok() {
                        message.ack().await.ok();
                    }
                    drop(slot);
                });
                while in_hand.try_join_next().is_some() {}
            }
            bail!("the broker delivers nothing more from {input}")
        });
        Ok(())
    }

    /// A projection: reads, and calls back for each message.
    pub(crate) async fn reader(
        &mut self,
        client: &Client,
        input: &'static str,
        each: impl Fn(&Message) + Send + 'static,
    ) -> anyhow::Result<()> {
        let mut messages = streams::read(client, input).await?;
        self.tasks.spawn(async move {
            while let Some(message) = messages.next().await {
                each(&message?);
            }
            bail!("the broker delivers nothing more from {input}")
        });
        Ok(())
    }
}

fn payload(message: &Message) -> Bytes {
    message.payload.clone()
}
