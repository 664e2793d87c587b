//! The architecture as tests: who may depend on whom, what stays pure, how large things grow.
#![expect(clippy::unwrap_used, reason = "what cannot be read fails the test")]

use std::{
    collections::{BTreeMap, BTreeSet},
    fs,
    path::{Path, PathBuf},
};

use serde_json::Value;

const SERVICES: [&str; 5] =
    ["order-service", "inventory-service", "payment-service", "notification-service", "audit-service"];

pub(crate) fn root() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).parent().unwrap().to_owned()
}

/// Every tracked Rust file, relative to the root, with its text.
fn sources() -> Vec<(String, String)> {
    let mut found = Vec::new();
    let mut open: Vec<PathBuf> = ["crates", "services", "tests"].map(|dir| root().join(dir)).into();
    while let Some(dir) = open.pop() {
        for entry in fs::read_dir(dir).unwrap() {
            let path = entry.unwrap().path();
            if path.is_dir() {
                open.push(path);
            } else if path.extension().is_some_and(|extension| extension == "rs") {
                let name = path.strip_prefix(root()).unwrap().display().to_string();
                found.push((name, fs::read_to_string(path).unwrap()));
            }
        }
    }
    assert!(found.len() > 50, "the sources are where this test looks");
    found
}

/// What is compiled outside tests: all but a module of tests at the end. One that is only declared, at the top, hides
/// nothing.
fn production(text: &str) -> &str {
    text.split("#[cfg(test)]\nmod tests {").next().unwrap_or_default()
}

pub(crate) fn fail_if_any(rule: &str, offences: &[String]) {
    assert!(offences.is_empty(), "{rule}:\n  {}", offences.join("\n  "));
}

struct Package {
    directory: String,
    /// Dependencies outside tests.
    normal: BTreeSet<String>,
    binaries: Vec<String>,
}

fn packages() -> BTreeMap<String, Package> {
    let cargo = std::env::var("CARGO").unwrap_or_else(|_| "cargo".to_owned());
    let output = std::process::Command::new(cargo)
        .args(["metadata", "--no-deps", "--format-version", "1", "--offline"])
        .current_dir(root())
        .output()
        .unwrap();
    let metadata: Value = serde_json::from_slice(&output.stdout).unwrap();
    let text = |value: &Value| value.as_str().unwrap_or_default().to_owned();
    let package = |package: &Value| {
        let directory = Path::new(&text(&package["manifest_path"])).parent().unwrap().to_owned();
        let normal = package["dependencies"].as_array().unwrap().iter();
        let targets = package["targets"].as_array().unwrap().iter();
        let package_of = Package {
            directory: directory.file_name().unwrap().to_string_lossy().into_owned(),
            normal: normal.filter(|d| d["kind"].is_null()).map(|d| text(&d["name"])).collect(),
            binaries: targets.filter(|t| t["kind"][0] == "bin").map(|t| text(&t["name"])).collect(),
        };
        (text(&package["name"]), package_of)
    };
    metadata["packages"].as_array().unwrap().iter().map(package).collect()
}

#[test]
fn dependencies_point_one_way() {
    let packages = packages();
    let ours: BTreeSet<&String> = packages.keys().collect();
    let allowed: BTreeMap<&str, &[&str]> = [
        ("events", &[][..]),
        ("messaging", &["events"]),
        ("projection", &["events", "messaging"]),
        ("runtime", &[]),
        ("service", &["events", "messaging", "runtime"]),
        ("entropy", &[]),
        ("nats-server", &[]),
        ("ceiling", &[]),
        ("testkit", &["events", "messaging", "nats-server"]),
        ("gateway-sim", &["runtime"]),
        ("orderfleet", &["events", "messaging", "nats-server", "gateway-sim", "runtime", "service"]),
    ]
    .into();
    let for_services = ["events", "messaging", "projection", "runtime", "service"];
    for (name, package) in &packages {
        let allowed = match name.as_str() {
            "tests" => continue,
            service if SERVICES.contains(&service) => &for_services[..],
            other => allowed.get(other).unwrap_or_else(|| panic!("{other} is not in the list of crates")),
        };
        let forbidden = package.normal.iter().filter(|d| ours.contains(d) && !allowed.contains(&d.as_str()));
        fail_if_any(&format!("{name} must not depend on"), &forbidden.cloned().collect::<Vec<_>>());
    }
}

#[test]
fn each_outside_world_is_named_by_one_crate() {
    let packages = packages();
    let only = |dependency: &str, lawful: &[&str]| {
        let users = packages.iter().filter(|(_, package)| package.normal.contains(dependency));
        let offenders: Vec<_> =
            users.map(|(name, _)| name.clone()).filter(|name| !lawful.contains(&name.as_str())).collect();
        fail_if_any(&format!("only {lawful:?} may use {dependency}"), &offenders);
    };
    // What the broker alone would carry is no property of `messaging`.
    only("async-nats", &["messaging", "ceiling"]);
    only("nkeys", &["messaging"]);
    only("rustls", &["runtime"]);
    only("tracing-subscriber", &["runtime"]);
    only("opentelemetry-otlp", &["runtime"]);
    only("testkit", &["tests"]);
    only("failsafe", &["payment-service"]);
    let plain: BTreeSet<_> = ["serde", "serde_json", "thiserror", "time", "uuid"].map(str::to_owned).into();
    assert!(packages["events"].normal.is_subset(&plain), "the contract is plain data");
}

#[test]
fn one_spelling_for_directory_package_and_binary() {
    for (name, package) in packages() {
        assert_eq!(name, package.directory);
        if SERVICES.contains(&name.as_str()) {
            assert_eq!(package.binaries, std::slice::from_ref(&name));
        }
    }
}

#[test]
fn deciding_is_pure() {
    let banned = [
        "async",
        ".await",
        "tokio",
        "tracing",
        "axum",
        "sqlx",
        "prometheus",
        "reqwest",
        "SystemTime",
        "Instant",
        "std::fs",
        "std::net",
        "std::env",
        "std::thread",
        "HashMap",
        "HashSet",
    ];
    let mut offences = Vec::new();
    let mut seen = 0;
    for (name, text) in sources() {
        let part =
            |dir: &str| name.contains(&format!("/src/{dir}.rs")) || name.contains(&format!("/src/{dir}/"));
        if !name.starts_with("services/") || !(part("domain") || part("decider")) || name.contains("tests") {
            continue;
        }
        seen += 1;
        let code = production(&text);
        assert!(code.contains("fn "), "{name}: what is searched is its code");
        for line in code.lines().filter(|line| !line.trim_start().starts_with("//")) {
            offences
                .extend(banned.iter().filter(|word| says(line, word)).map(|word| format!("{name}: {word}")));
        }
    }
    assert!(seen >= 4, "the domains are where this test looks");
    fail_if_any("domain and decider know no I/O, clock, randomness or unordered iteration", &offences);
}

/// Whether a line has a word, and not only a longer one that begins so: `self.awaiting` awaits nothing.
fn says(line: &str, word: &str) -> bool {
    line.match_indices(word).any(|(at, _)| !line[at + word.len()..].starts_with(char::is_alphabetic))
}

#[test]
fn a_longer_word_is_another_one() {
    assert!(says("told.await?", ".await") && says("use tokio_util;", "tokio"));
    assert!(!says("self.awaiting", ".await"));
}

#[test]
fn declaring_tests_hides_no_code() {
    assert_eq!(
        production("#[cfg(test)]\nmod tests;\nfn code() {}"),
        "#[cfg(test)]\nmod tests;\nfn code() {}"
    );
    assert_eq!(production("fn code() {}\n#[cfg(test)]\nmod tests {}"), "fn code() {}\n");
}

#[test]
fn files_are_short_and_say_what_they_are_for() {
    let mut offences = Vec::new();
    for (name, text) in sources() {
        if !text.starts_with("//!") {
            offences.push(format!("{name} does not open with a //! line"));
        }
        let lines = text.lines().count();
        if lines > 500 {
            offences.push(format!("{name} has {lines} lines"));
        }
        if name.ends_with("src/main.rs") && name.starts_with("services/") && lines > 30 {
            offences.push(format!("{name} has {lines} lines; a service's main has at most 30"));
        }
    }
    fail_if_any("files", &offences);
}

#[test]
fn nothing_is_left_over() {
    // Spelled so that this file does not find itself.
    let banned = [
        "TO\u{44}O",
        "FIX\u{4d}E",
        "#[\u{61}llow(",
        "#![\u{61}llow(",
        "#[\u{69}gnore",
        "unimplemented\u{21}(",
    ];
    let mut offences = Vec::new();
    for (name, text) in sources() {
        offences
            .extend(banned.iter().filter(|mark| text.contains(**mark)).map(|mark| format!("{name}: {mark}")));
        if sleeps(&name, &text) {
            offences.push(format!("{name} sleeps; wait for a condition with a deadline"));
        }
    }
    fail_if_any("left over", &offences);
}

/// Whether a test waits for time to pass that does pass.
fn sleeps(name: &str, text: &str) -> bool {
    let only_tests = name.starts_with("tests/") || name.contains("/tests/") || name.ends_with("/tests.rs");
    let tests = if only_tests { text } else { &text[production(text).len()..] };
    tests.contains("\u{73}leep(") && !tests.contains("start_paused")
}

#[test]
fn a_test_that_sleeps_is_found_wherever_it_stands() {
    let (sleep, paused) = ("\u{73}leep(LONG)", "#[tokio::test(start_paused = true)]");
    for name in
        ["tests/it/flow.rs", "crates/a/tests/it/b.rs", "crates/a/src/b/tests.rs", "services/a/src/tests/b.rs"]
    {
        assert!(sleeps(name, sleep), "{name}");
        assert!(!sleeps(name, &format!("{paused} {sleep}")), "{name}");
    }
    let module = format!("fn code() {{ {sleep} }}\n#[cfg(test)]\nmod tests {{ {sleep} }}");
    assert!(sleeps("crates/a/src/b.rs", &module));
    assert!(!sleeps("crates/a/src/b.rs", &format!("{paused} fn code() {{ {sleep} }}")));
}

#[test]
fn only_the_runtime_reads_the_environment_of_a_service() {
    let mut offences = Vec::new();
    for (name, text) in sources() {
        let lawful =
            ["crates/runtime/", "crates/nats-server/", "crates/orderfleet/", "crates/testkit/", "tests/"];
        let in_test = name.contains("/tests/") || name.contains("testing");
        let code = production(&text);
        if code.contains("env::var") && !in_test && !lawful.iter().any(|prefix| name.starts_with(prefix)) {
            offences.push(name);
        }
    }
    fail_if_any("configuration comes from runtime and clap", &offences);
}

#[test]
fn latencies_can_be_compared() {
    // Two crates that know nothing of one another.
    assert_eq!(runtime::metrics::latency_buckets(), messaging::metrics::SECONDS);
}
