//! A journal that adds numbers up, and what tests need around it.

use std::{
    borrow::Cow,
    collections::{BTreeMap, BTreeSet},
    sync::Arc,
    time::Duration,
};

use events::{DecodeError, Envelope, EventData, RawEnvelope, StreamEvent, Timestamp, TraceId, ids};
use messaging::{
    clock::Clock,
    dead_letter::DeadLetters,
    jetstream::{ConnectOptions, JetStream},
    journal::{Decider, InputStream, Journal, JournalConfig, JournalHandle, Meta, Role},
    log::{Log, Message},
    metrics::Metrics,
    topology::{self, TopologyOptions},
    trace::TraceContext,
};
use prometheus::Registry;
use serde::{Deserialize, Serialize};
use testkit::{Broker, eventually};
use tokio::task::JoinSet;
use tokio_util::{sync::CancellationToken, task::TaskTracker};
use uuid::Uuid;

pub(crate) const SOON: Duration = Duration::from_secs(20);

/// A request to add a number.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub(crate) struct Add {
    pub(crate) number: u64,
}

impl EventData for Add {
    const TYPE: &'static str = "requests.order.place";
    const VERSION: u32 = 1;

    fn aggregate_id(&self) -> String {
        "sum".to_owned()
    }
}

/// A number was added.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub(crate) struct Added {
    pub(crate) number: u64,
}

impl EventData for Added {
    const TYPE: &'static str = "orders.created";
    const VERSION: u32 = 1;

    fn aggregate_id(&self) -> String {
        if self.number == TOO_LARGE { "9".repeat(512 * 1024) } else { "sum".to_owned() }
    }
}

/// A number whose addition cannot be written down: that panics.
pub(crate) const UNSPEAKABLE: u64 = 9_404;

impl StreamEvent for Added {
    fn kind(&self) -> &'static str {
        assert_ne!(self.number, UNSPEAKABLE, "an unspeakable number");
        Self::TYPE
    }

    fn version(&self) -> u32 {
        Self::VERSION
    }

    fn aggregate_id(&self) -> String {
        EventData::aggregate_id(self)
    }
}

/// Asks the adder what time it is: it adds that, in microseconds, at its next tick.
pub(crate) const WHAT_TIME: u64 = 9_010;

/// Numbers that the rules cannot cope with: reading, deciding on, or folding them panics, or too much follows.
pub(crate) const UNREADABLE: u64 = 9_001;
pub(crate) const UNLUCKY: u64 = 13;
pub(crate) const UNFOLDABLE: u64 = 9_002;
pub(crate) const TOO_MANY: u64 = 9_003;
pub(crate) const TOO_LARGE: u64 = 9_004;
/// Numbers after which ticks panic, lead to something that cannot be folded, or to [`TICKS`] times the next number.
pub(crate) const TICKS_PANIC: u64 = 9_005;
pub(crate) const TICKS_BREAK: u64 = 9_006;
pub(crate) const TICKS_A_LOT: u64 = 9_007;
pub(crate) const TICKS: u32 = 250;

/// Adds every number, however often it is asked to; nothing follows from 0.
pub(crate) struct Adder;

#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
pub(crate) struct Sum {
    pub(crate) total: u64,
    pub(crate) times: BTreeMap<u64, u32>,
    pub(crate) put_back: BTreeSet<u64>,
}

impl Sum {
    /// The time that was added, if it was.
    pub(crate) fn told_time(&self) -> Option<Timestamp> {
        let last = self.times.keys().next_back().filter(|number| **number > 1_000_000_000_000);
        last.map(|micros| Timestamp(i64::try_from(*micros).unwrap()))
    }
}

impl Decider for Adder {
    type State = Sum;
    type Input = Add;
    type Event = Added;

    const STATE_VERSION: u32 = 1;

    fn inputs(&self) -> &'static [InputStream] {
        &[InputStream { stream: "REQUESTS", subjects: &["requests.order.>"] }]
    }

    fn read_input(&self, raw: &RawEnvelope<'_>) -> Result<Add, DecodeError> {
        let add: Add = raw.decode_as()?;
        assert_ne!(add.number, UNREADABLE, "a number nobody can read");
        Ok(add)
    }

    fn read_event(&self, raw: &RawEnvelope<'_>) -> Result<Added, DecodeError> {
        raw.decode_as()
    }

    fn decide(&self, _state: &Sum, input: &Add, _meta: &Meta) -> Vec<Added> {
        // No look at the state: an input that is decided on twice must be seen in the sum.
        match input.number {
            0 => Vec::new(),
            UNLUCKY => panic!("an unlucky number"),
            TOO_MANY => vec![Added { number: TOO_MANY }; 101],
            number => vec![Added { number }],
        }
    }

    fn tick(&self, state: &Sum, now: Timestamp) -> Vec<(Added, TraceId)> {
        let times = |number| state.times.get(&number).copied().unwrap_or(0);
        assert_eq!(times(TICKS_PANIC), 0, "a panicking tick");
        let mut numbers = Vec::new();
        if times(WHAT_TIME) > 0 && state.told_time().is_none() {
            numbers.push(now.0.unsigned_abs());
        }
        if times(TICKS_BREAK) > 0 {
            numbers.push(UNFOLDABLE);
        }
        if times(TICKS_A_LOT) > 0 {
            numbers.extend((times(TICKS_A_LOT + 1)..TICKS).map(|_| TICKS_A_LOT + 1));
        }
        numbers.into_iter().map(|number| (Added { number }, TraceId([1; 16]))).collect()
    }

    fn evolve(&self, state: &mut Sum, event: &Added, meta: &Meta) {
        state.total += event.number;
        assert_ne!(event.number, UNFOLDABLE, "a number nobody can fold");
        *state.times.entry(event.number).or_default() += 1;
        state.put_back.extend(meta.put_back.then_some(event.number));
    }
}

/// A broker that is set up, and a connection to it.
pub(crate) async fn fleet() -> (Broker, JetStream) {
    let broker = testkit::broker().await;
    let js = connect(&broker, "test").await;
    setup(&js).await;
    (broker, js)
}

pub(crate) async fn setup(js: &JetStream) {
    let options = TopologyOptions { max_bytes: 64 << 20, ..TopologyOptions::default() };
    topology::setup(js, &options).await.unwrap();
}

pub(crate) async fn connect(broker: &Broker, instance: &str) -> JetStream {
    let options =
        ConnectOptions { urls: broker.url(), service: "test".to_owned(), instance: instance.to_owned() };
    let js = JetStream::connect(options).await.unwrap();
    js.connected().wait_for(|connected| *connected).await.unwrap();
    js
}

pub(crate) fn metrics() -> Metrics {
    Metrics::register(&Registry::new()).unwrap()
}

pub(crate) fn clock() -> Clock {
    Arc::new(|| Timestamp(1_800_000_000_000_000))
}

/// A request to add, as it is published.
pub(crate) fn add(number: u64) -> Message {
    let envelope = Envelope {
        id: ids::derive(&["add", &number.to_string()]),
        kind: Cow::Borrowed(Add::TYPE),
        version: 1,
        aggregate_id: Cow::Borrowed("sum"),
        timestamp: clock()(),
        trace_id: TraceId([1; 16]),
        causation_id: Uuid::nil(),
        data: Add { number },
    };
    Message::event(&envelope, &TraceContext::unsampled(envelope.trace_id))
}

/// A running replica of the adding journal.
pub(crate) struct Replica {
    pub(crate) handle: JournalHandle<Sum>,
    pub(crate) stop: CancellationToken,
    pub(crate) task: JoinSet<()>,
    registry: Registry,
}

impl Replica {
    pub(crate) fn start(log: impl Log, instance: &str) -> Self {
        Self::start_with(log, instance, |_config| {})
    }

    pub(crate) fn start_with(log: impl Log, instance: &str, tune: impl FnOnce(&mut JournalConfig)) -> Self {
        Self::of(Adder, log, instance, tune)
    }

    /// A replica with other rules.
    pub(crate) fn of(
        decider: impl Decider<State = Sum>,
        log: impl Log,
        instance: &str,
        tune: impl FnOnce(&mut JournalConfig),
    ) -> Self {
        let (registry, tracker) = (Registry::new(), TaskTracker::new());
        let metrics = Metrics::register(&registry).unwrap();
        let dead_letters = DeadLetters::new(log.clone(), "test", &metrics, &tracker);
        let mut config = JournalConfig::new("ORDERS", "orders.control", instance.to_owned(), clock());
        tune(&mut config);
        let (journal, handle) = Journal::new(log, decider, config, dead_letters, metrics);
        let stop = CancellationToken::new();
        let mut task = JoinSet::new();
        let stopped = stop.clone();
        task.spawn(async move { journal.run(stopped).await.unwrap() });
        Self { handle, stop, task, registry }
    }

    pub(crate) async fn leads(&self) {
        let mut status = self.handle.status();
        let leading = status.wait_for(|status| status.role == Role::Leading);
        tokio::time::timeout(SOON, leading).await.expect("it leads in time").unwrap();
    }

    pub(crate) fn is_leading(&self) -> bool {
        self.handle.status().borrow().role == Role::Leading
    }

    pub(crate) async fn sum(&self) -> Sum {
        self.handle.read(Sum::clone).await.unwrap()
    }

    /// Waits until the sum is so much.
    pub(crate) async fn reaches(&self, total: u64) {
        eventually(SOON, "the sum", async || {
            let sum = self.handle.read(Sum::clone).await.map_err(|error| error.to_string())?;
            if sum.total == total { Ok(()) } else { Err(format!("{} instead of {total}", sum.total)) }
        })
        .await;
    }

    /// Waits until so many ticks have come to nothing.
    pub(crate) async fn fails_ticks(&self, count: u64) {
        let counted = |family: &prometheus::proto::MetricFamily| {
            let found = family.name() == "journal_failed_ticks_total";
            found.then(|| {
                family.get_metric().iter().map(|metric| metric.get_counter().get_value()).sum::<f64>()
            })
        };
        eventually(SOON, "failed ticks", async || {
            #[expect(clippy::cast_precision_loss, reason = "a handful")]
            let enough = count as f64;
            self.registry.gather().iter().find_map(counted).is_some_and(|failed| failed >= enough)
        })
        .await;
    }

    /// Ends it without a word, as `kill -9` would.
    pub(crate) async fn vanish(mut self) {
        self.task.shutdown().await;
    }

    /// Stops it in good order.
    pub(crate) async fn retire(mut self) {
        self.stop.cancel();
        self.task.join_next().await.unwrap().unwrap();
    }
}

/// Every event of the journal in order: (sequence, type, number).
pub(crate) async fn journal_numbers(js: &JetStream) -> Vec<(u64, u64)> {
    let mut numbers = Vec::new();
    for sequence in 1..=js.extent("ORDERS").await.unwrap().last {
        let message = js.get("ORDERS", sequence).await.unwrap().unwrap();
        let raw = RawEnvelope::parse(&message.payload).unwrap();
        if let Ok(added) = raw.decode_as::<Added>() {
            numbers.push((sequence, added.number));
        }
    }
    numbers
}
