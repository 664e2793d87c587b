//! Group commit: whatever waits for a stream goes out as one atomic batch.

use std::{sync::Arc, time::Duration};

use anyhow::{Context, bail};
use async_nats::{Client, HeaderMap};
use bytes::Bytes;
use serde::Deserialize;
use tokio::{
    sync::{Semaphore, mpsc, oneshot},
    task::JoinSet,
};
use uuid::Uuid;

/// Messages that may wait for a writer.
const QUEUE: usize = 20_000;
/// Batches that a writer without a fence has under way.
const UNDER_WAY: usize = 2;
/// Most messages of a batch: at which a writer of the fleet stops waiting for more.
const MOST: usize = 500;
/// How long a batch waits for company, when some is there: most of what a batch costs the broker does not depend on its size.
const LINGER: Duration = Duration::from_millis(2);

/// A message to be stored.
#[derive(Debug)]
pub(crate) struct Item {
    pub(crate) subject: &'static str,
    pub(crate) payload: Bytes,
    /// Told when it is stored.
    pub(crate) stored: Option<oneshot::Sender<()>>,
}

/// What kind of writer it is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Kind {
    /// The only one of its stream: each batch expects the last sequence of the one before, and none has an id.
    Fenced,
    /// One of several: each message has an id by which the broker knows it again.
    Plain,
}

/// Begins to write what is sent to it; fails the set when the broker refuses.
pub(crate) fn start(
    tasks: &mut JoinSet<anyhow::Result<()>>,
    client: Client,
    kind: Kind,
) -> mpsc::Sender<Item> {
    let (sender, receiver) = mpsc::channel(QUEUE);
    tasks.spawn(write(client, kind, receiver));
    sender
}

async fn write(client: Client, kind: Kind, mut items: mpsc::Receiver<Item>) -> anyhow::Result<()> {
    let slots = Arc::new(Semaphore::new(UNDER_WAY));
    let (mut under_way, mut last) = (JoinSet::new(), 0);
    while let Some(first) = items.recv().await {
        while let Some(sent) = under_way.try_join_next() {
            sent??;
        }
        if !items.is_empty() {
            tokio::time::sleep(LINGER).await;
        }
        let slot = match kind {
            Kind::Plain => Some(Arc::clone(&slots).acquire_owned().await?),
            Kind::Fenced => None,
        };
        let mut batch = vec![first];
        while batch.len() < MOST
            && let Ok(item) = items.try_recv()
        {
            batch.push(item);
        }
        match slot {
            None => last = send(&client, batch, Some(last)).await?,
            Some(slot) => {
                let client = client.clone();
                under_way.spawn(async move {
                    let sent = send(&client, batch, None).await;
                    drop(slot);
                    sent.map(drop)
                });
            }
        }
    }
    Ok(())
}

/// Stores messages, whole or not at all; the sequence of the last.
async fn send(client: &Client, batch: Vec<Item>, expect: Option<u64>) -> anyhow::Result<u64> {
    #[expect(clippy::disallowed_methods, reason = "every batch is one of its own to the broker")]
    let batch_id = Uuid::now_v7().simple().to_string();
    let count = batch.len();
    let (mut answer, mut waiting) = (None, Vec::new());
    for (index, Item { subject, payload, stored }) in batch.into_iter().enumerate() {
        let mut headers = headers(expect);
        if count > 1 {
            headers.insert("Nats-Batch-Id", batch_id.as_str());
            headers.insert("Nats-Batch-Sequence", (index + 1).to_string());
        }
        if let Some(last) = expect.filter(|_| index == 0) {
            headers.insert("Nats-Expected-Last-Sequence", last.to_string());
        }
        if index + 1 < count {
            client.publish_with_headers(subject, headers, payload).await?;
        } else {
            if count > 1 {
                headers.insert("Nats-Batch-Commit", "1");
            }
            answer = Some(client.request_with_headers(subject, headers, payload).await?);
        }
        waiting.extend(stored);
    }
    let answer = answer.context("a batch has a last message")?;
    let sequence = sequence(&answer.payload)?;
    for stored in waiting {
        // Whoever is gone does not want to know.
        let _gone = stored.send(());
    }
    Ok(sequence)
}

fn headers(expect: Option<u64>) -> HeaderMap {
    let mut headers = HeaderMap::new();
    // As long as that of a real trace.
    headers.insert("traceparent", "00-11111111111111111111111111111111-2222222222222222-01");
    if expect.is_none() {
        #[expect(clippy::disallowed_methods, reason = "nothing is ever sent twice here")]
        let id = Uuid::now_v7();
        headers.insert("Nats-Msg-Id", id.to_string());
    }
    headers
}

/// The broker's word that a message is stored.
fn sequence(answer: &[u8]) -> anyhow::Result<u64> {
    #[derive(Deserialize)]
    struct Word {
        seq: Option<u64>,
        error: Option<serde_json::Value>,
    }
    let word: Word = serde_json::from_slice(answer)?;
    match word {
        Word { error: Some(error), .. } => bail!("the broker refused a message: {error}"),
        Word { seq: Some(sequence), .. } => Ok(sequence),
        Word { seq: None, error: None } => bail!("the broker's answer tells neither a sequence nor an error"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_brokers_word_is_understood() {
        assert_eq!(sequence(br#"{"stream":"ORDERS","seq":7}"#).ok(), Some(7));
        let refusal = sequence(br#"{"error":{"code":400,"err_code":10071},"stream":"ORDERS","seq":0}"#);
        assert!(refusal.is_err_and(|error| error.to_string().contains("10071")));
        assert!(sequence(b"{}").is_err());
    }

    #[test]
    fn only_a_writer_without_a_fence_gives_ids() {
        assert!(headers(None).get("Nats-Msg-Id").is_some() && headers(Some(1)).get("Nats-Msg-Id").is_none());
    }
}
