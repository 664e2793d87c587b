//! Snapshots that are written down while the journal goes on, and what goes wrong with them.

use std::{
    sync::{
        Condvar, Mutex,
        atomic::{AtomicBool, AtomicUsize, Ordering},
    },
    time::Duration,
};

use events::{DecodeError, RawEnvelope, Timestamp, TraceId};
use messaging::{
    dead_letter::DeadLetters,
    journal::{Decider, InputStream, Journal, JournalConfig, JournalHandle, Meta, Role},
    log::Log,
    metrics::Metrics,
};
use prometheus::Registry;
use serde::{Deserialize, Serialize, Serializer};
use testkit::eventually;
use tokio::task::JoinSet;
use tokio_util::{sync::CancellationToken, task::TaskTracker};

use crate::{
    journal_faults::{Fault, Faulty},
    support::{Add, Added, Adder, SOON, Sum, add, clock, fleet},
};

/// A state that has added this takes as long to write down as the test likes.
const HELD: u64 = 701;
/// Writing down the first state that has added this panics.
const BREAKS: u64 = 702;

static WRITING: AtomicUsize = AtomicUsize::new(0);
static OPEN: (Mutex<bool>, Condvar) = (Mutex::new(false), Condvar::new());
static BROKE: AtomicBool = AtomicBool::new(false);

fn wait_until_open() {
    drop(OPEN.1.wait_while(OPEN.0.lock().unwrap(), |open| !*open).unwrap());
}

#[derive(Clone, Default, Deserialize)]
struct Watched(Sum);

impl Serialize for Watched {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        if self.0.times.contains_key(&HELD) {
            WRITING.fetch_add(1, Ordering::SeqCst);
            wait_until_open();
        }
        if self.0.times.contains_key(&BREAKS) {
            assert!(BROKE.swap(true, Ordering::SeqCst), "a state that cannot be written down");
        }
        self.0.serialize(serializer)
    }
}

struct Watching;

impl Decider for Watching {
    type State = Watched;
    type Input = Add;
    type Event = Added;

    const STATE_VERSION: u32 = 1;

    fn inputs(&self) -> &'static [InputStream] {
        Adder.inputs()
    }

    fn read_input(&self, raw: &RawEnvelope<'_>) -> Result<Add, DecodeError> {
        Adder.read_input(raw)
    }

    fn read_event(&self, raw: &RawEnvelope<'_>) -> Result<Added, DecodeError> {
        Adder.read_event(raw)
    }

    fn decide(&self, state: &Watched, input: &Add, meta: &Meta) -> Vec<Added> {
        Adder.decide(&state.0, input, meta)
    }

    fn tick(&self, state: &Watched, now: Timestamp) -> Vec<(Added, TraceId)> {
        Adder.tick(&state.0, now)
    }

    fn evolve(&self, state: &mut Watched, event: &Added, meta: &Meta) {
        Adder.evolve(&mut state.0, event, meta);
    }
}

struct Rig {
    handle: JournalHandle<Watched>,
    stop: CancellationToken,
    task: JoinSet<()>,
}

impl Rig {
    async fn start(log: impl Log, instance: &str) -> Self {
        let (registry, tracker) = (Registry::new(), TaskTracker::new());
        let metrics = Metrics::register(&registry).unwrap();
        let dead_letters = DeadLetters::new(log.clone(), "test", &metrics, &tracker);
        let mut config = JournalConfig::new("ORDERS", "orders.control", instance.to_owned(), clock());
        config.snapshot_messages = 5;
        config.snapshot_patience = Duration::from_secs(2);
        let (journal, handle) = Journal::new(log, Watching, config, dead_letters, metrics);
        let (stop, mut task) = (CancellationToken::new(), JoinSet::new());
        let stopped = stop.clone();
        task.spawn(async move { journal.run(stopped).await.unwrap() });
        let mut status = handle.status();
        let leading = status.wait_for(|status| status.role == Role::Leading);
        tokio::time::timeout(SOON, leading).await.expect("it leads in time").unwrap();
        Self { handle, stop, task }
    }

    async fn reaches(&self, total: u64) {
        let sum = async || self.handle.read(|state| state.0.total).await.is_ok_and(|sum| sum == total);
        eventually(SOON, "the sum", sum).await;
    }

    /// Adds more until there is a snapshot, and gives back the sum.
    async fn goes_on_until_a_snapshot(&self, log: &impl Log, mut total: u64) -> u64 {
        let mut number = 1_000;
        eventually(SOON, "a snapshot", async || {
            total += publish(log, number..number + 6).await;
            number += 6;
            self.reaches(total).await;
            log.snapshots("ORDERS").await.is_ok_and(|taken| !taken.is_empty())
        })
        .await;
        total
    }

    async fn retire(mut self) {
        self.stop.cancel();
        let ended = tokio::time::timeout(Duration::from_secs(4), self.task.join_next()).await;
        ended.expect("it hands over at once").unwrap().unwrap();
    }
}

async fn publish(log: &impl Log, numbers: impl Iterator<Item = u64>) -> u64 {
    let mut total = 0;
    for number in numbers {
        log.publish(&add(number), None).await.unwrap();
        total += number;
    }
    total
}

/// With a single thread for tasks, too.
#[tokio::test(flavor = "multi_thread", worker_threads = 1)]
async fn nothing_waits_for_a_snapshot_that_takes_long() {
    let (_broker, js) = fleet().await;
    let first = Rig::start(js.clone(), "a").await;
    let mut total = publish(&js, [HELD].into_iter().chain(100..120)).await;
    eventually(SOON, "a snapshot to be begun", async || WRITING.load(Ordering::SeqCst) > 0).await;
    first.reaches(total).await;
    total += publish(&js, 120..200).await;
    first.reaches(total).await;
    assert_eq!(WRITING.load(Ordering::SeqCst), 1, "one at a time");
    first.retire().await;
    assert!(js.snapshots("ORDERS").await.unwrap().is_empty(), "none is complete");

    *OPEN.0.lock().unwrap() = true;
    OPEN.1.notify_all();
    let second = Rig::start(js.clone(), "b").await;
    second.reaches(total).await;
    total += publish(&js, 200..220).await;
    second.reaches(total).await;
    let taken = async || js.snapshots("ORDERS").await.is_ok_and(|taken| !taken.is_empty());
    eventually(SOON, "a snapshot", taken).await;
    second.retire().await;
    let third = Rig::start(js.clone(), "c").await;
    third.reaches(total).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_snapshot_that_cannot_be_written_down_is_followed_by_one_that_can() {
    let (_broker, js) = fleet().await;
    let rig = Rig::start(js.clone(), "a").await;
    let mut total = publish(&js, [BREAKS].into_iter().chain(100..110)).await;
    eventually(SOON, "it to break", async || BROKE.load(Ordering::SeqCst)).await;
    total = rig.goes_on_until_a_snapshot(&js, total).await;
    rig.retire().await;
    let next = Rig::start(js.clone(), "b").await;
    next.reaches(total).await;
}

/// A store that never answers about one of them, as a client can that has lost track, costs no other.
#[tokio::test]
async fn a_snapshot_whose_storing_never_ends_is_followed_by_others() {
    let (_broker, js) = fleet().await;
    let log = Faulty::new(js.clone());
    log.set(Fault::HoldSnapshot);
    let rig = Rig::start(log.clone(), "a").await;
    let total = publish(&js, 100..120).await;
    log.strikes().await;
    rig.goes_on_until_a_snapshot(&js, total).await;
}

/// A large state is not written down again for a few messages: that would cost more than what they tell.
#[tokio::test]
async fn the_journal_grows_by_as_much_as_a_snapshot_has_before_the_next_one() {
    let (broker, js) = fleet().await;
    let rig = Rig::start(js.clone(), "a").await;
    rig.reaches(publish(&js, (0..1_000).map(|number| 1_000_000_000_000_000 + number)).await).await;
    let taken = js.snapshots("ORDERS").await.unwrap();
    let (newest, before) = (taken[0], taken[1]);
    let context = async_nats::jetstream::new(async_nats::connect(broker.url()).await.unwrap());
    let journal = context.get_stream("ORDERS").await.unwrap();
    let mut written = 0;
    for sequence in before + 1..=newest {
        written += journal.get_raw_message(sequence).await.unwrap().payload.len();
    }
    let snapshot = js.load_snapshot("ORDERS", before).await.unwrap().unwrap().len();
    assert!(written >= snapshot, "{written} bytes after a snapshot of {snapshot}");
    assert!(newest - before < 500, "snapshots are taken at all, not {} messages apart", newest - before);
}

/// What stands in the bucket of the journal's snapshots: messages and bytes.
async fn held(broker: &testkit::Broker) -> (u64, u64) {
    let context = async_nats::jetstream::new(async_nats::connect(broker.url()).await.unwrap());
    let state = context.get_stream("OBJ_journal-snapshots-ORDERS").await.unwrap().cached_info().state.clone();
    (state.messages, state.bytes)
}

/// A leader that is stopped or killed while it stores a snapshot leaves a part of it behind.
#[tokio::test]
async fn snapshots_that_were_not_stored_to_the_end_do_not_fill_the_bucket() {
    let (broker, js) = fleet().await;
    let body = vec![b'x'; 8 << 20];
    let (kept, mut broken_off) = (body.len() as u64 * 4, 0);
    js.save_snapshot("ORDERS", 1, b"state".to_vec()).await.unwrap();
    for sequence in 2..=40 {
        // Whenever the first part of it is there.
        let (before, _) = held(&broker).await;
        let half = js.save_snapshot("ORDERS@2.2", sequence, body.clone());
        let begun = eventually(SOON, "a part of it", async || {
            let (now, _) = held(&broker).await;
            if now == before { Err(format!("{now} messages")) } else { Ok(()) }
        });
        tokio::select! {
            saved = half => saved.unwrap(),
            () = begun => broken_off += 1,
        }
        for old in js.snapshots("ORDERS@2.2").await.unwrap() {
            js.drop_snapshot("ORDERS@2.2", old).await.unwrap();
        }
    }
    assert!(broken_off > 10, "{broken_off} were not stored to the end");
    js.save_snapshot("ORDERS@2.2", 99, body.clone()).await.unwrap();
    let (messages, bytes) = held(&broker).await;
    assert!(bytes < kept, "{messages} messages of {bytes} bytes");
    assert_eq!(js.load_snapshot("ORDERS@2.2", 99).await.unwrap().as_ref(), Some(&body));
    assert_eq!(js.load_snapshot("ORDERS", 1).await.unwrap(), Some(b"state".to_vec()));
}
