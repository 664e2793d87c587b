//! What a reader makes of messages that are not quite as it knows them.

use events::{DecodeError, RawEnvelope, orders::OrderEvent, requests::Request};
use serde_json::{Value, json};

use crate::golden::{decode, files, stream_of};

/// Reads the message of a golden file after a change to it.
fn read(kind: &str, text: &str, change: impl FnOnce(&mut Value)) -> Result<(), DecodeError> {
    let mut message = serde_json::from_str::<Value>(text).map_err(DecodeError::Malformed)?;
    change(&mut message);
    let body = message.to_string();
    decode(stream_of(kind), &RawEnvelope::parse(body.as_bytes())?)
}

#[test]
fn unknown_fields_are_ignored_at_every_depth() {
    fn add(value: &mut Value) {
        match value {
            Value::Object(fields) => {
                fields.values_mut().for_each(add);
                // A choice is an object with one key, which is no place for fields.
                if fields.keys().all(|key| key != "by" && key != "to") {
                    fields.insert("added_by_a_newer_writer".into(), json!({ "deep": [1] }));
                }
            }
            Value::Array(items) => items.iter_mut().for_each(add),
            Value::Null | Value::Bool(_) | Value::Number(_) | Value::String(_) => {}
        }
    }
    for ((kind, version), text) in files() {
        let decoded = read(&kind, &text, add);
        assert!(decoded.is_ok(), "{kind} v{version}: {decoded:?}");
    }
}

#[test]
fn an_unknown_version_is_told_from_an_unknown_type() {
    for ((kind, _), text) in files() {
        let newer = read(&kind, &text, |message| message["version"] = json!(9_999));
        let told = matches!(&newer, Err(DecodeError::UnknownVersion { kind: told, version: 9_999 }) if *told == kind);
        assert!(told, "{kind}: {newer:?}");

        let invented = format!("{kind}_invented");
        let other = read(&kind, &text, |message| message["type"] = json!(invented));
        assert!(matches!(&other, Err(DecodeError::UnknownType(told)) if *told == invented), "{other:?}");
    }
}

#[test]
fn a_missing_or_ill_typed_part_is_malformed() {
    for ((kind, version), text) in files() {
        let envelope =
            ["id", "type", "version", "aggregate_id", "timestamp", "trace_id", "causation_id", "data"];
        for field in envelope {
            let decoded = read(&kind, &text, |message| {
                message.as_object_mut().map(|fields| fields.remove(field));
            });
            assert!(matches!(decoded, Err(DecodeError::Malformed(_))), "{kind} without {field}: {decoded:?}");
        }
        for data in [json!(null), json!("text"), json!([]), json!({})] {
            let decoded = read(&kind, &text, |message| message["data"] = data);
            assert!(matches!(decoded, Err(DecodeError::Malformed(_))), "{kind} v{version}: {decoded:?}");
        }
    }
}

#[test]
fn what_is_no_envelope_is_malformed() {
    for body in ["", "{", "null", "[]", "\"text\"", "\u{feff}{}", "{\"id\":1}"] {
        let parsed = RawEnvelope::parse(body.as_bytes());
        assert!(matches!(parsed, Err(DecodeError::Malformed(_))), "{body:?}: {parsed:?}");
    }
    assert!(matches!(RawEnvelope::parse(&[0xff, 0xfe]), Err(DecodeError::Malformed(_))));
}

#[test]
fn an_event_of_another_stream_is_of_unknown_type() {
    let files = files();
    let text = &files[&("orders.created".to_owned(), 1)];
    let raw = RawEnvelope::parse(text.as_bytes()).expect("a golden file is an envelope");
    assert!(OrderEvent::decode(&raw).is_ok());
    assert!(matches!(Request::decode(&raw), Err(DecodeError::UnknownType(kind)) if kind == "orders.created"));
}

#[test]
fn a_type_written_with_escapes_is_the_same_type() {
    let files = files();
    let text = files[&("orders.created".to_owned(), 1)].replace("orders.created", r"orders\u002ecreated");
    let raw = RawEnvelope::parse(text.as_bytes()).expect("escapes are JSON");
    assert!(OrderEvent::decode(&raw).is_ok());
}
