//! A worker whose handler does as the test says, and a look at its consumer.

use std::{
    sync::{Arc, Mutex},
    time::Duration,
};

use async_nats::jetstream::{self, consumer::pull, stream::Config};
use events::catalogue::{ConsumerDef, PAYMENT_REFUND};
use futures_util::future::BoxFuture;
use messaging::{
    commit::{CommitConfig, GroupCommit},
    dead_letter::DeadLetters,
    jetstream::JetStream,
    log::{Log, Message, Stored},
    worker::{Handler, Outcome, Received, RetryPolicy, Worker, WorkerConfig},
};
use testkit::{Broker, eventually};
use tokio::{sync::watch, task::JoinSet};
use tokio_util::{sync::CancellationToken, task::TaskTracker};

use crate::support::{Add, Added, SOON, add, clock, metrics};

/// One call of a handler.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Call {
    pub(crate) number: u64,
    pub(crate) attempt: u64,
    pub(crate) repeated: bool,
}

type Act = dyn Fn(Call) -> BoxFuture<'static, Outcome<Added>> + Send + Sync;

struct Told {
    calls: Arc<Mutex<Vec<Call>>>,
    open: watch::Receiver<bool>,
    act: Box<Act>,
}

impl Handler for Told {
    type Event = Added;

    async fn ready(&self) {
        self.open.clone().wait_for(|open| *open).await.unwrap();
    }

    async fn handle(&self, received: &Received<'_>) -> Outcome<Added> {
        let number = serde_json::from_str::<Add>(received.envelope.data.get()).unwrap().number;
        let call = Call { number, attempt: received.attempt, repeated: received.repeated };
        self.calls.lock().unwrap().push(call);
        (self.act)(call).await
    }
}

/// A running worker on [`PAYMENT_REFUND`], unless it is tuned to another consumer.
pub(crate) struct Member {
    calls: Arc<Mutex<Vec<Call>>>,
    /// Whether the handler is ready for more.
    pub(crate) open: watch::Sender<bool>,
    pub(crate) stop: CancellationToken,
    pub(crate) abandon: CancellationToken,
    task: JoinSet<()>,
}

impl Member {
    pub(crate) fn start<F: Future<Output = Outcome<Added>> + Send + 'static>(
        js: &JetStream,
        act: impl Fn(Call) -> F + Send + Sync + 'static,
    ) -> Self {
        Self::start_with(js, |_config| {}, act)
    }

    pub(crate) fn start_with<F: Future<Output = Outcome<Added>> + Send + 'static>(
        js: &JetStream,
        tune: impl FnOnce(&mut WorkerConfig),
        act: impl Fn(Call) -> F + Send + Sync + 'static,
    ) -> Self {
        let (metrics, tracker, calls) = (metrics(), TaskTracker::new(), Arc::default());
        let commit = GroupCommit::spawn(js.clone(), CommitConfig::for_stream("REQUESTS"), &metrics, &tracker);
        let dead_letters = DeadLetters::new(js.clone(), "test", &metrics, &tracker);
        let mut config = WorkerConfig::new(PAYMENT_REFUND, clock());
        let (first, longest) = (Duration::from_millis(5), Duration::from_millis(20));
        config.retry = RetryPolicy { first, longest, max_attempts: 5 };
        config.progress = Duration::from_millis(200);
        tune(&mut config);
        let (open, gate) = watch::channel(true);
        let act: Box<Act> = Box::new(move |call| Box::pin(act(call)));
        let handler = Told { calls: Arc::clone(&calls), open: gate, act };
        let worker = Worker::new(js.clone(), config, handler, commit, dead_letters, metrics);
        let (stop, abandon, mut task) = (CancellationToken::new(), CancellationToken::new(), JoinSet::new());
        task.spawn(worker.run(stop.clone(), abandon.clone()));
        Self { calls, open, stop, abandon, task }
    }

    pub(crate) fn calls(&self) -> Vec<Call> {
        self.calls.lock().unwrap().clone()
    }

    pub(crate) async fn called(&self, times: usize) {
        eventually(SOON, "calls", async || {
            let calls = self.calls();
            if calls.len() >= times { Ok(()) } else { Err(calls) }
        })
        .await;
    }

    /// Stops it in good order.
    pub(crate) async fn retire(mut self) {
        self.stop.cancel();
        tokio::time::timeout(SOON, self.task.join_next()).await.expect("it ends").unwrap().unwrap();
    }

    /// Ends it without a word, as `kill -9` would.
    pub(crate) async fn vanish(mut self) {
        self.task.shutdown().await;
    }
}

/// An input for the worker. What it publishes, `Added`, is stored in ORDERS as well.
pub(crate) fn input(number: u64) -> Message {
    let mut message = add(number);
    message.subject = "orders.refund_requested".to_owned();
    message
}

pub(crate) async fn outcomes(js: &JetStream) -> u64 {
    let mut count = 0;
    for sequence in 1..=js.extent("ORDERS").await.unwrap().last {
        let message = js.get("ORDERS", sequence).await.unwrap().unwrap();
        count += u64::from(message.subject == "orders.created");
    }
    count
}

pub(crate) async fn has_outcomes(js: &JetStream, expected: u64) {
    eventually(SOON, "the outcomes", async || {
        let count = outcomes(js).await;
        if count == expected { Ok(()) } else { Err(format!("{count} instead of {expected}")) }
    })
    .await;
}

/// Waits for so many letters, and gives them.
pub(crate) async fn letters(js: &JetStream, count: u64) -> Vec<Stored> {
    eventually(SOON, "the letters", async || {
        js.extent("DEAD_LETTERS").await.is_ok_and(|extent| extent.last == count)
    })
    .await;
    let mut letters = Vec::new();
    for sequence in 1..=count {
        letters.push(js.get("DEAD_LETTERS", sequence).await.unwrap().unwrap());
    }
    letters
}

pub(crate) async fn context(broker: &Broker) -> jetstream::Context {
    jetstream::new(async_nats::connect(broker.url()).await.unwrap())
}

/// Lets a stream hold so many bytes.
pub(crate) async fn room(broker: &Broker, stream: &str, max_bytes: i64) {
    let context = context(broker).await;
    let config = context.get_stream(stream).await.unwrap().cached_info().config.clone();
    context.update_stream(Config { max_bytes, ..config }).await.unwrap();
}

/// The state of a consumer.
pub(crate) async fn state(broker: &Broker, def: &ConsumerDef) -> jetstream::consumer::Info {
    let stream = context(broker).await.get_stream(def.stream).await.unwrap();
    stream.consumer_info(def.durable).await.unwrap()
}

/// Changes a consumer behind everybody's back.
pub(crate) async fn change(broker: &Broker, def: &ConsumerDef, change: impl FnOnce(&mut pull::Config)) {
    let stream = context(broker).await.get_stream(def.stream).await.unwrap();
    let mut consumer: jetstream::consumer::PullConsumer = stream.get_consumer(def.durable).await.unwrap();
    let existing = consumer.info().await.unwrap().config.clone();
    let mut config = pull::Config {
        durable_name: existing.durable_name,
        filter_subject: existing.filter_subject,
        filter_subjects: existing.filter_subjects,
        ack_wait: existing.ack_wait,
        max_deliver: existing.max_deliver,
        max_ack_pending: existing.max_ack_pending,
        ..pull::Config::default()
    };
    change(&mut config);
    stream.create_consumer(config).await.unwrap();
}

/// Makes the broker wait for an answer less long than it does in production.
pub(crate) async fn impatient(broker: &Broker) {
    change(broker, &PAYMENT_REFUND, |config| config.ack_wait = Duration::from_secs(1)).await;
}
