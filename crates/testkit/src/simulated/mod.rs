//! A broker in memory, on tokio's clock, that fails on command: what the simulation runs the real code on.
//!
//! [`SimBroker`] holds the streams and durable consumers of the fleet's topology. Each simulated process talks to it
//! through a [`SimLog`] of its own, which implements the same trait as the connection to a real server does; one
//! conformance suite (`crates/messaging/tests/conformance`) holds both to the same behaviour. [`NetFaults`] says what
//! goes wrong. Everything random follows from the seed, and on a paused clock time passes only while all wait.
//!
//! | file | what it knows |
//! |---|---|
//! | `server` | the whole state behind one lock, and what happens in it at which time |
//! | `stream`, `durable` | a stream, a durable consumer: pure bookkeeping |
//! | `storing`, `handing_out` | what follows from a publish, from an answer, from the clock |
//! | `link`, `connection`, `faults` | the way between a process and the server, and what befalls it |
//! | `client`, `reader`, `consumer`, `beats` | the trait `Log` and its parts |
//! | `dice`, `trace`, `subject` | chance, the readable story of a run, subject filters |

mod beats;
mod client;
mod connection;
mod consumer;
mod dice;
mod durable;
mod faults;
mod handing_out;
mod link;
mod reader;
mod server;
mod storing;
mod stream;
mod subject;
mod trace;

use std::{collections::BTreeMap, fmt, sync::Arc, time::Duration};

use events::{Timestamp, catalogue::every_consumer};
use messaging::{
    log::{Ack, Message, PublishError, Stored},
    topology::{self, TopologyOptions},
};
use tokio::{task::JoinSet, time::Instant};

use connection::Connection;
use durable::Durable;
use server::{Server, Shared};
use stream::Stream;

pub use beats::SimBeats;
pub use client::SimLog;
pub use consumer::{SimConsumer, SimDelivery};
pub use faults::NetFaults;
pub use reader::SimReader;

/// A broker in memory with the fleet's topology. Cheap to clone; clones are the same broker.
#[derive(Clone)]
pub struct SimBroker {
    shared: Arc<Shared>,
    /// Lets happen what is due; ends with the last clone.
    _clock: Arc<JoinSet<()>>,
}

/// What a durable consumer has before it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ConsumerState {
    /// Messages that were never handed out.
    pub pending: u64,
    /// Messages handed out and not settled: how often each was handed out, by sequence.
    pub unacked: BTreeMap<u64, u64>,
}

impl SimBroker {
    /// A broker whose faults, delays and choices follow from the seed.
    ///
    /// # Panics
    /// Outside a tokio runtime.
    #[must_use]
    pub fn new(seed: u64, faults: NetFaults) -> Self {
        let mut server = Server::new(seed, faults);
        for config in topology::streams(&TopologyOptions::default()) {
            server.streams.insert(config.name, Stream::new(config.subjects, config.duplicate_window));
        }
        for def in every_consumer() {
            let config = topology::consumer(def);
            let most = usize::try_from(config.max_ack_pending).unwrap_or(usize::MAX);
            let durable = Durable::new(def.stream, config.filter_subjects, config.ack_wait, most);
            server.durables.insert(def.durable.to_owned(), durable);
        }
        let shared = Arc::new(Shared::new(server));
        let mut clock = JoinSet::new();
        clock.spawn(Arc::clone(&shared).run());
        Self { shared, _clock: Arc::new(clock) }
    }

    /// A connection for one life of one process; the name is for the trace.
    #[must_use]
    pub fn client(&self, name: &str) -> SimLog {
        let mut server = self.shared.lock();
        server.connections.push(Connection::new(name, Instant::now()));
        SimLog { shared: Arc::clone(&self.shared), id: server.connections.len() - 1 }
    }

    /// The faults from now on, for everybody without [faults of their own](SimLog::set_faults).
    pub fn set_faults(&self, faults: NetFaults) {
        self.shared.lock().rewire(|server| server.faults = faults);
    }

    /// Kills the server. Every message stays; of its consumers it forgets the last tenth of a second.
    pub fn kill(&self) {
        self.shared.lock().kill();
    }

    /// Starts it again.
    pub fn start(&self) {
        self.shared.lock().start();
    }

    /// The time of day on the broker's clock.
    #[must_use]
    pub fn now(&self) -> Timestamp {
        self.shared.lock().now().1
    }

    /// Everything a stream holds.
    #[must_use]
    pub fn messages(&self, stream: &str) -> Vec<Stored> {
        self.shared.lock().streams.get(stream).map(|stream| stream.messages().to_vec()).unwrap_or_default()
    }

    /// Stores a message of any kind, past every fault.
    ///
    /// # Errors
    /// See [`PublishError`].
    pub fn publish_raw(&self, message: Message) -> Result<Ack, PublishError> {
        self.shared.lock().publish(vec![message], None)
    }

    /// What a durable consumer has before it; nothing when there is none of that name.
    #[must_use]
    pub fn consumer_state(&self, durable: &str) -> ConsumerState {
        let server = self.shared.lock();
        let durable = server.durables.get(durable);
        ConsumerState {
            pending: durable.map_or(0, |durable| durable.backlog),
            unacked: durable.map(Durable::unacked).unwrap_or_default(),
        }
    }

    /// After how long an unanswered message of a durable consumer is handed out again.
    pub fn set_ack_wait(&self, durable: &str, wait: Duration) {
        if let Some(durable) = self.shared.lock().durables.get_mut(durable) {
            durable.ack_wait = wait;
        }
    }

    /// How long a stream remembers the ids of its messages.
    pub fn set_duplicate_window(&self, stream: &str, window: Duration) {
        if let Some(stream) = self.shared.lock().streams.get_mut(stream) {
            stream.window = window;
        }
    }

    /// Damages a snapshot, if there is such a one.
    pub fn damage_snapshot(&self, journal: &str, sequence: u64) {
        if let Some(snapshot) = self.shared.lock().snapshots.get_mut(&(journal.to_owned(), sequence)) {
            snapshot.damaged = true;
        }
    }

    /// Whether everything that happens is noted from now on.
    pub fn set_trace(&self, on: bool) {
        self.shared.lock().trace.switch(on);
    }

    /// Adds a line to the trace, in its place among the broker's own.
    pub fn note(&self, who: &str, what: impl FnOnce() -> String) {
        // Not under the lock: what is to be said may have to be asked of this broker.
        if self.shared.lock().trace.is_on() {
            let what = what();
            self.shared.lock().note(who, || what);
        }
    }

    /// What happened while the trace was on, one line each: `t=12.345s order-service-1 publish …`.
    #[must_use]
    pub fn trace(&self) -> Vec<String> {
        self.shared.lock().trace.lines()
    }
}

impl fmt::Debug for SimBroker {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("SimBroker").finish_non_exhaustive()
    }
}
