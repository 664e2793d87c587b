//! Control messages: how writers of a journal take turns, and which inputs led to no event but a dead letter.
//! Stored in the journal like events.

use std::borrow::Cow;

use events::{DecodeError, Envelope, RawEnvelope, Timestamp, TraceId, catalogue::CONTROL_VERSION, ids};
use serde::{Deserialize, Serialize};
use uuid::Uuid;

use crate::{
    headers::{CONTENT_TYPE, EPOCH, Headers, JSON},
    log::Message,
};

/// What a writer of the journal says about its turn.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "control", rename_all = "snake_case")]
pub enum Control {
    /// From here on only this instance writes, under this epoch.
    Fence {
        /// Who.
        instance: String,
        /// One more than the epoch before.
        epoch: u64,
    },
    /// The writer has stopped in good order; anybody may take over at once.
    HandOver {
        /// Who.
        instance: String,
        /// Its epoch.
        epoch: u64,
    },
    /// Inputs were consumed that had no outcome; only the positions in the header moved.
    Checkpoint {
        /// The writer's epoch.
        epoch: u64,
    },
    /// An input became a dead letter instead of being decided on: it may be put back.
    Parked {
        /// The writer's epoch.
        epoch: u64,
        /// Which input.
        #[serde(flatten)]
        input: Place,
        /// The id in its envelope, if that can be read.
        id: Option<Uuid>,
    },
    /// What was parked has been decided on after all, because it was put back or because the same message was stored
    /// once more: another time would be a repetition.
    PutBack {
        /// The writer's epoch.
        epoch: u64,
        /// Which input it was when it was parked.
        #[serde(flatten)]
        input: Place,
        /// The id in its envelope. Whatever else is parked under it asks for the same.
        id: Option<Uuid>,
    },
}

/// Where an input stands.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
pub struct Place {
    /// The stream.
    pub stream: String,
    /// Its sequence there.
    pub sequence: u64,
}

impl Control {
    fn epoch(&self) -> u64 {
        match self {
            Self::Fence { epoch, .. }
            | Self::HandOver { epoch, .. }
            | Self::Checkpoint { epoch }
            | Self::Parked { epoch, .. }
            | Self::PutBack { epoch, .. } => *epoch,
        }
    }

    /// The message, to be stored right after `after`.
    pub(super) fn message(&self, journal: &str, subject: &'static str, after: u64, at: Timestamp) -> Message {
        let id = ids::derive(&["control", journal, &after.to_string(), &format!("{self:?}")]);
        let envelope = Envelope {
            id,
            kind: Cow::Borrowed(subject),
            version: CONTROL_VERSION,
            aggregate_id: Cow::Borrowed(journal),
            timestamp: at,
            trace_id: TraceId::default(),
            causation_id: Uuid::nil(),
            data: self,
        };
        let mut headers = Headers::new();
        headers.set(CONTENT_TYPE, JSON);
        headers.set(EPOCH, self.epoch().to_string());
        Message { subject: subject.to_owned(), headers, payload: envelope.to_body().into() }
    }

    /// Reads a control message back.
    pub(super) fn read(raw: &RawEnvelope<'_>) -> Result<Self, DecodeError> {
        serde_json::from_str(raw.data.get()).map_err(DecodeError::Malformed)
    }
}
