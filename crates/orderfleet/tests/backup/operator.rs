//! Whoever runs the commands, and what they see of a broker.

use std::{
    collections::BTreeMap,
    path::Path,
    process::{Output, Stdio},
};

use events::Timestamp;
use messaging::{
    headers::Headers,
    jetstream::{ConnectOptions, JetStream},
    log::{Log, Message, Reader, Stored},
};
use serde_json::Value;
use tokio::process::Command;

/// What a command said and how it ended.
pub(crate) struct Said {
    pub(crate) code: Option<i32>,
    pub(crate) objects: Vec<Value>,
    pub(crate) stderr: String,
}

impl Said {
    fn of(output: &Output) -> Self {
        let stdout = String::from_utf8_lossy(&output.stdout);
        let objects = stdout.lines().map(|line| serde_json::from_str(line).unwrap()).collect();
        let stderr = String::from_utf8_lossy(&output.stderr).into_owned();
        Self { code: output.status.code(), objects, stderr }
    }

    /// The command did what it should.
    #[track_caller]
    pub(crate) fn done(self) -> Vec<Value> {
        assert_eq!(self.code, Some(0), "{}", self.stderr);
        self.objects
    }

    /// The command failed, and said why in these words.
    #[track_caller]
    pub(crate) fn failed(self, words: &str) {
        assert_eq!(self.code, Some(1), "{}", self.stderr);
        assert!(self.stderr.contains(words), "{words:?} is not in: {}", self.stderr);
    }
}

/// Runs a command for programs.
pub(crate) async fn run(url: &str, command: &str, dir: &Path, words: &[&str]) -> Said {
    let output = Command::new(env!("CARGO_BIN_EXE_orderfleet"))
        .arg(command)
        .arg(dir)
        .args(words)
        .args(["--json", "--nats-url", url])
        .stdin(Stdio::null())
        .output();
    Said::of(&output.await.unwrap())
}

/// Sets a broker up, with streams that fit a test's disk.
pub(crate) async fn set_up(url: &str) {
    let output = Command::new(env!("CARGO_BIN_EXE_orderfleet"))
        .args(["setup", "--json", "--max-bytes", "64MiB", "--nats-url", url])
        .output();
    Said::of(&output.await.unwrap()).done();
}

/// A connection of one's own.
pub(crate) async fn connect(url: &str) -> JetStream {
    let (urls, service, instance) = (url.to_owned(), "test".to_owned(), "test".to_owned());
    let js = JetStream::connect(ConnectOptions { urls, service, instance }).await.unwrap();
    js.connected().wait_for(|connected| *connected).await.unwrap();
    js
}

/// A message with some headers.
pub(crate) fn message(subject: &str, number: u64) -> Message {
    let mut headers = Headers::new();
    headers.append("Nats-Msg-Id", &format!("{subject}-{number}"));
    headers.append("X-Twice", "one");
    headers.append("X-Twice", "two");
    Message { subject: subject.to_owned(), headers, payload: format!("{{\"number\":{number}}}").into() }
}

/// A message as it can be compared: the client keeps headers in no order.
pub(crate) fn plain(message: &Stored) -> (u64, Timestamp, &str, BTreeMap<String, Vec<String>>, &[u8]) {
    let Stored { sequence, timestamp, subject, headers, payload } = message;
    (*sequence, *timestamp, subject, headers.iter().collect(), payload)
}

/// Every message of a stream.
pub(crate) async fn stored(js: &JetStream, stream: &str) -> Vec<Stored> {
    let last = js.extent(stream).await.unwrap().last;
    let mut reader = js.read(stream, &[], 0);
    let mut messages: Vec<Stored> = Vec::new();
    while messages.last().map_or(0, |message| message.sequence) < last {
        messages.extend(reader.next_batch(1_000).await);
    }
    messages
}
