//! The envelope: the JSON body of every message in every stream.

use std::borrow::Cow;

use serde::{Deserialize, Serialize, de::DeserializeOwned};
use serde_json::value::RawValue;
use uuid::Uuid;

use crate::{Timestamp, TraceId};

/// A payload that can travel in an envelope.
pub trait EventData: Serialize + DeserializeOwned {
    /// The type string, which is also the subject: `orders.created`.
    const TYPE: &'static str;
    /// The version of the payload's shape; a changed meaning takes a new number.
    const VERSION: u32;

    /// What the event is about: an order id or a SKU.
    fn aggregate_id(&self) -> String;
}

/// An event of one stream, whichever of the stream's types it is.
pub trait StreamEvent: Serialize + Clone + Send + Sync + 'static {
    /// The type string, which is also the subject.
    fn kind(&self) -> &'static str;
    /// The version of the payload's shape.
    fn version(&self) -> u32;
    /// What the event is about: an order id or a SKU.
    fn aggregate_id(&self) -> String;
}

/// A fact, past tense, as it is stored; never changed afterwards.
///
/// Unknown fields are ignored when reading, so that a newer writer does not stop an older reader.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Envelope<'a, D> {
    /// Identity of the event; equals `Nats-Msg-Id` where that header is sent.
    pub id: Uuid,
    /// The type string; equals the subject.
    #[serde(rename = "type", borrow)]
    pub kind: Cow<'a, str>,
    /// The version of `data`'s shape.
    pub version: u32,
    /// What the event is about: an order id or a SKU.
    #[serde(borrow)]
    pub aggregate_id: Cow<'a, str>,
    /// When it happened, by the clock of the stream that caused it; microseconds, UTC.
    pub timestamp: Timestamp,
    /// The trace the event belongs to: the same for an order's whole life.
    pub trace_id: TraceId,
    /// The event or request that caused this one.
    pub causation_id: Uuid,
    /// The payload; its shape follows from type and version.
    pub data: D,
}

/// An envelope whose payload has not been looked at.
pub type RawEnvelope<'a> = Envelope<'a, &'a RawValue>;

impl<'a> RawEnvelope<'a> {
    /// Reads the envelope and leaves the payload as the bytes it came in.
    ///
    /// # Errors
    /// The body is not JSON, or a field of the envelope is missing or ill-formed.
    pub fn parse(body: &'a [u8]) -> Result<Self, DecodeError> {
        serde_json::from_slice(body).map_err(DecodeError::Malformed)
    }

    /// Reads the payload as one given type.
    ///
    /// # Errors
    /// Type or version differ, or the payload does not fit.
    pub fn decode_as<D: EventData>(&self) -> Result<D, DecodeError> {
        if self.kind != D::TYPE {
            return Err(DecodeError::UnknownType(self.kind.clone().into_owned()));
        }
        if self.version != D::VERSION {
            return Err(DecodeError::UnknownVersion { kind: D::TYPE, version: self.version });
        }
        serde_json::from_str(self.data.get()).map_err(DecodeError::Malformed)
    }
}

impl<D: Serialize> Envelope<'_, D> {
    /// The JSON body.
    ///
    /// # Panics
    /// Never for the payloads of this crate: they hold no map with keys that are not strings.
    #[must_use]
    pub fn to_body(&self) -> Vec<u8> {
        let mut body = Vec::with_capacity(512);
        #[expect(clippy::expect_used, reason = "plain structs of strings and numbers always serialise")]
        serde_json::to_writer(&mut body, self).expect("an envelope serialises");
        body
    }
}

/// Why a body could not be read as an event.
#[derive(Debug, thiserror::Error)]
pub enum DecodeError {
    /// Not JSON, or a field is missing or ill-formed.
    #[error("malformed event: {0}")]
    Malformed(serde_json::Error),
    /// No such type in this stream, as far as this reader knows.
    #[error("unknown event type `{0}`")]
    UnknownType(String),
    /// The type is known, this version of it is not.
    #[error("unknown version {version} of `{kind}`")]
    UnknownVersion {
        /// The type string.
        kind: &'static str,
        /// The version found.
        version: u32,
    },
}
