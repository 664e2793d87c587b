//! Messages as callers see them.

use std::borrow::Cow;

use events::{RawEnvelope, Timestamp, TraceId};
use serde::Serialize;
use serde_json::value::RawValue;
use sha2::{Digest as _, Sha256};
use uuid::Uuid;

use crate::trail::Recorded;

/// Everything about a message.
#[derive(Debug, Serialize)]
pub(super) struct EventView<'a> {
    stream: &'a str,
    sequence: u64,
    subject: &'a str,
    stored_at: Timestamp,
    #[serde(skip_serializing_if = "Option::is_none")]
    id: Option<Uuid>,
    #[serde(rename = "type", skip_serializing_if = "Option::is_none")]
    kind: Option<Cow<'a, str>>,
    #[serde(skip_serializing_if = "Option::is_none")]
    version: Option<u32>,
    #[serde(skip_serializing_if = "Option::is_none")]
    aggregate_id: Option<Cow<'a, str>>,
    /// Outside the option is what is no envelope, inside what concerns no order.
    #[serde(skip_serializing_if = "Option::is_none")]
    order_id: Option<Option<&'a str>>,
    #[serde(skip_serializing_if = "Option::is_none")]
    trace_id: Option<TraceId>,
    #[serde(skip_serializing_if = "Option::is_none")]
    causation_id: Option<Uuid>,
    #[serde(skip_serializing_if = "Option::is_none")]
    timestamp: Option<Timestamp>,
    #[serde(skip_serializing_if = "Option::is_none")]
    data: Option<&'a RawValue>,
    /// The body, if it is no envelope.
    #[serde(skip_serializing_if = "Option::is_none")]
    body: Option<Body<'a>>,
    /// As kept, or null if somebody has spoilt them.
    headers: Option<&'a RawValue>,
    sha256: String,
    chain_hash: String,
}

/// A body that is no envelope.
#[derive(Debug, Serialize)]
#[serde(tag = "encoding", content = "content")]
enum Body<'a> {
    #[serde(rename = "utf-8")]
    Text(&'a str),
    #[serde(rename = "hex")]
    Bytes(String),
}

/// Just enough to compare a message with another copy of it.
#[derive(Debug, Serialize)]
pub(super) struct DigestView<'a> {
    stream: &'a str,
    sequence: u64,
    id: Option<&'a str>,
    sha256: String,
    chain_hash: String,
}

impl<'a> From<&'a Recorded> for EventView<'a> {
    fn from(event: &'a Recorded) -> Self {
        // An envelope that could not be indexed counts as none, here as everywhere.
        let columns = event.columns.as_ref();
        let envelope = columns.and_then(|_| RawEnvelope::parse(&event.body).ok());
        let body = envelope.is_none().then(|| Body::of(&event.body));
        let order_id = columns.filter(|_| envelope.is_some()).map(|columns| columns.order_id.as_deref());
        let view = Self {
            stream: &event.stream,
            sequence: event.sequence,
            subject: &event.subject,
            stored_at: Timestamp(event.stored_at),
            id: None,
            kind: None,
            version: None,
            aggregate_id: None,
            order_id,
            trace_id: None,
            causation_id: None,
            timestamp: None,
            data: None,
            body,
            headers: serde_json::from_str(&event.headers).ok(),
            sha256: sha256(&event.body),
            chain_hash: hex::encode(&event.hash),
        };
        match envelope {
            Some(envelope) => view.with(envelope),
            None => view,
        }
    }
}

impl<'a> EventView<'a> {
    fn with(self, envelope: RawEnvelope<'a>) -> Self {
        Self {
            id: Some(envelope.id),
            kind: Some(envelope.kind),
            version: Some(envelope.version),
            aggregate_id: Some(envelope.aggregate_id),
            trace_id: Some(envelope.trace_id),
            causation_id: Some(envelope.causation_id),
            timestamp: Some(envelope.timestamp),
            data: Some(envelope.data),
            ..self
        }
    }
}

impl<'a> Body<'a> {
    fn of(body: &'a [u8]) -> Self {
        match std::str::from_utf8(body) {
            Ok(text) => Self::Text(text),
            Err(_not_text) => Self::Bytes(hex::encode(body)),
        }
    }
}

impl<'a> From<&'a Recorded> for DigestView<'a> {
    fn from(event: &'a Recorded) -> Self {
        Self {
            stream: &event.stream,
            sequence: event.sequence,
            id: event.columns.as_ref().map(|columns| columns.id.as_str()),
            sha256: sha256(&event.body),
            chain_hash: hex::encode(&event.hash),
        }
    }
}

fn sha256(body: &[u8]) -> String {
    hex::encode(Sha256::digest(body))
}
