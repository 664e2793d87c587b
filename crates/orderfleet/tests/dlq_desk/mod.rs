//! A broker with dead letters on it, an operator, and a worker for what is put back.

use std::{
    os::unix::fs::PermissionsExt,
    process::{Output, Stdio},
};

use messaging::{
    dead_letter::{self, redrive},
    headers::{Headers, MSG_ID, POSITIONS},
    jetstream::{ConnectOptions, JetStream},
    log::{Consumer, Delivery, Log, Message, Stored},
    topology::{self, TopologyOptions},
};
use serde_json::Value;
use tokio::{
    process::{Child, Command},
    task::JoinSet,
};

/// The message that every letter of [`Desk::with_letters`] holds.
pub(crate) const RESERVED: &str = include_str!("../../../events/golden/inventory.reserved.v1.json");

/// A broker with dead letters on it.
pub(crate) struct Desk {
    broker: testkit::Broker,
    pub(crate) log: JetStream,
    editor: tempfile::TempDir,
}

/// What the command said.
pub(crate) struct Said {
    pub(crate) code: i32,
    /// For programs.
    pub(crate) objects: Vec<Value>,
    /// For people.
    pub(crate) said: String,
}

impl Desk {
    /// So many messages of INVENTORY, each given up by payment-charge.
    pub(crate) async fn with_letters(count: u64) -> Self {
        let broker = testkit::broker().await;
        let (urls, service, instance) = (broker.url(), "test".to_owned(), "test".to_owned());
        let log = JetStream::connect(ConnectOptions { urls, service, instance }).await.unwrap();
        log.connected().wait_for(|connected| *connected).await.unwrap();
        let options = TopologyOptions { max_bytes: 64 << 20, ..TopologyOptions::default() };
        topology::setup(&log, &options).await.unwrap();
        let editor = tempfile::tempdir().unwrap();
        let script = editor.path().join("editor");
        std::fs::write(&script, "#!/bin/sh\nexec sed -i 's/\"amount\": 4497/\"amount\": 1/' \"$1\"\n")
            .unwrap();
        std::fs::set_permissions(&script, PermissionsExt::from_mode(0o755)).unwrap();
        let desk = Self { broker, log, editor };
        for _ in 0..count {
            desk.park("payment-charge", "INVENTORY", "exhausted", RESERVED).await;
        }
        desk
    }

    /// Stores a message, and a letter about it.
    pub(crate) async fn park(&self, consumer: &str, stream: &str, cause: &str, body: &str) {
        let subject = format!("{}.test", stream.to_lowercase());
        let message = Message { subject, headers: Headers::new(), payload: body.to_owned().into() };
        let sequence = self.log.publish(&message, None).await.unwrap().sequence;
        let letter = letter(consumer, stream, sequence, cause, body);
        self.log.publish(&letter, None).await.unwrap();
    }

    /// Stores a letter about a message that was put back; gives its number.
    pub(crate) async fn park_again(&self, consumer: &str, redrive: u64) -> u64 {
        let letter = letter(consumer, "REDRIVE", redrive, "undecodable", "no event");
        self.log.publish(&letter, None).await.unwrap().sequence
    }

    /// A journal has read so far in REDRIVE.
    pub(crate) async fn reach(&self, journal: &str, redrive: u64) {
        let mut headers = Headers::new();
        headers.set(POSITIONS, format!("REDRIVE={redrive}"));
        let subject = format!("{}.control", journal.to_lowercase());
        let message = Message { subject, headers, payload: "no control".into() };
        self.log.publish(&message, None).await.unwrap();
    }

    /// Stores a letter without the body of its message.
    pub(crate) async fn park_omitted(&self, stream: &str, sequence: u64) {
        let mut letter = letter("payment-charge", stream, sequence, "exhausted", "");
        letter.headers.set(dead_letter::BODY_OMITTED, "700000");
        // The same message with its body is another letter here.
        letter.headers.set(MSG_ID, format!("omitted:{sequence}"));
        self.log.publish(&letter, None).await.unwrap();
    }

    /// Handles what is put back for payment-charge; what comes from these letters is given up again.
    pub(crate) fn worker(&self, fails: &'static [u64]) -> JoinSet<()> {
        let log = self.log.clone();
        let mut tasks = JoinSet::new();
        tasks.spawn(async move {
            let mut consumer = log.consume("REDRIVE", &redrive::durable("payment-charge"));
            loop {
                for delivery in consumer.next(1).await {
                    handle(&log, &delivery, fails).await;
                }
            }
        });
        tasks
    }

    /// Runs `dlq` for programs.
    pub(crate) async fn dlq(&self, words: &[&str]) -> Said {
        Self::finished(self.start(words)).await
    }

    /// Runs `dlq` where no variable says who is logged in.
    pub(crate) async fn unnamed(&self, words: &[&str]) -> Said {
        let mut command = self.command(words);
        let child = command.arg("--json").env_remove("USER").env_remove("LOGNAME").spawn().unwrap();
        Self::finished(child).await
    }

    /// Runs `dlq` for people.
    pub(crate) async fn for_people(&self, words: &[&str]) -> Said {
        let output = self.command(words).spawn().unwrap().wait_with_output().await.unwrap();
        let said = String::from_utf8(output.stderr).unwrap();
        Said { code: output.status.code().unwrap(), objects: Vec::new(), said }
    }

    /// Starts `dlq` for programs.
    pub(crate) fn start(&self, words: &[&str]) -> Child {
        self.command(words).arg("--json").spawn().unwrap()
    }

    fn command(&self, words: &[&str]) -> Command {
        let mut command = Command::new(env!("CARGO_BIN_EXE_orderfleet"));
        command
            .arg("dlq")
            .args(words)
            .args(["--nats-url", &self.broker.url()])
            .env("USER", "alice")
            .env("VISUAL", self.editor.path().join("editor"))
            .stdin(Stdio::null())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .kill_on_drop(true);
        command
    }

    /// Waits for its end.
    pub(crate) async fn finished(child: Child) -> Said {
        let Output { status, stdout, stderr } = child.wait_with_output().await.unwrap();
        let lines = String::from_utf8(stdout).unwrap();
        let objects = lines.lines().map(|line| serde_json::from_str(line).unwrap()).collect();
        let said = String::from_utf8(stderr).unwrap();
        Said { code: status.code().unwrap(), objects, said }
    }

    /// How many messages were ever stored in a stream.
    pub(crate) async fn last(&self, stream: &str) -> u64 {
        self.log.extent(stream).await.unwrap().last
    }

    /// Everything in a stream.
    pub(crate) async fn all(&self, stream: &str) -> Vec<Stored> {
        let mut all = Vec::new();
        for sequence in 1..=self.last(stream).await {
            all.extend(self.log.get(stream, sequence).await.unwrap());
        }
        all
    }

    /// The bodies of a stream's messages under a subject.
    pub(crate) async fn of(&self, stream: &str, subject: &str) -> Vec<Value> {
        let all = self.all(stream).await;
        let of = all.iter().filter(|message| message.subject == subject);
        of.map(|message| serde_json::from_slice(&message.payload).unwrap()).collect()
    }
}

impl Said {
    /// One field of every object, as text.
    pub(crate) fn values(&self, field: &str) -> Vec<String> {
        self.objects.iter().map(|object| text(&object[field])).collect()
    }

    /// The letters of which that was done.
    pub(crate) fn actions(&self, action: &str) -> Vec<String> {
        let fitting = self.objects.iter().filter(|object| object["action"] == action);
        fitting.map(|object| text(&object["letter"])).collect()
    }
}

fn text(value: &Value) -> String {
    value.as_str().map_or_else(|| value.to_string(), str::to_owned)
}

fn letter(consumer: &str, stream: &str, sequence: u64, cause: &str, body: &str) -> Message {
    let mut headers = Headers::new();
    headers.set(MSG_ID, format!("dead:{consumer}:{stream}:{sequence}"));
    headers.set(dead_letter::CAUSE, cause);
    headers.set(dead_letter::ERROR, format!("order {} is odd", sequence + 16));
    headers.set(dead_letter::ATTEMPTS, "5");
    headers.set(dead_letter::CONSUMER, consumer);
    headers.set(dead_letter::ORIGINAL_STREAM, stream);
    headers.set(dead_letter::ORIGINAL_SEQUENCE, sequence.to_string());
    headers.set(dead_letter::ORIGINAL_SUBJECT, "inventory.reserved");
    headers.set(dead_letter::ORIGINAL_HEADERS, "{}");
    let subject = "dead_letters.payment-service".to_owned();
    Message { subject, headers, payload: body.to_owned().into() }
}

/// Parks, then settles, as a worker does.
async fn handle(log: &JetStream, delivery: &impl Delivery, fails: &[u64]) {
    let message = delivery.message();
    let letter_of = message.headers.get(redrive::LETTER).and_then(|letter| letter.parse().ok()).unwrap_or(0);
    if fails.contains(&letter_of) {
        let letter = letter("payment-charge", "REDRIVE", message.sequence, "rejected", RESERVED);
        let parked = log.publish(&letter, None).await.unwrap().sequence;
        delivery.terminate(&dead_letter::parked_as(parked)).await.unwrap();
    } else {
        delivery.ack().await.unwrap();
    }
}
