//! What an envelope says, as far as the trail can be searched by it.

use std::borrow::Cow;

use events::{RawEnvelope, TraceId};
use serde::Deserialize;
use uuid::Uuid;

/// Longest type or aggregate id: an index of the database would refuse much longer ones.
pub(crate) const MAX_TEXT: usize = 512;

/// The columns taken from a body.
#[derive(Debug, PartialEq, Eq)]
pub struct Fields<'a> {
    /// Identity of the event.
    pub id: Uuid,
    /// The type string.
    pub kind: Cow<'a, str>,
    /// The version of the payload's shape.
    pub version: u32,
    /// What the event is about.
    pub aggregate_id: Cow<'a, str>,
    /// The order it concerns: the aggregate when that is a UUID, else the payload's `order_id`.
    pub order_id: Option<Uuid>,
    /// The trace it belongs to.
    pub trace_id: TraceId,
    /// What caused it.
    pub causation_id: Uuid,
    /// When it happened, in microseconds since 1970.
    pub timestamp: i64,
}

#[derive(Deserialize)]
struct Data<'a> {
    #[serde(borrow)]
    order_id: Cow<'a, str>,
}

impl<'a> Fields<'a> {
    /// Reads a body; `None` when it is no envelope, or one that the database cannot index.
    #[must_use]
    pub fn read(body: &'a [u8]) -> Option<Self> {
        let envelope = RawEnvelope::parse(body).ok()?;
        let sound = |text: &str| text.len() <= MAX_TEXT && !text.contains('\0');
        if !sound(&envelope.kind) || !sound(&envelope.aggregate_id) {
            return None;
        }
        let in_data = || {
            let data: Data<'_> = serde_json::from_str(envelope.data.get()).ok()?;
            Uuid::parse_str(&data.order_id).ok()
        };
        Some(Self {
            id: envelope.id,
            order_id: Uuid::parse_str(&envelope.aggregate_id).ok().or_else(in_data),
            kind: envelope.kind,
            version: envelope.version,
            aggregate_id: envelope.aggregate_id,
            trace_id: envelope.trace_id,
            causation_id: envelope.causation_id,
            timestamp: envelope.timestamp.0,
        })
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    const ORDER: Uuid = Uuid::from_u128(7);

    fn body(kind: &str, aggregate_id: &str, data: serde_json::Value) -> Vec<u8> {
        let envelope = json!({
            "id": Uuid::from_u128(1), "type": kind, "version": 3, "aggregate_id": aggregate_id,
            "timestamp": "2026-08-24T10:00:00.000001Z", "trace_id": "0af7651916cd43dd8448eb211c80319c",
            "causation_id": Uuid::from_u128(2), "data": data, "later": "addition",
        });
        serde_json::to_vec(&envelope).unwrap()
    }

    fn assert_order(aggregate_id: &str, data: serde_json::Value, order: Option<Uuid>) {
        let body = body("new.type", aggregate_id, data);
        assert_eq!(Fields::read(&body).unwrap().order_id, order, "{aggregate_id}");
    }

    #[test]
    fn types_nobody_has_heard_of_are_read_like_any_other() {
        let body = body("galaxies.collided", "sku-1", json!(null));
        let fields = Fields::read(&body).unwrap();
        assert_eq!((&*fields.kind, fields.version), ("galaxies.collided", 3));
        assert_eq!(fields.timestamp, 1_787_565_600_000_001);
    }

    #[test]
    fn the_order_is_the_aggregate_or_in_the_data() {
        assert_order(&ORDER.to_string(), json!({}), Some(ORDER));
        assert_order("sku-1", json!({ "order_id": ORDER }), Some(ORDER));
        for nothing in
            [json!({}), json!([]), json!("x"), json!({ "order_id": 7 }), json!({ "order_id": "x" })]
        {
            assert_order("sku-1", nothing, None);
        }
    }

    #[test]
    fn what_is_no_envelope_is_none() {
        let long = "x".repeat(MAX_TEXT + 1);
        let deep = format!("{}{}", "[".repeat(100_000), "]".repeat(100_000));
        for bytes in [
            b"".to_vec(),
            b"null".to_vec(),
            b"\xff\xfe".to_vec(),
            deep.into_bytes(),
            body("a\0b", "x", json!({})),
            body("a", "x\0", json!({})),
            body("a", &long, json!({})),
        ] {
            assert_eq!(Fields::read(&bytes), None);
        }
    }
}
