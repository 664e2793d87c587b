//! The audit service: an order's timeline, the digests of a stream, the trail's own proof.

use std::collections::BTreeMap;

use events::{OrderId, Timestamp};
use serde::{Deserialize, Serialize};
use serde_json::Value;
use uuid::Uuid;

use super::{
    endpoint::Endpoint,
    error::{BadUrl, CallError},
};

/// Digests asked for at once; the service gives no more.
const PAGE: usize = 1_000;

/// The audit service. Clones share its connections.
#[derive(Debug, Clone)]
pub struct AuditClient {
    endpoint: Endpoint,
}

/// One event of an order's life.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct TimelineEvent {
    /// Its stream.
    pub stream: String,
    /// Its place there.
    pub sequence: u64,
    /// Where it was published to; for an event its type.
    pub subject: String,
    /// When the stream stored it.
    pub stored_at: Timestamp,
    /// Its own id, where it has one.
    #[serde(default)]
    pub id: Option<Uuid>,
    /// Its payload, where it has one.
    #[serde(default)]
    pub data: Value,
    /// Its headers.
    #[serde(default)]
    pub headers: BTreeMap<String, Vec<String>>,
}

/// Some messages of a stream as the trail holds them.
#[derive(Debug, Deserialize)]
pub(crate) struct Digests {
    /// In the order of the stream.
    pub(crate) events: Vec<Digest>,
    /// Whether there are more.
    pub(crate) next_cursor: Option<String>,
    /// For each stream, up to where the trail held everything before it was read.
    pub(crate) complete_up_to: BTreeMap<String, u64>,
}

/// A message as the trail holds it.
#[derive(Debug, Deserialize)]
pub(crate) struct Digest {
    /// Its place in its stream.
    pub(crate) sequence: u64,
    /// SHA-256 of its body in hex.
    pub(crate) sha256: String,
}

/// What the trail says of itself, as far as there was time to look.
#[derive(Debug, Deserialize)]
pub(crate) struct Integrity {
    /// Nothing was removed or changed, as far as was looked.
    pub(crate) intact: bool,
    /// All that was asked for has been looked at.
    pub(crate) finished: bool,
    /// Where to go on if not.
    #[serde(default)]
    pub(crate) next: Option<Next>,
    /// Each stream that was looked at, or the part of it that was.
    pub(crate) streams: Vec<StreamIntegrity>,
    /// What looking at every hash has found.
    pub(crate) verification: Option<Verification>,
}

/// What the trail says of one stream.
#[derive(Debug, Deserialize)]
pub(crate) struct StreamIntegrity {
    /// Which.
    pub(crate) stream: String,
    /// What was in the trail and is no more.
    pub(crate) removed: Vec<Stretch>,
    /// What was gone from the stream before it could be written to the trail.
    #[serde(default)]
    pub(crate) gaps: Vec<Stretch>,
}

/// Some sequences in a row.
#[derive(Debug, Deserialize)]
pub(crate) struct Stretch {
    /// The first.
    pub(crate) from: u64,
    /// The last.
    pub(crate) to: u64,
}

/// What looking at every hash has found.
#[derive(Debug, Deserialize)]
pub(crate) struct Verification {
    /// Nothing is wrong.
    pub(crate) ok: bool,
    /// So many messages were looked at.
    pub(crate) verified: u64,
    /// In each stream the first that is not what it was.
    pub(crate) broken: Vec<Broken>,
}

/// Where the looking goes on.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
pub(crate) struct Next {
    /// The stream.
    pub(crate) stream: String,
    /// The sequence.
    pub(crate) from: u64,
}

/// A message that is not what it was.
#[derive(Debug, Deserialize)]
pub(crate) struct Broken {
    /// Its stream.
    pub(crate) stream: String,
    /// Its sequence.
    pub(crate) sequence: u64,
    /// `hash` or `columns`.
    pub(crate) what: String,
}

impl AuditClient {
    /// The service at `base_url`, e.g. `http://127.0.0.1:8084`.
    ///
    /// # Errors
    /// That is no such address.
    pub fn new(base_url: &str) -> Result<Self, BadUrl> {
        Ok(Self { endpoint: Endpoint::new(base_url)? })
    }

    /// What has happened to an order, causes before effects; empty when the trail has nothing of it (yet).
    ///
    /// # Errors
    /// See [`CallError`].
    pub async fn timeline(&self, order_id: OrderId) -> Result<Vec<TimelineEvent>, CallError> {
        #[derive(Deserialize)]
        struct Timeline {
            events: Vec<TimelineEvent>,
        }
        match self.endpoint.read(&["orders", &order_id.to_string(), "timeline"], &[]).await {
            Ok(Timeline { events }) => Ok(events),
            Err(error) if error.code() == Some(404) => Ok(Vec::new()),
            Err(error) => Err(error),
        }
    }

    /// What the trail holds of a stream after a sequence.
    pub(crate) async fn digests(&self, stream: &str, after: u64) -> Result<Digests, CallError> {
        let query = [
            ("stream", stream.to_owned()),
            ("after", after.to_string()),
            ("limit", PAGE.to_string()),
            ("view", "digest".to_owned()),
        ];
        self.endpoint.read(&["events"], &query).await
    }

    /// Has every message counted and every hash looked at, as far as there is time for it, from `next` on.
    pub(crate) async fn integrity(&self, next: Option<&Next>) -> Result<Integrity, CallError> {
        let mut query = vec![("verify", "full".to_owned())];
        if let Some(Next { stream, from }) = next {
            query.extend([("stream", stream.clone()), ("from", from.to_string())]);
        }
        self.endpoint.read(&["integrity"], &query).await
    }
}
