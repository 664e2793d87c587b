//! For tests of services: to see what is stored, to be the other services, and to read settings.
//!
//! What fails here is the test's set-up, so everything panics with the reason instead of returning errors.
#![expect(clippy::expect_used, reason = "a failed setup fails the test")]

pub mod golden;

use std::{
    borrow::Cow,
    sync::atomic::{AtomicU64, Ordering},
    time::Duration,
};

use clap::{Args, Command};
use events::{Envelope, EventData, Money, OrderId, Timestamp, TraceId, ids};
use messaging::{
    jetstream::{ConnectOptions, JetStream},
    log::{Ack, Log, Message, PublishError, Stored},
    topology::{self, TopologyOptions},
    trace::TraceContext,
};
use uuid::Uuid;

/// Long enough for anything that is going to happen.
pub const SOON: Duration = Duration::from_secs(30);
/// The trace of every [`event`].
pub const TRACE: TraceId = TraceId([5; 16]);
/// When every [`event`] says it happened: some day in 2023.
const HAPPENED: Timestamp = Timestamp(1_700_000_000_000_000);
/// In bytes; more than the streams of a test hold.
const ROOMY: i64 = 64 << 20;

/// The fleet's streams on a broker, seen by a test.
#[derive(Clone)]
pub struct Streams {
    /// The test's own connection to them.
    pub log: JetStream,
}

impl Streams {
    /// Connects to a broker and sets it up.
    ///
    /// # Panics
    /// When it is no broker.
    pub async fn set_up(url: &str) -> Self {
        let streams = Self { log: connect(url).await };
        streams.resize(ROOMY).await;
        streams
    }

    /// Lets the streams take so many bytes each.
    ///
    /// # Panics
    /// When the broker refuses.
    pub async fn resize(&self, max_bytes: i64) {
        let options = TopologyOptions { max_bytes, ..TopologyOptions::default() };
        topology::setup(&self.log, &options).await.expect("the broker can be set up");
    }

    /// The last sequence of a stream: how many messages were ever stored in it.
    ///
    /// # Panics
    /// When the broker is away.
    pub async fn last(&self, stream: &str) -> u64 {
        self.log.extent(stream).await.expect("the broker answers").last
    }

    /// What is stored in a stream, oldest first.
    ///
    /// # Panics
    /// When the broker is away.
    pub async fn all(&self, stream: &str) -> Vec<Stored> {
        let mut found = Vec::new();
        for sequence in 1..=self.last(stream).await {
            found.extend(self.log.get(stream, sequence).await.expect("the broker answers"));
        }
        found
    }

    /// What is stored in a stream under a subject, oldest first.
    ///
    /// # Panics
    /// When the broker is away.
    pub async fn of(&self, stream: &str, subject: &str) -> Vec<Stored> {
        let mut found = self.all(stream).await;
        found.retain(|message| message.subject == subject);
        found
    }

    /// Publishes an event or request as another service would, each time as another message.
    ///
    /// # Panics
    /// When the broker does not take it.
    pub async fn publish<D: EventData>(&self, data: &D) -> Ack {
        self.try_publish(data).await.expect("the broker takes the event")
    }

    /// Like [`Streams::publish`], to a broker that may not take it.
    ///
    /// # Errors
    /// The broker did not take it.
    pub async fn try_publish<D: EventData>(&self, data: &D) -> Result<Ack, PublishError> {
        static COUNT: AtomicU64 = AtomicU64::new(0);
        let count = COUNT.fetch_add(1, Ordering::Relaxed).to_string();
        let id = ids::derive(&["test", D::TYPE, &count]);
        self.log.publish(&event(id, data), None).await
    }
}

/// Connects to a broker, whether or not it is set up.
///
/// # Panics
/// When the address is none.
pub async fn connect(url: &str) -> JetStream {
    let options =
        ConnectOptions { urls: url.to_owned(), service: "test".to_owned(), instance: "test".to_owned() };
    let log = JetStream::connect(options).await.expect("that is a broker's address");
    log.connected().wait_for(|connected| *connected).await.expect("the connection is kept up");
    log
}

/// An event as another service would publish it, or a request.
#[must_use]
pub fn event<D: EventData>(id: Uuid, data: &D) -> Message {
    let envelope = Envelope {
        id,
        kind: Cow::Borrowed(D::TYPE),
        version: D::VERSION,
        aggregate_id: Cow::Owned(data.aggregate_id()),
        timestamp: HAPPENED,
        trace_id: TRACE,
        causation_id: Uuid::nil(),
        data,
    };
    Message::event(&envelope, &TraceContext::unsampled(TRACE))
}

/// The order of that number.
#[must_use]
pub fn order(number: u128) -> OrderId {
    OrderId(Uuid::from_u128(number))
}

/// So many cents.
///
/// # Panics
/// Never: EUR is a currency.
#[must_use]
pub fn euros(amount: i64) -> Money {
    Money { amount, currency: "EUR".parse().expect("EUR is a currency") }
}

/// Reads a service's settings from the words of a command line, without the program's name.
///
/// # Errors
/// They are refused.
pub fn settings<C: Args>(words: &[&str]) -> Result<C, clap::Error> {
    let command = C::augment_args(Command::new("probe").no_binary_name(true));
    C::from_arg_matches(&command.try_get_matches_from(words)?)
}
