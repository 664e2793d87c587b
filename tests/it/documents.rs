//! What is written stays short enough to be read, and names only what exists.

use std::{collections::BTreeSet, fs};

use crate::tidy::{fail_if_any, root};

#[test]
fn documents_stay_readable() {
    let limits = [
        ("README.md", 120),
        ("docs/ARCHITECTURE.md", 150),
        ("docs/SECURITY.md", 120),
        ("docs/OPERATIONS.md", 250),
        ("docs/SCALING.md", 200),
    ];
    for (document, limit) in limits {
        let text = fs::read_to_string(root().join(document)).unwrap();
        let lines = text.lines().count();
        assert!(lines <= limit, "{document} has {lines} lines, at most {limit} are read");
    }
}

#[test]
fn every_place_the_documents_name_exists() {
    let is_path = |word: &&str| {
        ["crates/", "services/", "tests/", "docs/", "docker/", "deployments/"]
            .iter()
            .any(|dir| word.starts_with(dir))
    };
    let places =
        [("README.md", 8), ("docs/ARCHITECTURE.md", 40), ("docs/RELIABILITY.md", 15), ("docs/SCALING.md", 5)];
    for (document, places) in places {
        let text = fs::read_to_string(root().join(document)).unwrap();
        // Of a test, the file.
        let file = |path: &str| path.split("::").next().unwrap_or_default().to_owned();
        let named = text.split('`').filter(is_path).filter(|path| !path.contains('*')).map(file);
        let named: BTreeSet<_> = named.collect();
        assert!(named.len() > places, "{document} names {} places", named.len());
        let missing: Vec<_> = named.into_iter().filter(|path| !root().join(path).exists()).collect();
        fail_if_any(&format!("{document} names what does not exist"), &missing);
    }
}
