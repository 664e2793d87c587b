//! The log over a real server, through `async-nats`.

mod attempts;
mod connect;
mod consumer;
mod delivery;
mod export;
mod high_water;
mod import;
mod publish;
mod reader;
mod security;
mod settled;
mod snapshots;
mod standing;
mod user_key;

use std::time::Duration;

use async_nats::{Client, connection::State, jetstream::Context};
use events::Timestamp;
use prometheus::Registry;
use tokio::sync::watch;

use self::{high_water::HighWaterMarks, standing::Told};
use crate::log::{Ack, Attempts, Beat, Extent, Log, Message, PublishError, Stored, Unavailable};

pub(crate) use attempts::{
    STREAM as ATTEMPTS_STREAM, SUBJECTS as ATTEMPTS_SUBJECTS, subject as attempts_subject,
};
pub(crate) use connect::inbox_prefix;
pub use connect::{ConnectError, ConnectOptions};
pub use consumer::JetStreamConsumer;
pub use delivery::JetStreamDelivery;
pub use export::{Export, Exported, TransferError};
pub use import::Import;
pub use reader::{JetStreamBeats, JetStreamReader};
pub use security::{Credentials, Part, Secret, Security, SecurityError, Tls};
pub(crate) use snapshots::bucket_name as snapshot_bucket;
pub use standing::Trouble;
pub use user_key::UserKey;

/// How long one request to the broker may take before its outcome counts as unknown.
const REQUEST_TIMEOUT: Duration = Duration::from_secs(5);

/// A connection to a JetStream server. Cheap to clone; clones share the connection.
#[derive(Clone)]
pub struct JetStream {
    pub(crate) client: Client,
    pub(crate) context: Context,
    told: Told,
    high_water: HighWaterMarks,
}

impl JetStream {
    /// Whether the connection stands.
    #[must_use]
    pub fn connected(&self) -> watch::Receiver<bool> {
        self.told.connected.clone()
    }

    /// Why there is no connection, as long as there is none.
    #[must_use]
    pub fn trouble(&self) -> watch::Receiver<Option<Trouble>> {
        self.told.trouble.clone()
    }

    /// What the broker did not permit last. Nobody else is told: to who asked for it, it looks like no answer.
    #[must_use]
    pub fn refusal(&self) -> watch::Receiver<Option<String>> {
        self.told.refusal.clone()
    }

    /// Registers the metrics of the connection.
    ///
    /// # Errors
    /// A name is taken: this was called twice for one registry.
    pub fn register(&self, registry: &Registry) -> Result<(), prometheus::Error> {
        registry.register(Box::new(self.told.refusals.clone()))
    }

    /// Waits a while for the connection. What the client is given while there is none it sends when there
    /// is one again, however much later: long after the caller gave up and the broker forgot the id.
    async fn stands(&self) -> Result<(), PublishError> {
        if self.client.connection_state() == State::Connected {
            return Ok(());
        }
        let mut connected = self.connected();
        match tokio::time::timeout(REQUEST_TIMEOUT, connected.wait_for(|connected| *connected)).await {
            Ok(Ok(_)) => Ok(()),
            Ok(Err(_)) | Err(_) => Err(PublishError::Unknown("not connected".to_owned())),
        }
    }
}

impl Log for JetStream {
    type Reader = JetStreamReader;
    type Consumer = JetStreamConsumer;
    type Beats = JetStreamBeats;

    async fn publish(&self, message: &Message, expect: Option<u64>) -> Result<Ack, PublishError> {
        self.stands().await?;
        publish::one(&self.client, message, expect).await
    }

    async fn publish_batch(&self, messages: &[Message], expect: Option<u64>) -> Result<Ack, PublishError> {
        self.stands().await?;
        publish::batch(&self.client, messages, expect).await
    }

    async fn extent(&self, stream: &str) -> Result<Extent, Unavailable> {
        let stream = self.context.get_stream_no_info(stream).await.map_err(unavailable)?;
        let state = stream.get_info().await.map_err(unavailable)?.state;
        // The server says 0 of a stream that never had a message.
        Ok(Extent { first: state.first_sequence.max(1), last: state.last_sequence })
    }

    async fn get(&self, stream: &str, sequence: u64) -> Result<Option<Stored>, Unavailable> {
        let stream = self.context.get_stream_no_info(stream).await.map_err(unavailable)?;
        match stream.get_raw_message(sequence).await {
            Ok(message) => Ok(Some(Stored {
                sequence: message.sequence,
                timestamp: timestamp(message.time),
                subject: message.subject.to_string(),
                headers: crate::headers::Headers(message.headers),
                payload: message.payload,
            })),
            Err(error)
                if error.kind() == async_nats::jetstream::stream::RawMessageErrorKind::NoMessageFound =>
            {
                Ok(None)
            }
            Err(error) => Err(unavailable(error)),
        }
    }

    fn read(&self, stream: &str, subjects: &[&str], after: u64) -> JetStreamReader {
        JetStreamReader::new(self.context.clone(), self.connected(), stream, subjects, after)
    }

    fn consume(&self, stream: &str, durable: &str) -> JetStreamConsumer {
        JetStreamConsumer::new(self.clone(), stream, durable)
    }

    async fn save_attempts(
        &self,
        durable: &str,
        sequence: u64,
        attempts: &Attempts,
    ) -> Result<(), Unavailable> {
        attempts::save(self, durable, sequence, attempts).await
    }

    async fn load_attempts(&self, durable: &str, sequence: u64) -> Result<Option<Attempts>, Unavailable> {
        attempts::load(&self.context, durable, sequence).await
    }

    async fn beat(&self, journal: &str, beat: &Beat) {
        if !*self.told.connected.borrow() {
            return;
        }
        if let Ok(body) = serde_json::to_vec(beat) {
            let sent = self.client.publish(beat_subject(journal), body.into());
            // A beat that cannot be sent is a beat nobody hears; the next one follows at once.
            let _too_late = tokio::time::timeout(Duration::from_secs(1), sent).await;
        }
    }

    fn beats(&self, journal: &str) -> JetStreamBeats {
        JetStreamBeats::new(self.client.clone(), beat_subject(journal))
    }

    async fn save_snapshot(&self, journal: &str, sequence: u64, body: Vec<u8>) -> Result<(), Unavailable> {
        snapshots::save(&self.context, journal, sequence, body).await
    }

    async fn snapshots(&self, journal: &str) -> Result<Vec<u64>, Unavailable> {
        snapshots::list(&self.context, journal).await
    }

    async fn load_snapshot(&self, journal: &str, sequence: u64) -> Result<Option<Vec<u8>>, Unavailable> {
        snapshots::load(&self.context, journal, sequence).await
    }

    async fn drop_snapshot(&self, journal: &str, sequence: u64) -> Result<(), Unavailable> {
        snapshots::drop(&self.context, journal, sequence).await
    }
}

/// Where the leader of a journal says that it leads.
pub(crate) fn beat_subject(journal: &str) -> String {
    format!("fleet.heartbeat.{journal}")
}

fn unavailable(error: impl std::fmt::Display) -> Unavailable {
    Unavailable(error.to_string())
}

fn timestamp(at: time::OffsetDateTime) -> Timestamp {
    Timestamp(i64::try_from(at.unix_timestamp_nanos() / 1_000).unwrap_or(i64::MAX))
}
