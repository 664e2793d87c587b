//! `demo` as a person or a program runs it.

use std::{
    io::{BufRead, BufReader},
    net::TcpStream,
    process::{Child, ChildStdout, Command, Stdio},
};

use anyhow::Context;
use rustix::process::{Pid, Signal, kill_process};
use serde_json::Value;

/// Runs `demo` for programs.
fn demo(arguments: &[&str]) -> anyhow::Result<(Child, BufReader<ChildStdout>)> {
    let mut command = Command::new(env!("CARGO_BIN_EXE_orderfleet"));
    command.args(["demo", "--json"]).args(arguments).stdin(Stdio::null()).stdout(Stdio::piped());
    let mut child = command.spawn()?;
    let stdout = child.stdout.take().context("its output is piped")?;
    Ok((child, BufReader::new(stdout)))
}

#[test]
fn it_tells_programs_the_verdict() -> anyhow::Result<()> {
    let (mut child, stdout) = demo(&["--orders", "60", "--rate", "60"])?;
    let objects: Vec<Value> =
        stdout.lines().map(|line| Ok(serde_json::from_str(&line?)?)).collect::<anyhow::Result<_>>()?;
    let orders = objects.iter().find(|object| object["event"] == "orders").context("the outcomes")?;
    assert_eq!((&orders["accepted"], &orders["unexpected_count"]), (&60.into(), &0.into()), "{orders}");
    let verdict = objects.iter().find(|object| object["holds"].is_boolean()).context("the verdict")?;
    assert_eq!((&verdict["holds"], verdict["checks"].as_array().map(Vec::len)), (&true.into(), Some(7)));
    assert!(child.wait()?.success());
    Ok(())
}

#[test]
fn interrupted_it_leaves_nothing_running() -> anyhow::Result<()> {
    let (mut child, stdout) = demo(&["--orders", "6000", "--rate", "50"])?;
    let mut addresses = Vec::new();
    let mut lines = stdout.lines();
    for line in &mut lines {
        let object: Value = serde_json::from_str(&line?)?;
        if let Some((_, address)) = object["url"].as_str().and_then(|url| url.split_once("://")) {
            addresses.push(address.to_owned());
        }
        if object["phase"] == "running" {
            break;
        }
    }
    assert_eq!(addresses.len(), 7, "broker, gateway and five services: {addresses:?}");
    let pid = Pid::from_raw(i32::try_from(child.id())?).context("a process id")?;
    kill_process(pid, Signal::INT)?;
    // Nobody would read what it says while it stops.
    lines.for_each(drop);
    assert_eq!(child.wait()?.code(), Some(130));
    for address in addresses {
        assert!(TcpStream::connect(&address).is_err(), "somebody still listens on {address}");
    }
    Ok(())
}
