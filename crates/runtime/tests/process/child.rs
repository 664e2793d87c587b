//! Starts the probe, reads its log as it comes, signals it and takes its exit code.

use std::{
    io::{BufRead, BufReader, Read},
    process::{Child, Command, Stdio},
    sync::mpsc::{Receiver, channel},
    time::{Duration, Instant},
};

use serde_json::Value;

/// No step of a test takes longer than this on a busy machine.
const DEADLINE: Duration = Duration::from_secs(30);

/// A running probe; killed when dropped.
pub(crate) struct Probe {
    child: Child,
    lines: Receiver<String>,
    /// Every log line so far.
    pub(crate) log: Vec<Value>,
}

/// How a probe ended.
#[derive(Debug)]
pub(crate) struct Ended {
    pub(crate) code: Option<i32>,
    pub(crate) log: Vec<Value>,
    pub(crate) stderr: String,
}

/// A probe about to be started, listening on any free port and with none of our own environment's settings.
pub(crate) fn command(arguments: &[&str]) -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_runtime-probe"));
    command.env_clear().env("LISTEN", "127.0.0.1:0").args(arguments);
    command.stdin(Stdio::null()).stdout(Stdio::piped()).stderr(Stdio::piped());
    command
}

/// Starts a probe that is expected to serve, and waits until it does.
pub(crate) fn serving(arguments: &[&str]) -> Probe {
    let mut probe = Probe::start(command(arguments));
    probe.wait_for("listening");
    probe
}

/// Runs a probe that ends by itself.
pub(crate) fn run(arguments: &[&str]) -> Ended {
    Probe::start(command(arguments)).end()
}

impl Probe {
    pub(crate) fn start(mut command: Command) -> Probe {
        let mut child = command.spawn().expect("the probe was built with this test");
        let stdout = child.stdout.take().expect("stdout is piped");
        let (send, lines) = channel();
        std::thread::spawn(move || {
            for line in BufReader::new(stdout).lines().map_while(Result::ok) {
                if send.send(line).is_err() {
                    break;
                }
            }
        });
        Probe { child, lines, log: Vec::new() }
    }

    /// Reads the log up to the line with this message.
    pub(crate) fn wait_for(&mut self, message: &str) -> Value {
        let until = Instant::now() + DEADLINE;
        if let Some(line) = self.log.iter().find(|line| line["message"] == message) {
            return line.clone();
        }
        loop {
            let left = until.saturating_duration_since(Instant::now());
            let Ok(line) = self.lines.recv_timeout(left) else {
                panic!("no line {message:?} in {:#?}", self.log);
            };
            let line = parse(&line);
            self.log.push(line.clone());
            if line["message"] == message {
                return line;
            }
        }
    }

    /// The address it listens on.
    pub(crate) fn address(&self) -> String {
        let line = self.log.iter().find(|line| line["message"] == "listening").expect("it serves");
        line["address"].as_str().expect("the line has the address").to_owned()
    }

    pub(crate) fn url(&self, path: &str) -> String {
        format!("http://{}{path}", self.address())
    }

    /// Sends a signal by its name without "SIG".
    pub(crate) fn signal(&self, name: &str) {
        let line = format!("kill -{name} {}", self.child.id());
        let sent = Command::new("sh").args(["-c", &line]).status().expect("there is a shell");
        assert!(sent.success(), "{line} failed");
    }

    /// Waits for the end.
    pub(crate) fn end(mut self) -> Ended {
        let until = Instant::now() + DEADLINE;
        // The log ends when the process does.
        loop {
            match self.lines.recv_timeout(until.saturating_duration_since(Instant::now())) {
                Ok(line) => self.log.push(parse(&line)),
                Err(std::sync::mpsc::RecvTimeoutError::Disconnected) => break,
                Err(std::sync::mpsc::RecvTimeoutError::Timeout) => panic!("still running: {:#?}", self.log),
            }
        }
        let mut stderr = String::new();
        let mut pipe = self.child.stderr.take().expect("stderr is piped");
        pipe.read_to_string(&mut stderr).expect("stderr is text");
        let code = self.child.wait().expect("it was started").code();
        Ended { code, log: std::mem::take(&mut self.log), stderr }
    }

    /// Asks it to stop and waits for the end.
    pub(crate) fn terminate(self) -> Ended {
        self.signal("TERM");
        self.end()
    }
}

impl Drop for Probe {
    fn drop(&mut self) {
        // Fails when it has ended already, which is the usual case.
        self.child.kill().ok();
        self.child.wait().ok();
    }
}

impl Ended {
    /// The log line with this message.
    pub(crate) fn line(&self, message: &str) -> &Value {
        let found = self.log.iter().find(|line| line["message"] == message);
        found.unwrap_or_else(|| panic!("no line {message:?} in {self:#?}"))
    }
}

/// Lines that are not JSON appear as their text; the tests that expect JSON fail on them.
fn parse(line: &str) -> Value {
    serde_json::from_str(line).unwrap_or_else(|_| Value::String(line.to_owned()))
}
