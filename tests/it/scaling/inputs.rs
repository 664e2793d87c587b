//! What the model begins with: `docs/scaling.json`, of which every figure says where it is from.
#![expect(clippy::unwrap_used, reason = "what cannot be read fails the test")]

use std::{
    collections::BTreeMap,
    fs,
    path::{Path, PathBuf},
};

use serde::Deserialize;

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
    pub(super) value: Value,
    pub(super) unit: String,
    pub(super) what: String,
    #[serde(flatten)]
    pub(super) from: Origin,
}

/// One figure, or one for each rate at which it was measured.
#[derive(Deserialize)]
#[serde(untagged)]
pub(super) enum Value {
    One(f64),
    Several(Vec<f64>),
}

impl Value {
    pub(super) fn all(&self) -> &[f64] {
        match self {
            Self::One(value) => std::slice::from_ref(value),
            Self::Several(values) => values,
        }
    }
}

/// Where an input is from.
#[derive(Deserialize)]
#[serde(rename_all = "snake_case")]
pub(super) enum Origin {
    /// Somebody measured it, and a document of this repository says so.
    Measured(Quote),
    /// It is the code's.
    Code(Quote),
    /// The sum of so many of these benchmarks each.
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
    serde_json::from_str(&read("docs/scaling.json")).unwrap()
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
    for Input { name, value, from, .. } in &file.inputs {
        let (Origin::Measured(Quote { document, quote }) | Origin::Code(Quote { document, quote })) = from
        else {
            continue;
        };
        quotes += 1;
        let said = flat(&read(document)).contains(&flat(quote));
        assert!(said, "{document} does not say `{quote}`: renew `{name}` in docs/scaling.json");
        let missing: Vec<_> = value.all().iter().filter(|value| !numbers(quote).contains(value)).collect();
        assert!(missing.is_empty(), "`{name}` is {missing:?}, which `{quote}` does not say");
    }
    assert!(quotes > 15, "{quotes} inputs are quoted");
}

#[test]
fn what_is_counted_is_about_what_the_benchmarks_count() {
    #[derive(Deserialize)]
    struct Case {
        instructions: f64,
    }
    let cases: BTreeMap<String, Case> = serde_json::from_str(&read(INSTRUCTIONS)).unwrap();
    for Input { name, value, from, .. } in &file().inputs {
        let Origin::Counted(parts) = from else { continue };
        let counted: f64 = parts.iter().map(|(case, times)| cases[case].instructions * times).sum();
        let close = value.all().iter().all(|value| (counted / value - 1.0).abs() < 0.1);
        assert!(close, "`{name}` is {counted} today: renew it in docs/scaling.json");
    }
}

#[test]
fn numbers_are_read_however_their_thousands_are_set_apart() {
    assert_eq!(numbers("a 1,894 | 1_000; 1.54"), [1894.0, 1000.0, 1.54]);
}
