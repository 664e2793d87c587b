//! `bench` as a program runs it: a short one, of which the shape is looked at, and never the speed.

use std::{
    fs,
    path::Path,
    process::{Command, Stdio},
};

use anyhow::Context;
use serde_json::Value;

/// Runs `bench` for programs; what it told.
fn bench(arguments: &[&str]) -> anyhow::Result<Vec<Value>> {
    let output = Command::new(env!("CARGO_BIN_EXE_orderfleet"))
        .args(["bench", "--json", "--no-ceiling", "--seconds", "3", "--warm-up", "1"])
        .args(arguments)
        .stdin(Stdio::null())
        .output()?;
    let said = String::from_utf8_lossy(&output.stderr);
    anyhow::ensure!(output.status.success(), "{}: {said}", output.status);
    let lines = output.stdout.split(|byte| *byte == b'\n').filter(|line| !line.is_empty());
    lines.map(|line| Ok(serde_json::from_slice(line)?)).collect()
}

fn told(objects: &[Value]) -> anyhow::Result<&Value> {
    objects.iter().find(|object| object["event"] == "bench").context("the figures")
}

#[test]
fn a_steady_load_is_measured_and_verified() -> anyhow::Result<()> {
    let dir = tempfile::tempdir()?;
    let page = dir.path().join("bench.html");
    let objects = bench(&["--rate", "30", "--report", &page.display().to_string()])?;
    let figures = told(&objects)?;
    assert_eq!((&figures["profile"], &figures["holds"]), (&"steady".into(), &true.into()));
    assert_eq!((&figures["accepted"], &figures["unexpected_count"]), (&120.into(), &0.into()), "{figures}");
    assert_eq!((&figures["headline"], &figures["ceiling"]), (&1.into(), &Value::Null));
    let kinds: Vec<_> =
        figures["stages"].as_array().into_iter().flatten().map(|stage| &stage["kind"]).collect();
    assert_eq!(kinds, ["warm_up", "steady"]);

    let stage = &figures["stages"][1];
    assert_eq!((&stage["due"], &stage["acceptance_us"]["count"]), (&90.into(), &90.into()));
    let sample = stage["confirmation_us"]["count"].as_u64().context("the sample")?;
    assert!(
        (60..=90).contains(&sample),
        "nearly every order is followed at this rate, and confirmed: {sample}"
    );
    let commits = stage["commits"].as_array().context("commits")?;
    for stream in ["REQUESTS", "ORDERS", "INVENTORY", "PAYMENTS", "NOTIFICATIONS"] {
        let commit = commits.iter().find(|commit| commit["stream"] == stream).context(stream)?;
        assert!(commit["messages_per_commit"].as_f64().is_some_and(|size| size >= 1.0), "{commit}");
        assert!(
            figures["disk_bytes_per_order"][stream].as_f64().is_some_and(|bytes| bytes > 100.0),
            "{stream}"
        );
    }
    let hops = figures["hops"].as_array().context("hops")?;
    assert!(hops.len() == 6 && hops.iter().all(|hop| hop["took_us"]["count"] == sample), "{hops:?}");
    if cfg!(target_os = "linux") {
        let names: Vec<_> =
            stage["processes"].as_array().into_iter().flatten().map(|process| &process["name"]).collect();
        assert!(
            names.len() == 8 && names.contains(&&"bench".into()) && names.contains(&&"broker".into()),
            "{names:?}"
        );
    }

    let verdict = objects.iter().find(|object| object["checks"].is_array()).context("the verdict")?;
    assert_eq!((&verdict["holds"], &verdict["summary"]["orders"]), (&true.into(), &120.into()));
    assert!(fs::read_to_string(page)?.contains("<figure id=\"percentiles\">"));
    Ok(())
}

#[test]
fn a_ramp_ends_where_the_fleet_falls_behind() -> anyhow::Result<()> {
    // Within a millisecond nothing is accepted that is on the disk in this build: the first step is too much.
    let objects = bench(&["--profile", "ramp", "--rate", "20", "--limit", "1"])?;
    let figures = told(&objects)?;
    let shortfalls: Vec<_> =
        figures["stages"].as_array().into_iter().flatten().map(|stage| &stage["shortfall"]).collect();
    assert_eq!(shortfalls.len(), 2, "the warm-up and one step: {shortfalls:?}");
    assert!(shortfalls[0].is_null() && shortfalls[1].is_string(), "{shortfalls:?}");
    assert_eq!((&figures["headline"], &figures["holds"]), (&Value::Null, &true.into()));
    Ok(())
}

#[test]
fn a_page_is_kept_until_there_is_another_and_must_be_writable() -> anyhow::Result<()> {
    let dir = tempfile::tempdir()?;
    let page = dir.path().join("bench.html");
    fs::write(&page, "an earlier one")?;
    let refused = |page: &Path| {
        // It never runs: the directory for its data holds something else, the page.
        let (page, data) = (page.display().to_string(), dir.path().display().to_string());
        let ran = bench(&["--no-build", "--report", &page, "--data-dir", &data]);
        ran.err().map(|error| error.to_string()).context("it ran all the same")
    };
    let why = refused(&page)?;
    assert!(why.contains("files that are not a fleet's"), "{why}");
    assert_eq!(fs::read_to_string(&page)?, "an earlier one");
    let why = refused(&dir.path().join("nowhere/bench.html"))?;
    assert!(why.contains("cannot write") && why.contains("nowhere"), "{why}");
    Ok(())
}
