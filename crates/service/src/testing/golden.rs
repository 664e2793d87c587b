//! Golden snapshots of a journal: what earlier releases have stored must be read by this one.
//!
//! A story of a few inputs makes a journal, and half of it a snapshot. Both stand in the service's folder `golden`, the
//! snapshot under its version. A release whose snapshots look different has to give them another version, and has to go
//! on reading those of the version before: see `docs/OPERATIONS.md`. `UPDATE=1` writes what is missing or different.

use std::{borrow::Cow, collections::BTreeMap, env, fs, path::Path, time::Duration};

use events::{Envelope, StreamEvent, Timestamp, catalogue::StreamDef, ids};
use messaging::{
    headers::{CONTENT_TYPE, EPOCH, Headers, JSON, POSITIONS},
    journal::{Control, Decider, Meta, Place, Positions, replay},
    log::Stored,
};
use serde::{Deserialize, Serialize};
use serde_json::{Value, value::RawValue};
use uuid::Uuid;

use super::{HAPPENED, TRACE};

/// The journal's file.
const JOURNAL: &str = "journal.jsonl";
/// What every snapshot's name begins with; its version follows.
const SNAPSHOT: &str = "snapshot-";
/// Length of the digest and the line end before a snapshot's JSON.
const DIGEST: usize = 65;

/// What happens to the journal next.
#[derive(Debug)]
pub enum Step<I> {
    /// An input of this stream is decided on.
    Decide(&'static str, I),
    /// An input of this stream cannot be read, and becomes a dead letter.
    Park(&'static str),
}

/// Checks that the story still makes the same journal and the same snapshot, and that every snapshot there is, of
/// whichever version, leads to the state that the whole journal leads to.
///
/// # Panics
/// When it does not.
pub fn check<D: Decider>(decider: &D, stream: StreamDef, folder: &Path, story: &[Step<D::Input>]) {
    let messages = Writer::new(decider, stream).write(story);
    let control = stream.control.expect("the stream is a journal");
    let half = replay(decider, control, None, &messages[..messages.len() / 2]).expect("half of it folds");
    let lines: Vec<String> = messages.iter().map(Line::write).collect();
    agrees(&folder.join(JOURNAL), &(lines.join("\n") + "\n"));
    let text = String::from_utf8(half.snapshot).expect("a snapshot is text");
    agrees(&folder.join(name_of(&text)), &text);

    let whole = replay(decider, control, None, &messages).expect("the whole of it folds");
    let state = serde_json::to_value(&whole.state).expect("states are JSON");
    let mut read = 0;
    for entry in fs::read_dir(folder).expect("the folder is there") {
        let path = entry.expect("the folder can be read").path();
        let name = path.file_name().map(|name| name.to_string_lossy().into_owned()).unwrap_or_default();
        if !name.starts_with(SNAPSHOT) {
            continue;
        }
        let body = fs::read(&path).expect("a golden file can be read");
        let resumed = replay(decider, control, Some(&body), &messages)
            .unwrap_or_else(|error| panic!("{name} must be read by every later release: {error}"));
        assert!(
            resumed.after > 0 && resumed.after < whole.sequence,
            "{name} is of the middle of the journal"
        );
        let found = serde_json::to_value(&resumed.state).expect("states are JSON");
        assert_eq!(found, state, "{name} leads elsewhere than the journal itself");
        assert_eq!(
            (resumed.positions, resumed.sequence),
            (whole.positions.clone(), whole.sequence),
            "{name}"
        );
        // What else is in it, as what is parked, stands in the next snapshot.
        assert_eq!(resumed.snapshot, whole.snapshot, "{name} leads elsewhere than the journal itself");
        read += 1;
    }
    assert!(read > 0, "there are golden snapshots");
}

fn agrees(path: &Path, text: &str) {
    if env::var_os("UPDATE").is_some() {
        fs::create_dir_all(path.parent().expect("it is in a folder")).expect("the folder can be made");
        fs::write(path, text).expect("the file can be written");
    }
    let stored = fs::read_to_string(path)
        .unwrap_or_else(|error| panic!("{}: {error}; UPDATE=1 writes it", path.display()));
    assert_eq!(
        stored,
        text,
        "{} is not what is stored today: what is stored may not change under the same version",
        path.display()
    );
}

fn name_of(snapshot: &str) -> String {
    let json: Value = serde_json::from_str(&snapshot[DIGEST..]).expect("a snapshot is JSON");
    format!("{SNAPSHOT}{}.{}", json["format"], json["state_version"])
}

/// A line of the journal's file.
#[derive(Serialize, Deserialize)]
struct Line<'a> {
    sequence: u64,
    subject: &'a str,
    headers: BTreeMap<String, Vec<String>>,
    #[serde(borrow)]
    body: &'a RawValue,
}

impl Line<'_> {
    fn write(message: &Stored) -> String {
        let body = serde_json::from_slice(&message.payload).expect("a body is JSON");
        let Stored { sequence, subject, headers, .. } = message;
        let line = Line { sequence: *sequence, subject, headers: headers.iter().collect(), body };
        serde_json::to_string(&line).expect("a line is JSON")
    }
}

/// Leads a journal that exists in memory only.
struct Writer<'a, D: Decider> {
    decider: &'a D,
    stream: StreamDef,
    state: D::State,
    positions: Positions,
    messages: Vec<Stored>,
    now: Timestamp,
}

impl<'a, D: Decider> Writer<'a, D> {
    fn new(decider: &'a D, stream: StreamDef) -> Self {
        let (state, positions) = (D::State::default(), Positions::default());
        Self { decider, stream, state, positions, messages: Vec::new(), now: HAPPENED }
    }

    fn write(mut self, story: &[Step<D::Input>]) -> Vec<Stored> {
        self.say(&Control::Fence { instance: "golden".to_owned(), epoch: 1 });
        for step in story {
            self.now = self.now.after(Duration::from_secs(1));
            match step {
                Step::Decide(stream, input) => self.decide(stream, input),
                Step::Park(stream) => {
                    let input = Place { stream: (*stream).to_owned(), sequence: self.read(stream) };
                    let id = Some(ids::derive(&["golden", stream, &input.sequence.to_string()]));
                    self.say(&Control::Parked { epoch: 1, input, id });
                    self.seal();
                }
            }
        }
        self.messages
    }

    /// Reads the next input of a stream.
    fn read(&mut self, stream: &str) -> u64 {
        let sequence = self.positions.get(stream) + 1;
        self.positions.set(stream, sequence);
        sequence
    }

    fn decide(&mut self, stream: &str, input: &D::Input) {
        let name = format!("{stream}:{}", self.read(stream));
        let meta =
            Meta { id: ids::derive(&["golden", &name]), at: self.now, trace_id: TRACE, put_back: false };
        let events = self.decider.decide(&self.state, input, &meta);
        for (index, event) in events.iter().enumerate() {
            let id = ids::derive(&[self.stream.name, &name, &index.to_string()]);
            self.store(id, event.kind(), event.version(), event.aggregate_id(), meta.id, event);
            let meta = Meta { id, ..meta };
            self.decider.evolve(&mut self.state, event, &meta);
        }
        if !events.is_empty() {
            self.seal();
        }
    }

    fn say(&mut self, control: &Control) {
        let subject = self.stream.control.expect("the stream is a journal");
        let id = ids::derive(&["golden", "control", &self.messages.len().to_string()]);
        let about = self.stream.name.to_owned();
        self.store(id, subject, events::catalogue::CONTROL_VERSION, about, Uuid::nil(), control);
    }

    fn store(
        &mut self,
        id: Uuid,
        kind: &str,
        version: u32,
        about: String,
        cause: Uuid,
        data: impl Serialize,
    ) {
        let envelope = Envelope {
            id,
            kind: Cow::Borrowed(kind),
            version,
            aggregate_id: Cow::Owned(about),
            timestamp: self.now,
            trace_id: TRACE,
            causation_id: cause,
            data: &data,
        };
        let payload = envelope.to_body().into();
        let mut headers = Headers::new();
        headers.set(CONTENT_TYPE, JSON);
        headers.set(EPOCH, "1");
        let (sequence, subject) = (self.messages.len() as u64 + 1, kind.to_owned());
        self.messages.push(Stored { sequence, timestamp: self.now, subject, headers, payload });
    }

    fn seal(&mut self) {
        if let Some(last) = self.messages.last_mut() {
            last.headers.set(POSITIONS, self.positions.to_string());
        }
    }
}
