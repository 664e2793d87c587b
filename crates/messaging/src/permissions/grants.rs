//! From what an identity is for to the subjects that takes.
//!
//! Everything at the broker is a subject: storing an event, asking for the next message, settling it, making a
//! stream. Names of consumers stand in subjects; filters and contents of requests do not.

use std::collections::BTreeSet;

use events::catalogue::{self, ConsumerDef, every_consumer};

use super::Identity;
use crate::{
    jetstream::{ATTEMPTS_STREAM, attempts_subject, beat_subject, inbox_prefix, snapshot_bucket},
    topology,
};

/// What one user of the broker may do; everything else is refused.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Permissions {
    /// Subjects it may publish to.
    pub publish: BTreeSet<String>,
    /// Exceptions from these.
    pub never: BTreeSet<String>,
    /// Subjects it may subscribe to.
    pub subscribe: BTreeSet<String>,
}

/// What the user of the server itself may do: ask servers how they are, and hear what they say of themselves. It has no
/// part in the fleet, though without limits it could remove all of it.
pub(super) fn of_the_server() -> Permissions {
    let set = |subjects: &[&str]| subjects.iter().map(|&subject| subject.to_owned()).collect();
    Permissions {
        publish: set(&["$SYS.REQ.SERVER.PING", "$SYS.REQ.SERVER.PING.>", "$SYS.REQ.ACCOUNT.PING.>"]),
        subscribe: set(&["$SYS.>", "_INBOX.>", "_INBOX_sys.>"]),
        never: BTreeSet::new(),
    }
}

pub(super) fn of(identity: &Identity) -> Permissions {
    let mut granted = Permissions::default();
    // Answers come to a private inbox: with a common one everybody could read everybody's.
    granted.subscribe.insert(format!("{}.>", inbox_prefix(identity.name)));
    granted.publish.extend(identity.writes.iter().cloned());
    if identity.sets_up {
        granted.set_up();
    } else {
        // Whoever works or reads makes sure first that the buckets are there.
        granted.ask("STREAM.INFO", &[ATTEMPTS_STREAM]);
    }
    if identity.backs_up {
        granted.back_up();
    }
    for stream in &identity.looks_at {
        granted.ask("STREAM.INFO", &[stream]);
    }
    for stream in &identity.reads {
        granted.read(stream, &identity.works);
    }
    for consumer in &identity.works {
        granted.work(consumer);
    }
    if let Some(journal) = identity.journal {
        granted.lead(journal);
    }
    granted
}

impl Permissions {
    fn ask(&mut self, request: &str, about: &[&str]) {
        self.publish.insert(format!("$JS.API.{request}.{}", about.join(".")));
    }

    /// A stream, from any place, by consumers without a name that the server forgets by itself, and message by
    /// message. The server does not let a consumer that is made without a name have one, so that nobody's is touched.
    fn read(&mut self, stream: &str, own: &[ConsumerDef]) {
        self.ask("STREAM.INFO", &[stream]);
        self.ask("STREAM.MSG.GET", &[stream]);
        self.ask("CONSUMER.CREATE", &[stream]);
        self.ask("CONSUMER.INFO", &[stream, "*"]);
        self.ask("CONSUMER.MSG.NEXT", &[stream, "*"]);
        let of_others = every_consumer().filter(|def| def.stream == stream && !own.contains(def));
        self.never.extend(of_others.map(|def| format!("$JS.API.CONSUMER.MSG.NEXT.{stream}.{}", def.durable)));
    }

    /// A durable consumer, and what is remembered of attempts at its messages.
    fn work(&mut self, consumer: &ConsumerDef) {
        let ConsumerDef { stream, durable, .. } = *consumer;
        self.ask("STREAM.INFO", &[stream]);
        self.ask("STREAM.MSG.GET", &[stream]);
        self.ask("CONSUMER.INFO", &[stream, durable]);
        self.ask("CONSUMER.MSG.NEXT", &[stream, durable]);
        // The server is about to change what acknowledgements look like; until then it uses the first form.
        self.publish.insert(format!("$JS.ACK.{stream}.{durable}.>"));
        self.publish.insert(format!("$JS.ACK.*.*.{stream}.{durable}.>"));
        if catalogue::CONSUMERS.contains(consumer) || catalogue::REDRIVES.contains(consumer) {
            self.ask("STREAM.MSG.GET", &[ATTEMPTS_STREAM]);
            self.publish.insert(attempts_subject(durable, "*"));
        }
    }

    /// A journal: its beats, and its snapshots, of which old ones are thrown away.
    fn lead(&mut self, journal: &str) {
        self.publish.insert(beat_subject(journal));
        self.subscribe.insert(beat_subject(journal));
        let bucket = snapshot_bucket(journal);
        let stream = format!("OBJ_{bucket}");
        self.publish.extend([format!("$O.{bucket}.C.*"), format!("$O.{bucket}.M.*")]);
        self.ask("STREAM.INFO", &[&stream]);
        self.ask("STREAM.PURGE", &[&stream]);
        self.ask("STREAM.MSG.GET", &[&stream]);
        // The client names the consumers it reads the bucket with once a connection broke, and takes them away.
        self.ask("CONSUMER.CREATE", &[&stream]);
        self.ask("CONSUMER.CREATE", &[&stream, ">"]);
        self.ask("CONSUMER.DELETE", &[&stream, "*"]);
        self.ask("CONSUMER.INFO", &[&stream, "*"]);
        // The server waits for a word of the reader now and then.
        self.publish.extend([format!("$JS.FC.{stream}.>"), format!("$JS.FC.*.*.{stream}.>")]);
    }

    /// The server's own snapshots of what there is; it sends on when it is told that a part has arrived.
    fn back_up(&mut self) {
        for stream in topology::stream_names() {
            self.ask("STREAM.SNAPSHOT", &[&stream]);
            self.publish.insert(format!("$JS.SNAPSHOT.ACK.{stream}.>"));
        }
    }

    /// What must exist, by name: nothing can be deleted or emptied.
    fn set_up(&mut self) {
        for stream in topology::stream_names() {
            for request in ["STREAM.INFO", "STREAM.CREATE", "STREAM.UPDATE"] {
                self.ask(request, &[&stream]);
            }
        }
        for def in every_consumer() {
            self.ask("CONSUMER.INFO", &[def.stream, def.durable]);
            self.ask("CONSUMER.CREATE", &[def.stream, def.durable]);
        }
    }
}
