//! The two brokers, and what every test of them needs.

use std::time::Duration;

use async_nats::jetstream;
use events::catalogue::every_consumer;
use messaging::{
    headers::{Headers, MSG_ID},
    jetstream::{ConnectOptions, JetStream},
    log::{Consumer, Delivery, Log, Message, Reader, Stored},
    topology::{self, TopologyOptions},
};
use testkit::{
    Broker,
    simulated::{NetFaults, SimBroker, SimLog},
};

/// Long enough on a loaded machine; on the simulated clock it costs nothing.
pub(crate) const SOON: Duration = Duration::from_secs(20);
/// How long nothing must happen for a test to believe that nothing will.
pub(crate) const QUIET: Duration = Duration::from_millis(400);
/// What tests take for a short time in which the broker waits or remembers.
pub(crate) const SHORT: Duration = Duration::from_secs(1);

/// A broker that is set up.
pub(crate) trait Rig {
    /// A connection to it.
    type Log: Log;

    /// Starts one.
    async fn start() -> Self;

    /// A connection of a process's own.
    async fn client(&self, name: &str) -> Self::Log;

    /// Messages of the consumer are handed out again [`SHORT`]ly.
    async fn shorten_ack_wait(&self, durable: &str);

    /// The stream forgets ids [`SHORT`]ly.
    async fn shorten_window(&self, stream: &str);

    /// Spoils every snapshot there is.
    async fn damage_snapshots(&self, journal: &str, sequence: u64);
}

/// A real nats-server.
pub(crate) struct Real(Broker);

impl Real {
    async fn raw(&self) -> jetstream::Context {
        jetstream::new(async_nats::connect(self.0.url()).await.unwrap())
    }
}

impl Rig for Real {
    type Log = JetStream;

    async fn start() -> Self {
        let rig = Self(testkit::broker().await);
        let options = TopologyOptions { max_bytes: 64 << 20, ..TopologyOptions::default() };
        topology::setup(&rig.client("setup").await, &options).await.unwrap();
        rig
    }

    async fn client(&self, name: &str) -> JetStream {
        let (urls, service, instance) = (self.0.url(), "test".to_owned(), name.to_owned());
        let js = JetStream::connect(ConnectOptions { urls, service, instance }).await.unwrap();
        js.connected().wait_for(|connected| *connected).await.unwrap();
        js
    }

    async fn shorten_ack_wait(&self, durable: &str) {
        let def = every_consumer().find(|def| def.durable == durable).unwrap();
        let mut config = topology::consumer(def);
        config.ack_wait = SHORT;
        self.raw().await.create_consumer_on_stream(config, def.stream).await.unwrap();
    }

    async fn shorten_window(&self, stream: &str) {
        let raw = self.raw().await;
        let mut config = raw.get_stream(stream).await.unwrap().cached_info().config.clone();
        config.duplicate_window = SHORT;
        raw.update_stream(config).await.unwrap();
    }

    async fn damage_snapshots(&self, journal: &str, _sequence: u64) {
        let bucket = format!("journal-snapshots-{journal}");
        let stream = self.raw().await.get_stream(format!("OBJ_{bucket}")).await.unwrap();
        stream.purge().filter(format!("$O.{bucket}.C.>")).await.unwrap();
    }
}

/// The simulated one.
pub(crate) struct Simulated(SimBroker);

impl Rig for Simulated {
    type Log = SimLog;

    async fn start() -> Self {
        Self(SimBroker::new(1, NetFaults::none()))
    }

    async fn client(&self, name: &str) -> SimLog {
        self.0.client(name)
    }

    async fn shorten_ack_wait(&self, durable: &str) {
        self.0.set_ack_wait(durable, SHORT);
    }

    async fn shorten_window(&self, stream: &str) {
        self.0.set_duplicate_window(stream, SHORT);
    }

    async fn damage_snapshots(&self, journal: &str, sequence: u64) {
        self.0.damage_snapshot(journal, sequence);
    }
}

/// Makes each behaviour two tests, one per broker.
macro_rules! on_both {
    ($($behaviour:ident),+ $(,)?) => {
        mod real {
            use crate::rig::{Real, Rig};
            $(#[tokio::test]
            async fn $behaviour() {
                super::$behaviour(&Real::start().await).await;
            })+
        }

        mod simulated {
            use crate::rig::{Rig, Simulated};
            $(#[tokio::test(start_paused = true)]
            async fn $behaviour() {
                super::$behaviour(&Simulated::start().await).await;
            })+
        }
    };
}
pub(crate) use on_both;

/// A message without an id.
pub(crate) fn anonymous(subject: &str, body: &str) -> Message {
    let payload = body.to_owned().into_bytes().into();
    Message { subject: subject.to_owned(), headers: Headers::new(), payload }
}

/// A message with an id, which is its body as well.
pub(crate) fn message(subject: &str, id: &str) -> Message {
    let mut message = anonymous(subject, id);
    message.headers.set(MSG_ID, id);
    message
}

/// So many messages, with ids.
pub(crate) fn messages(subject: &str, count: usize) -> Vec<Message> {
    (1..=count).map(|n| message(subject, &format!("{subject}-{n}"))).collect()
}

/// The bodies as text.
pub(crate) fn bodies<'a>(messages: impl IntoIterator<Item = &'a Stored>) -> Vec<String> {
    messages.into_iter().map(|message| String::from_utf8_lossy(&message.payload).into_owned()).collect()
}

/// Reads until there are so many.
pub(crate) async fn read<R: Reader>(reader: &mut R, count: usize) -> Vec<Stored> {
    let mut seen = Vec::new();
    while seen.len() < count {
        let more = tokio::time::timeout(SOON, reader.next_batch(count - seen.len())).await;
        seen.extend(more.unwrap_or_else(|_| panic!("{} of {count} messages came", seen.len())));
    }
    seen
}

/// Takes one delivery.
pub(crate) async fn take<C: Consumer>(consumer: &mut C) -> C::Delivery {
    take_many(consumer, 1).await.remove(0)
}

/// Takes so many deliveries, and never more than so many at once.
pub(crate) async fn take_many<C: Consumer>(consumer: &mut C, count: usize) -> Vec<C::Delivery> {
    let mut taken = Vec::new();
    while taken.len() < count {
        let more = tokio::time::timeout(SOON, consumer.next(count - taken.len())).await;
        taken.extend(more.unwrap_or_else(|_| panic!("{} of {count} deliveries came", taken.len())));
    }
    taken
}

/// Nothing is handed out for a while.
pub(crate) async fn nothing_comes<C: Consumer>(consumer: &mut C) {
    let came = tokio::time::timeout(QUIET, consumer.next(1)).await;
    let came = came.map(|deliveries| bodies(deliveries.iter().map(Delivery::message)));
    assert!(came.is_err(), "{came:?} came");
}
