//! What the model begins with: `docs/scaling.json`, of which every figure says where it is from.
#![expect(clippy::unwrap_used, reason = "what cannot be read fails the test")]

use std::{
    collections::BTreeMap,
    fs,
    path::{Path, PathBuf},
};

use serde::{Deserialize, Deserializer};

/// Where instructions are counted.
pub(super) const INSTRUCTIONS: &str = "tests/benchmarks/instructions.json";

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct File {
    pub(super) inputs: Vec<Input>,
    pub(super) commit_ms: Vec<f64>,
    pub(super) orders_per_minute: Vec<f64>,
}

#[derive(Deserialize)]
pub(super) struct Input {
    pub(super) name: String,
    /// One figure, or one for each rate at which it was measured. What is counted has none in the file.
    #[serde(default, rename = "value", deserialize_with = "one_or_several")]
    pub(super) values: Vec<f64>,
    pub(super) unit: String,
    pub(super) what: String,
    #[serde(flatten)]
    pub(super) from: Origin,
}

fn one_or_several<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Vec<f64>, D::Error> {
    #[derive(Deserialize)]
    #[serde(untagged)]
    enum Value {
        One(f64),
        Several(Vec<f64>),
    }
    Ok(match Value::deserialize(deserializer)? {
        Value::One(value) => vec![value],
        Value::Several(values) => values,
    })
}

/// Where an input is from.
#[derive(Deserialize)]
#[serde(rename_all = "snake_case")]
pub(super) enum Origin {
    /// Somebody measured it, and a document of this repository says so.
    Measured(Quote),
    /// It is the code's.
    Code(Quote),
    /// The sum of so many of these benchmarks each, whole instructions.
    Counted(BTreeMap<String, f64>),
    /// An address.
    Source(String),
    /// How.
    Estimated(String),
    /// Why.
    Assumed(String),
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Quote {
    document: String,
    quote: String,
}

pub(super) fn path(name: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).parent().unwrap().join(name)
}

pub(super) fn read(name: &str) -> String {
    fs::read_to_string(path(name)).unwrap()
}

pub(super) fn file() -> File {
    parse(&read("docs/scaling.json"), &read(INSTRUCTIONS))
}

/// The file, with what is counted as it is counted today.
fn parse(file: &str, counts: &str) -> File {
    #[derive(Deserialize)]
    struct Case {
        instructions: f64,
    }
    let mut file: File = serde_json::from_str(file).unwrap();
    let cases: BTreeMap<String, Case> = serde_json::from_str(counts).unwrap();
    let count = |case: &String| {
        cases.get(case).unwrap_or_else(|| panic!("{INSTRUCTIONS} has no `{case}`")).instructions
    };
    for Input { name, values, from, .. } in &mut file.inputs {
        let Origin::Counted(parts) = from else {
            assert!(!values.is_empty(), "`{name}` has no value");
            continue;
        };
        assert!(values.is_empty(), "`{name}` is counted, so it has no value of its own");
        let counted: f64 = parts.iter().map(|(case, times)| count(case) * times).sum();
        *values = vec![counted.round()];
    }
    file
}

/// The text with each white space as one space: a quotation may go over the end of a line.
pub(super) fn flat(text: &str) -> String {
    text.split_whitespace().collect::<Vec<_>>().join(" ")
}

/// The numbers in a text, whichever way their thousands are set apart.
fn numbers(text: &str) -> Vec<f64> {
    let text = text.replace([',', '_'], "");
    text.split(|c: char| !c.is_ascii_digit() && c != '.').filter_map(|number| number.parse().ok()).collect()
}

#[test]
fn what_is_quoted_is_said_there() {
    let file = file();
    let mut quotes = 0;
    for Input { name, values, from, .. } in &file.inputs {
        let (Origin::Measured(Quote { document, quote }) | Origin::Code(Quote { document, quote })) = from
        else {
            continue;
        };
        quotes += 1;
        let said = flat(&read(document)).contains(&flat(quote));
        assert!(said, "{document} does not say `{quote}`: renew `{name}` in docs/scaling.json");
        let missing: Vec<_> = values.iter().filter(|value| !numbers(quote).contains(value)).collect();
        assert!(missing.is_empty(), "`{name}` is {missing:?}, which `{quote}` does not say");
    }
    assert!(quotes > 15, "{quotes} inputs are quoted");
}

/// A file of one input; the rest of it, and what is counted today.
fn parse_one(rest: &str) -> Vec<f64> {
    let input = format!(r#"{{"name": "leader", "unit": "instructions", "what": "of a leader", {rest}}}"#);
    let file = format!(r#"{{"inputs": [{input}], "commit_ms": [], "orders_per_minute": []}}"#);
    let counts = r#"{"decide": {"instructions": 1000, "allocations": 8}, "commit": {"instructions": 333, "allocations": 9}}"#;
    parse(&file, counts).inputs.remove(0).values
}

#[test]
fn what_is_counted_is_the_sum_of_its_parts_today() {
    assert_eq!(parse_one(r#""counted": {"decide": 2, "commit": 0.1}"#), [2033.0]);
    assert_eq!(parse_one(r#""value": [1, 2.5], "assumed": "so""#), [1.0, 2.5]);
}

#[test]
#[should_panic(expected = "`leader` is counted, so it has no value of its own")]
fn what_is_counted_is_not_copied() {
    parse_one(r#""value": 2033, "counted": {"decide": 2}"#);
}

#[test]
#[should_panic(expected = "has no `fold`")]
fn what_is_counted_has_parts_that_are_counted() {
    parse_one(r#""counted": {"fold": 1}"#);
}

#[test]
fn numbers_are_read_however_their_thousands_are_set_apart() {
    assert_eq!(numbers("a 1,894 | 1_000; 1.54"), [1894.0, 1000.0, 1.54]);
}
