//! `docs/EVENTS.md` says what the code says: every type, field and example, and nothing else.

use std::collections::BTreeSet;

use events::{
    RawEnvelope,
    catalogue::{CONSUMERS, REDRIVE_SUFFIX, every_consumer, redrive_of},
    form,
};
use serde_json::Value;

use crate::golden::{decode, files, stream_of, streams};

const PAGE: &str = include_str!("../../../../docs/EVENTS.md");

/// What the page says of one type.
#[derive(Debug, Default)]
struct Section {
    stream: String,
    kind: String,
    version: u32,
    fields: Vec<Field>,
    example: String,
}

#[derive(Debug)]
struct Field {
    name: String,
    /// The page says that it may be left out.
    optional: bool,
}

/// The sections of the page, one for each heading like ``### `orders.created` v1``.
fn sections() -> Vec<Section> {
    let (mut sections, mut stream, mut in_example) = (Vec::<Section>::new(), "", false);
    for line in PAGE.lines() {
        if let Some(heading) = line.strip_prefix("## ") {
            stream = heading;
            continue;
        }
        if let Some(heading) = line.strip_prefix("### ") {
            let (kind, version) = parse_heading(heading).unwrap_or_else(|| panic!("no type in `{line}`"));
            sections.push(Section { stream: stream.into(), kind, version, ..Section::default() });
            continue;
        }
        let Some(section) = sections.last_mut() else { continue };
        if line.starts_with("```") {
            in_example = line == "```json";
        } else if in_example {
            section.example.push_str(line);
        } else if let Some((name, meaning)) = line.strip_prefix("| `").and_then(|row| row.split_once("` |")) {
            section.fields.push(Field { name: name.into(), optional: meaning.contains("left out") });
        }
    }
    sections
}

fn parse_heading(heading: &str) -> Option<(String, u32)> {
    let (kind, version) = heading.strip_prefix('`')?.split_once("` v")?;
    Some((kind.to_owned(), version.parse().ok()?))
}

fn json(text: &str) -> Value {
    serde_json::from_str(text).unwrap_or_else(|error| panic!("{error} in {text}"))
}

#[test]
fn the_page_holds_every_type_and_version_and_no_other() {
    let told = sections().into_iter().map(|section| (section.kind, section.version)).collect::<BTreeSet<_>>();
    let known = files().into_keys().collect::<BTreeSet<_>>();
    assert_eq!(told, known);
}

#[test]
fn each_type_stands_under_its_stream() {
    for section in sections() {
        assert_eq!(section.stream, stream_of(&section.kind).name, "{}", section.kind);
    }
}

#[test]
fn the_examples_are_the_golden_files() {
    let files = files();
    for section in sections() {
        let golden = json(&files[&(section.kind.clone(), section.version)]);
        assert_eq!(json(&section.example), golden["data"], "the example of {}", section.kind);
    }
    let envelope = PAGE.split("```json").nth(1).and_then(|rest| rest.split("```").next());
    let envelope = json(envelope.expect("the page begins with an example of the envelope"));
    let kind = envelope["type"].as_str().expect("the envelope has a type").to_owned();
    assert_eq!(envelope, json(&files[&(kind, 1)]));
}

#[test]
fn the_fields_are_those_of_the_type_and_optional_where_the_page_says_so() {
    let files = files();
    for Section { kind, version, fields, .. } in sections() {
        let golden = json(&files[&(kind.clone(), version)]);
        let told = fields.iter().map(|field| field.name.as_str()).collect::<BTreeSet<_>>();
        let data = golden["data"].as_object().expect("a payload is an object");
        assert_eq!(told, data.keys().map(String::as_str).collect::<BTreeSet<_>>(), "the fields of {kind}");
        for field in fields {
            let mut without = golden.clone();
            without["data"].as_object_mut().map(|data| data.remove(&field.name));
            let body = without.to_string();
            let raw = RawEnvelope::parse(body.as_bytes()).expect("the envelope is whole");
            let readable = decode(stream_of(&kind), &raw).is_ok();
            assert_eq!(readable, field.optional, "{kind} without {}", field.name);
        }
    }
}

#[test]
fn every_stream_and_consumer_is_named() {
    for stream in streams() {
        let row = format!("| [{}](#{}) | {}", stream.name, stream.name.to_lowercase(), stream.writer);
        let row = PAGE.lines().find(|line| line.starts_with(&row));
        assert!(row.is_some_and(|row| row.contains(&format!("`{}`", stream.subjects))), "{}", stream.name);
        assert!(stream.control.is_none_or(|control| PAGE.contains(&format!("`{control}`"))));
    }
    for consumer in &CONSUMERS {
        let chapter = PAGE.split("\n## ").find(|chapter| chapter.starts_with(consumer.stream));
        let named = chapter.is_some_and(|chapter| chapter.contains(&format!("`{}`", consumer.durable)));
        assert!(named, "{} is not named under {}", consumer.durable, consumer.stream);
    }
}

#[test]
fn the_forms_are_those_of_the_code() {
    for (field, form) in [("sku", form::SKU), ("customer_id", form::CUSTOMER_ID)] {
        let told = format!("`{field}`: {form}.");
        assert!(PAGE.contains(&told), "the page does not say {told}");
    }
}

#[test]
fn consumers_are_given_subjects_that_exist() {
    for consumer in &CONSUMERS {
        for subject in consumer.subjects {
            assert_eq!(stream_of(subject).name, consumer.stream, "{}", consumer.durable);
        }
    }
}

#[test]
fn what_is_put_back_for_a_consumer_goes_to_a_consumer_of_its_own() {
    for consumer in &CONSUMERS {
        let redrive = redrive_of(consumer).expect("every worker's consumer has one");
        assert_eq!(redrive.durable.strip_suffix(REDRIVE_SUFFIX), Some(consumer.durable));
        assert_eq!(redrive.subjects, [format!("redrive.{}", consumer.durable)]);
        for name in [consumer.durable, redrive.durable] {
            let subject = format!("$JS.EVENT.ADVISORY.CONSUMER.*.*.{name}");
            let watchers = every_consumer().filter(|def| def.subjects.contains(&subject.as_str()));
            assert_eq!(watchers.count(), 1, "one service hears what the broker reports of {name}");
        }
    }
    let names: BTreeSet<_> = every_consumer().map(|consumer| consumer.durable).collect();
    assert_eq!(names.len(), every_consumer().count(), "no name twice");
}

#[test]
fn the_text_mentions_no_subject_that_does_not_exist() {
    let controls = streams().filter_map(|stream| stream.control);
    let mut known = controls.map(str::to_owned).collect::<BTreeSet<_>>();
    known.extend(files().into_keys().map(|(kind, _)| kind));
    let prefixes = streams().filter_map(|stream| stream.subjects.strip_suffix('>')).collect::<Vec<_>>();
    for mention in PAGE.split('`').skip(1).step_by(2) {
        let is_subject = prefixes.iter().any(|prefix| mention.starts_with(prefix));
        let is_pattern = mention.ends_with(['>', '*']);
        assert!(!is_subject || is_pattern || known.contains(mention), "`{mention}` does not exist");
    }
}
