//! A whole stream out of the server: its own snapshot, with every message, its sequence and its time, and with every
//! durable consumer and how far that has come.
//!
//! The server sends the snapshot in numbered chunks, and stops after some megabytes until they are acknowledged. It goes
//! on storing messages meanwhile; some of them may be in the snapshot, half a commit among them. Whoever restores one
//! adds what is missing: see [`Exported::last`].

use std::time::Duration;

use async_nats::{Client, StatusCode, Subscriber};
use bytes::Bytes;
use futures_util::StreamExt;
use serde::{Deserialize, Serialize, de::DeserializeOwned};
use serde_json::{Value, json};

use super::{JetStream, REQUEST_TIMEOUT};

/// How large the server makes its chunks; half of the smallest limit of a message that is in use.
const CHUNK: usize = 512 * 1024;
/// Longest wait for a chunk. Before the first one the server writes down the state of the whole stream.
const CHUNK_WITHIN: Duration = Duration::from_secs(120);

/// A stream could not be exported or imported.
#[derive(Debug, thiserror::Error)]
pub enum TransferError {
    /// The broker is out of reach, or does not answer any more.
    #[error("the broker does not answer: {0}")]
    Unavailable(String),
    /// The broker says no.
    #[error("{0}")]
    Refused(String),
    /// The broker gave up because its disk took more than five seconds for a part of the snapshot. It stores the messages
    /// of a snapshot one by one; syncing each of them takes too long on most disks.
    #[error(
        "the broker's disk is too slow for it: start the broker without `sync_interval: always` to restore, and with it \
         again afterwards"
    )]
    TooSlow,
    /// What arrived is not what was sent.
    #[error("a part of the snapshot was lost on its way")]
    Lost,
}

/// What a stream was when its snapshot began; the server wants it back to restore the stream.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Exported {
    /// The stream's configuration, as the server writes it.
    pub config: Value,
    /// What it held, as the server writes it.
    pub state: Value,
}

impl Exported {
    /// The last sequence that is in the snapshot for certain; there may be later ones.
    #[must_use]
    pub fn last(&self) -> u64 {
        self.figure("last_seq")
    }

    /// How many messages it held.
    #[must_use]
    pub fn messages(&self) -> u64 {
        self.figure("messages")
    }

    /// How many bytes those take.
    #[must_use]
    pub fn bytes(&self) -> u64 {
        self.figure("bytes")
    }

    fn figure(&self, name: &str) -> u64 {
        self.state[name].as_u64().unwrap_or(0)
    }
}

/// A snapshot on its way here.
pub struct Export {
    client: Client,
    chunks: Subscriber,
    /// Chunks taken over.
    taken: u64,
}

impl JetStream {
    /// Begins to export a stream with its durable consumers.
    ///
    /// # Errors
    /// The broker is out of reach, or there is no such stream.
    pub async fn export(&self, stream: &str) -> Result<(Exported, Export), TransferError> {
        let inbox = self.client.new_inbox();
        let chunks = self.client.subscribe(inbox.clone()).await.map_err(unavailable)?;
        let request = json!({ "deliver_subject": inbox, "chunk_size": CHUNK, "no_consumers": false });
        let exported = ask(&self.client, format!("$JS.API.STREAM.SNAPSHOT.{stream}"), &request).await?;
        Ok((exported, Export { client: self.client.clone(), chunks, taken: 0 }))
    }

    /// The version of the server this connection stands to.
    #[must_use]
    pub fn server_version(&self) -> String {
        self.client.server_info().version
    }
}

impl Export {
    /// The next chunk; `None` when the snapshot is complete.
    ///
    /// # Errors
    /// The broker gave up, or a chunk was lost.
    pub async fn next(&mut self) -> Result<Option<Bytes>, TransferError> {
        let next = tokio::time::timeout(CHUNK_WITHIN, self.chunks.next()).await.map_err(unavailable)?;
        let chunk = next.ok_or_else(|| unavailable("the subscription ended"))?;
        if chunk.payload.is_empty() {
            let complete = chunk.status.is_none_or(|status| status.as_u16() == 204);
            return if complete { Ok(None) } else { Err(given_up(chunk.status, chunk.description)) };
        }
        self.taken += 1;
        if let Some(reply) = chunk.reply {
            if !is_numbered(&reply, self.taken) {
                return Err(TransferError::Lost);
            }
            self.client.publish(reply, Bytes::new()).await.map_err(unavailable)?;
        }
        Ok(Some(chunk.payload))
    }
}

/// `$JS.SNAPSHOT.ACK.ORDERS.<id>.<bytes>.<number>`.
fn is_numbered(reply: &str, number: u64) -> bool {
    reply.rsplit('.').next().and_then(|last| last.parse().ok()) == Some(number)
}

fn given_up(status: Option<StatusCode>, description: Option<String>) -> TransferError {
    let status = status.map(|status| status.to_string()).unwrap_or_default();
    TransferError::Refused(format!("the broker gave up: {status} {}", description.unwrap_or_default()))
}

pub(super) fn unavailable(error: impl std::fmt::Display) -> TransferError {
    TransferError::Unavailable(error.to_string())
}

/// Asks the server's API something.
pub(super) async fn ask<T: DeserializeOwned>(
    client: &Client,
    subject: String,
    request: &Value,
) -> Result<T, TransferError> {
    let asked = client.request(subject, request.to_string().into());
    let reply = tokio::time::timeout(REQUEST_TIMEOUT, asked).await.map_err(unavailable)?;
    answer(&reply.map_err(unavailable)?.payload)
}

/// Reads an answer of the server's API.
pub(super) fn answer<T: DeserializeOwned>(payload: &[u8]) -> Result<T, TransferError> {
    #[derive(Deserialize)]
    struct Refusal {
        error: Description,
    }
    #[derive(Deserialize)]
    struct Description {
        description: String,
    }
    if let Ok(Refusal { error }) = serde_json::from_slice(payload) {
        return Err(TransferError::Refused(error.description));
    }
    serde_json::from_slice(payload).map_err(|error| unavailable(format!("an unreadable answer: {error}")))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_chunk_that_is_missing_is_noticed() {
        assert!(is_numbered("$JS.SNAPSHOT.ACK.ORDERS.x.524288.3", 3));
        assert!(!is_numbered("$JS.SNAPSHOT.ACK.ORDERS.x.524288.4", 3));
        assert!(!is_numbered("elsewhere", 1));
    }

    #[test]
    fn a_refusal_is_told_in_the_servers_words() {
        let refusal = answer::<Exported>(
            br#"{"error":{"code":404,"err_code":10059,"description":"stream not found"}}"#,
        );
        assert_eq!(refusal.map_err(|error| error.to_string()), Err("stream not found".to_owned()));
    }
}
