//! The golden files: one message per type and version, byte for byte as it is on the wire.
//!
//! A new type or version gets a new file. A file that is there may gain an optional field, and is
//! changed in no other way: messages like it are in streams, and must be readable for ever.

use std::{collections::BTreeMap, fs, path::PathBuf};

use events::{
    DecodeError, RawEnvelope,
    catalogue::{DEAD_LETTERS, STREAMS, StreamDef},
    dead_letters::LetterEvent,
    inventory::InventoryEvent,
    notifications::NotificationEvent,
    orders::OrderEvent,
    payments::PaymentEvent,
    requests::Request,
};

use crate::samples::samples;

/// Every golden file by `(type, version)`.
pub(crate) fn files() -> BTreeMap<(String, u32), String> {
    let folder = PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("golden");
    let entries = fs::read_dir(&folder).expect("the folder of golden files exists");
    let files = entries.map(|entry| {
        let path = entry.expect("the folder can be read").path();
        let name = path.file_name().and_then(|name| name.to_str()).expect("a file has a name");
        let key = parse_name(name).unwrap_or_else(|| panic!("{name} is not named <type>.v<version>.json"));
        (key, fs::read_to_string(&path).expect("a golden file can be read"))
    });
    files.collect()
}

fn parse_name(name: &str) -> Option<(String, u32)> {
    let (kind, version) = name.strip_suffix(".json")?.rsplit_once(".v")?;
    Some((kind.to_owned(), version.parse().ok()?))
}

/// Reads a message as whoever consumes its stream does.
pub(crate) fn decode(stream: &StreamDef, raw: &RawEnvelope<'_>) -> Result<(), DecodeError> {
    match stream.name {
        "REQUESTS" => Request::decode(raw).map(drop),
        "ORDERS" => OrderEvent::decode(raw).map(drop),
        "INVENTORY" => InventoryEvent::decode(raw).map(drop),
        "PAYMENTS" => PaymentEvent::decode(raw).map(drop),
        "NOTIFICATIONS" => NotificationEvent::decode(raw).map(drop),
        "DEAD_LETTERS" => LetterEvent::decode(raw).map(drop),
        other => panic!("no decoder is known for {other}"),
    }
}

/// Every stream that events stand in.
pub(crate) fn streams() -> impl Iterator<Item = &'static StreamDef> {
    STREAMS.iter().chain([&DEAD_LETTERS])
}

/// The stream a type stands in.
pub(crate) fn stream_of(kind: &str) -> &'static StreamDef {
    let stands_in = |stream: &&StreamDef| stream.types.iter().any(|(known, _)| *known == kind);
    streams().find(stands_in).unwrap_or_else(|| panic!("{kind} stands in no stream"))
}

#[test]
fn every_type_has_a_golden_file() {
    let files = files();
    for (kind, version) in streams().flat_map(|stream| stream.types) {
        let file = files.contains_key(&((*kind).to_owned(), *version));
        assert!(file, "golden/{kind}.v{version}.json is missing");
    }
}

#[test]
fn what_is_written_is_the_golden_file_byte_for_byte() {
    let files = files();
    for sample in samples() {
        let name = (sample.kind.to_owned(), sample.version);
        let body = String::from_utf8(sample.body).expect("a body is text");
        assert_eq!(files.get(&name), Some(&body), "golden/{}.v{}.json", name.0, name.1);
    }
}

#[test]
fn the_golden_file_reads_back_as_what_was_written() {
    let files = files();
    for sample in samples() {
        let text = &files[&(sample.kind.to_owned(), sample.version)];
        let raw = RawEnvelope::parse(text.as_bytes()).expect("a golden file is an envelope");
        assert!((sample.reads_back)(&raw), "{} v{}", sample.kind, sample.version);
    }
}

#[test]
fn every_golden_file_is_readable_however_old() {
    for ((kind, version), text) in files() {
        let raw = RawEnvelope::parse(text.as_bytes()).expect("a golden file is an envelope");
        assert_eq!((raw.kind.as_ref(), raw.version), (kind.as_str(), version));
        let decoded = decode(stream_of(&kind), &raw);
        assert!(decoded.is_ok(), "golden/{kind}.v{version}.json: {decoded:?}");
    }
}

#[test]
fn types_are_subjects_of_their_own_stream_alone() {
    for stream in streams() {
        let prefix = stream.subjects.strip_suffix('>').expect("a stream stores a whole branch of subjects");
        for (kind, version) in stream.types {
            assert!(kind.starts_with(prefix), "{kind} is not stored by {}", stream.name);
            assert!(*version >= 1);
        }
        assert!(stream.control.is_none_or(|control| control.starts_with(prefix)));
    }
}
