//! `docs/RELIABILITY.md` names only proofs that exist, names all of them, and shows what was measured last.
//!
//! `UPDATE=1 cargo test -p tests --test it reliability` writes the figures of `docs/reliability.json` into its table.
#![expect(clippy::unwrap_used, reason = "what cannot be read fails the test")]

use std::{
    collections::BTreeMap,
    fs,
    path::{Path, PathBuf},
};

use serde_json::Value;

fn root() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).parent().unwrap().to_owned()
}

fn read(path: &str) -> String {
    fs::read_to_string(root().join(path)).unwrap()
}

/// The names in `text` that stand between `before` and `after`.
fn names<'a>(text: &'a str, before: &str, after: char) -> Vec<&'a str> {
    text.split(before).skip(1).filter_map(|rest| rest.split(after).next()).collect()
}

/// Scenarios and controls of the crash suite.
fn crash_suite() -> (Vec<String>, Vec<String>) {
    let text = read("tests/crash/scenarios/mod.rs");
    let (scenarios, controls) = text.split_once("CONTROLS").unwrap();
    let all = |part| names(part, "name: \"", '"').into_iter().map(str::to_owned).collect();
    (all(scenarios), all(controls))
}

/// Guards that the simulation can switch off, as its command line spells them.
fn guards() -> Vec<String> {
    let text = read("tests/simulation/sabotage.rs");
    let variants = text.split("pub(crate) enum Guard {").nth(1).unwrap().split('}').next().unwrap();
    let variants = variants.lines().map(str::trim).filter(|line| line.starts_with(char::is_uppercase));
    variants.map(|variant| kebab(variant.trim_end_matches(','))).collect()
}

fn kebab(variant: &str) -> String {
    let mut name = String::new();
    for letter in variant.chars() {
        if letter.is_uppercase() && !name.is_empty() {
            name.push('-');
        }
        name.extend(letter.to_lowercase());
    }
    name
}

/// The rows of the table: fault, promise, proofs, what was measured last.
fn rows(document: &str) -> Vec<[&str; 4]> {
    let lines = document.lines().skip_while(|line| !line.starts_with("| fault |")).skip(2);
    lines
        .take_while(|line| line.starts_with('|'))
        .map(|line| {
            let cells: Vec<&str> = line.trim_matches('|').split('|').map(str::trim).collect();
            cells.try_into().unwrap()
        })
        .collect()
}

fn proofs(cell: &str) -> impl Iterator<Item = &str> {
    cell.split('`').skip(1).step_by(2)
}

/// Why there is no such proof; `None` when there is.
fn missing(proof: &str) -> Option<String> {
    let (scenarios, controls) = crash_suite();
    let known = |all: &[String], name: &str| all.iter().any(|one| one == name);
    let there = match proof.split_once(' ') {
        Some(("crash", name)) => known(&scenarios, name),
        Some(("control", name)) => known(&controls, name),
        Some(("guard", name)) => known(&guards(), name),
        Some(_) => false,
        None => proof.split_once("::").is_some_and(|(path, function)| {
            fs::read_to_string(root().join(path)).is_ok_and(|text| text.contains(&format!("fn {function}(")))
        }),
    };
    (!there).then(|| proof.to_owned())
}

/// What the crash suite measured last, by scenario.
fn measured() -> BTreeMap<String, String> {
    let figures: Value = serde_json::from_str(&read("docs/reliability.json")).unwrap();
    let scenarios = figures["scenarios"].as_object().unwrap();
    let figure = |(name, scenario): (&String, &Value)| {
        (name.clone(), format!("{:.2} s", scenario["recovery_seconds"].as_f64().unwrap()))
    };
    scenarios.iter().map(figure).collect()
}

/// What the last cell of a row must say.
fn expected_figure(proofs_cell: &str, measured: &BTreeMap<String, String>) -> String {
    let scenarios = proofs(proofs_cell).filter_map(|proof| proof.strip_prefix("crash "));
    let figures = scenarios.map(|name| measured.get(name).map_or("not run", String::as_str));
    figures.collect::<Vec<_>>().join(", ")
}

#[test]
fn every_proof_that_is_named_exists() {
    let document = read("docs/RELIABILITY.md");
    let rows = rows(&document);
    assert!(rows.len() > 10, "the table is where this test looks");
    for [fault, _, cell, _] in &rows {
        assert!(proofs(cell).next().is_some(), "nothing proves what is promised for: {fault}");
    }
    let all: Vec<_> = rows.iter().flat_map(|[_, _, cell, _]| proofs(cell)).collect();
    let missing: Vec<_> = all.into_iter().filter_map(missing).collect();
    assert!(missing.is_empty(), "docs/RELIABILITY.md names what does not exist: {missing:#?}");
}

#[test]
fn every_scenario_and_guard_is_named() {
    let document = read("docs/RELIABILITY.md");
    let (scenarios, controls) = crash_suite();
    let of =
        |kind: &str, all: Vec<String>| all.into_iter().map(move |name| format!("`{kind} {name}`")).collect();
    let all: [Vec<String>; 3] = [of("crash", scenarios), of("control", controls), of("guard", guards())];
    assert!(all.iter().all(|kind| kind.len() >= 3), "they are where this test looks: {all:?}");
    let unnamed: Vec<_> =
        all.into_iter().flatten().filter(|name| !document.contains(name.as_str())).collect();
    assert!(unnamed.is_empty(), "docs/RELIABILITY.md does not name {unnamed:#?}");
}

#[test]
fn the_figures_are_those_measured_last() {
    let (document, measured) = (read("docs/RELIABILITY.md"), measured());
    let mut updated = document.clone();
    for [fault, promise, cell, figure] in rows(&document) {
        let expected = expected_figure(cell, &measured);
        let row =
            |figure: &str| format!("| {fault} | {promise} | {cell} | {figure} |").replace("|  |", "| |");
        updated = updated.replace(&row(figure), &row(&expected));
    }
    if std::env::var_os("UPDATE").is_some() {
        fs::write(root().join("docs/RELIABILITY.md"), &updated).unwrap();
    } else {
        assert!(
            document == updated,
            "the figures are older than docs/reliability.json; run this with UPDATE=1"
        );
    }
}
