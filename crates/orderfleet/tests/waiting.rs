//! What the commands say while somebody they need is away: on a terminal what is waited for, otherwise only how it ends.
#![expect(clippy::unwrap_used, reason = "a failed setup fails the test")]

use std::{
    fs::File,
    io::Read,
    os::fd::OwnedFd,
    process::{Command, Stdio},
    thread::{self, JoinHandle},
};

use rustix::{
    fs::{Mode, OFlags, open},
    pty::{OpenptFlags, grantpt, openpt, ptsname, unlockpt},
};

/// Port 1 is reserved for a service that nobody runs.
const NOBODY: [&str; 4] = ["--nats-url", "nats://127.0.0.1:1", "--order-url", "http://127.0.0.1:1"];

/// What a command has said when it was over: its exit code, and stderr.
type Said = (Option<i32>, String);

fn command(words: &[&str]) -> Command {
    let url = if words[0] == "order" { &NOBODY[2..] } else { &NOBODY[..2] };
    let mut command = Command::new(env!("CARGO_BIN_EXE_orderfleet"));
    command.args(words).args(url).env("TERM", "xterm").env("USER", "alice");
    command.stdin(Stdio::null()).stdout(Stdio::null());
    command
}

fn terminal() -> (OwnedFd, OwnedFd) {
    let controller = openpt(OpenptFlags::RDWR | OpenptFlags::NOCTTY).unwrap();
    grantpt(&controller).unwrap();
    unlockpt(&controller).unwrap();
    let name = ptsname(&controller, Vec::new()).unwrap();
    let user = open(&*name, OFlags::RDWR | OFlags::NOCTTY, Mode::empty()).unwrap();
    (controller, user)
}

fn on_a_terminal(words: &'static [&'static str]) -> JoinHandle<Said> {
    thread::spawn(move || {
        let (controller, user) = terminal();
        let mut command = command(words);
        let mut child = command.stderr(user).spawn().unwrap();
        // It holds the terminal open, too.
        drop(command);
        let mut said = Vec::new();
        let mut buffer = [0; 4096];
        let mut controller = File::from(controller);
        // Reading fails once nobody has the terminal open any more.
        while let Ok(count @ 1..) = controller.read(&mut buffer) {
            said.extend_from_slice(&buffer[..count]);
        }
        let code = child.wait().unwrap().code();
        let said = String::from_utf8_lossy(&said).into_owned();
        (code, console::strip_ansi_codes(&said).into_owned())
    })
}

fn without_one(words: &'static [&'static str]) -> JoinHandle<Said> {
    thread::spawn(move || {
        let output = command(words).output().unwrap();
        (output.status.code(), String::from_utf8(output.stderr).unwrap())
    })
}

const DLQ: &[&str] = &["dlq", "list"];
const REDRIVE: &[&str] = &["dlq", "redrive", "--all", "--yes"];
const VERIFY: &[&str] = &["verify"];
const SETUP: &[&str] = &["setup"];
const ORDER: &[&str] = &["order", "show", "0198c0de-7a11-7c3e-9b5d-2f6a1e8d4c70"];

#[test]
fn a_terminal_shows_what_is_waited_for() {
    let broker = "waiting for the broker";
    let orders = "waiting for order-service at http://127.0.0.1:1";
    let running = [(DLQ, broker), (REDRIVE, broker), (VERIFY, broker), (SETUP, broker), (ORDER, orders)]
        .map(|(words, waits)| (words, waits, on_a_terminal(words)));
    for (words, waits, said) in running {
        let (code, said) = said.join().unwrap();
        assert!(said.contains(waits), "{words:?}: {said}");
        let (_, end) = said.rsplit_once("error: ").unwrap();
        assert!(code == Some(1) && end.contains("127.0.0.1:1"), "{words:?}: {said}");
        assert!(!end.contains("waiting"), "{words:?}: nothing is waited for any more: {said}");
    }
}

#[test]
fn whoever_has_no_terminal_or_is_a_program_hears_how_it_ends() {
    let json: [&[&str]; 3] = [&["dlq", "list", "--json"], &["verify", "--json"], &["setup", "--json"]];
    let on_terminals = json.map(|words| (words, on_a_terminal(words)));
    let without = [DLQ, REDRIVE, VERIFY, SETUP, ORDER].map(|words| (words, without_one(words)));
    for (words, said) in on_terminals.into_iter().chain(without) {
        let (code, said) = said.join().unwrap();
        let lines: Vec<_> = said.lines().collect();
        assert!(code == Some(1) && lines[0].starts_with("error: "), "{words:?}: {said}");
        assert!(!said.contains("waiting"), "{words:?}: {said}");
    }
}
