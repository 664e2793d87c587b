//! Workers: what becomes of a message, by what its handler says of it.

use std::{
    sync::{
        Arc,
        atomic::{AtomicU64, Ordering},
    },
    time::Duration,
};

use events::catalogue::PAYMENT_REFUND;
use messaging::{
    commit::{CommitConfig, GroupCommit},
    dead_letter::DeadLetters,
    jetstream::JetStream,
    log::{Log, Message},
    worker::{Handler, Outcome, Received, RetryPolicy, Worker, WorkerConfig},
};
use testkit::eventually;
use tokio::task::JoinSet;
use tokio_util::{sync::CancellationToken, task::TaskTracker};

use crate::support::{Add, Added, SOON, add, clock, connect, fleet, metrics};

/// Does as the number says: 1 succeeds, 2 fails twice first, 3 always fails, 4 is refused, 5 panics,
/// 6 is held three times, anything else succeeds.
struct Obedient {
    calls: Arc<AtomicU64>,
}

impl Handler for Obedient {
    type Event = Added;

    async fn handle(&self, received: &Received<'_>) -> Outcome<Added> {
        let calls = self.calls.fetch_add(1, Ordering::SeqCst);
        let number = serde_json::from_str::<Add>(received.envelope.data.get()).unwrap().number;
        match number {
            2 if received.attempt <= 2 => Outcome::Retry("not yet".into()),
            3 => Outcome::Retry("never".into()),
            4 => Outcome::Reject("no".into()),
            5 => panic!("as told"),
            6 if calls < 3 => {
                Outcome::Hold { reason: "down".to_owned(), retry_in: Duration::from_millis(10) }
            }
            _ => Outcome::Publish(vec![Added { number }]),
        }
    }
}

struct Running {
    calls: Arc<AtomicU64>,
    stop: CancellationToken,
    task: JoinSet<()>,
}

fn start(js: &JetStream) -> Running {
    let (metrics, tracker, calls) = (metrics(), TaskTracker::new(), Arc::new(AtomicU64::new(0)));
    let commit = GroupCommit::spawn(js.clone(), CommitConfig::for_stream("REQUESTS"), &metrics, &tracker);
    let dead_letters = DeadLetters::new(js.clone(), "test", &metrics, &tracker);
    let mut config = WorkerConfig::new(PAYMENT_REFUND, clock());
    config.retry =
        RetryPolicy { first: Duration::from_millis(5), longest: Duration::from_millis(20), max_attempts: 4 };
    let handler = Obedient { calls: Arc::clone(&calls) };
    let worker = Worker::new(js.clone(), config, handler, commit, dead_letters, metrics);
    let (stop, abandon, mut task) = (CancellationToken::new(), CancellationToken::new(), JoinSet::new());
    let stopped = stop.clone();
    task.spawn(worker.run(stopped, abandon));
    Running { calls, stop, task }
}

/// An input for the consumer, and `Added` publishes to `orders.created`, which ORDERS stores as well.
fn input(number: u64) -> Message {
    let mut message = add(number);
    message.subject = "orders.refund_requested".to_owned();
    message
}

async fn outcomes(js: &JetStream) -> u64 {
    let mut count = 0;
    for sequence in 1..=js.extent("ORDERS").await.unwrap().last {
        let message = js.get("ORDERS", sequence).await.unwrap().unwrap();
        count += u64::from(message.subject == "orders.created");
    }
    count
}

#[tokio::test]
async fn success_retry_and_hold_end_in_one_outcome_each() {
    let (_broker, js) = fleet().await;
    let running = start(&js);
    for number in [1, 2, 6] {
        js.publish(&input(number), None).await.unwrap();
    }
    eventually(SOON, "three outcomes", async || outcomes(&js).await == 3).await;
    assert_eq!(js.extent("DEAD_LETTERS").await.unwrap().last, 0);
    assert!(running.calls.load(Ordering::SeqCst) >= 5);
}

#[tokio::test]
async fn exhausted_rejected_panicking_and_undecodable_messages_are_parked() {
    let (_broker, js) = fleet().await;
    let _running = start(&js);
    for number in [3, 4, 5] {
        js.publish(&input(number), None).await.unwrap();
    }
    let mut nonsense = input(9);
    nonsense.payload = vec![0xff, 0xfe].into();
    js.publish(&nonsense, None).await.unwrap();
    js.publish(&input(1), None).await.unwrap();
    eventually(SOON, "four dead letters", async || {
        js.extent("DEAD_LETTERS").await.is_ok_and(|e| e.last == 4)
    })
    .await;
    eventually(SOON, "one outcome", async || outcomes(&js).await == 1).await;
    let mut causes = Vec::new();
    for sequence in 1..=4 {
        let letter = js.get("DEAD_LETTERS", sequence).await.unwrap().unwrap();
        assert_eq!(letter.subject, "dead_letters.test");
        assert_eq!(letter.headers.get("Fleet-Original-Stream"), Some("ORDERS"));
        causes.push(letter.headers.get("Fleet-Cause").unwrap().to_owned());
    }
    causes.sort();
    assert_eq!(causes, ["exhausted", "panicked", "rejected", "undecodable"]);
}

#[tokio::test]
async fn stopping_finishes_what_is_in_hand_and_another_worker_does_the_rest() {
    let (broker, js) = fleet().await;
    let mut first = start(&connect(&broker, "first").await);
    for number in 100..=400 {
        js.publish(&input(number), None).await.unwrap();
    }
    eventually(SOON, "a beginning", async || first.calls.load(Ordering::SeqCst) > 10).await;
    first.stop.cancel();
    tokio::time::timeout(SOON, first.task.join_next()).await.unwrap().unwrap().unwrap();
    let _second = start(&connect(&broker, "second").await);
    eventually(SOON, "all outcomes", async || outcomes(&js).await == 301).await;
}

#[tokio::test]
async fn outcomes_survive_a_broker_that_is_killed_under_load() {
    let (broker, js) = fleet().await;
    let _running = start(&connect(&broker, "worker").await);
    for number in 100..=300 {
        js.publish(&input(number), None).await.unwrap();
    }
    broker.kill().await.unwrap();
    broker.restart().await.unwrap();
    js.connected().wait_for(|connected| *connected).await.unwrap();
    eventually(Duration::from_secs(60), "all outcomes", async || {
        js.extent("ORDERS").await.is_ok_and(|extent| extent.last == 402)
    })
    .await;
    assert_eq!(outcomes(&js).await, 201);
}
