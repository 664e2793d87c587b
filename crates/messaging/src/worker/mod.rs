//! Workers: competing consumers that do I/O for each event, any number of replicas.
//!
//! A handler returns an [`Outcome`]; it does not ack, publish or sleep. The shell publishes the outcome
//! by group commit, waits for the broker's word, and only then settles the input. It never holds more
//! messages than it has free slots and a small prefetch: that is the backpressure.

mod process;
mod retry;
mod stamp;

use std::{sync::Arc, time::Duration};

use events::{RawEnvelope, StreamEvent, catalogue::ConsumerDef};
use tokio::{sync::Semaphore, task::JoinSet};
use tokio_util::sync::CancellationToken;
use tracing::{info, warn};

use crate::{
    clock::Clock,
    commit::GroupCommit,
    dead_letter::DeadLetters,
    log::{Consumer, Delivery, Log, Stored},
    metrics::Metrics,
    trace::TraceContext,
};

pub use retry::RetryPolicy;

/// An error of any kind.
pub type BoxError = Box<dyn std::error::Error + Send + Sync>;

/// What a handler is given.
#[derive(Debug)]
pub struct Received<'a> {
    /// The message as it is stored.
    pub message: &'a Stored,
    /// Its envelope; the payload has not been looked at.
    pub envelope: RawEnvelope<'a>,
    /// Which attempt this is: 1 the first time. More than 1 means that an earlier one may have had an
    /// effect, whether or not anything was heard of it.
    pub attempt: u64,
    /// Where in which trace this happens.
    pub trace: TraceContext,
}

/// What a handler makes of a message.
#[derive(Debug)]
pub enum Outcome<E> {
    /// Done; these events follow from it.
    Publish(Vec<E>),
    /// It failed and may succeed later; counts as an attempt.
    Retry(BoxError),
    /// Something it depends on is down, which is no fault of the message: does not count, and never
    /// ends in the dead letters.
    Hold {
        /// What is down.
        reason: String,
        /// When to try again.
        retry_in: Duration,
    },
    /// It can never succeed.
    Reject(BoxError),
}

/// Does the I/O for one kind of event.
pub trait Handler: Send + Sync + 'static {
    /// What its outcomes are.
    type Event: StreamEvent;

    /// Handles one message. Called again with the same message after a failure or a crash at any
    /// point, so that whatever it does elsewhere must bear repeating.
    fn handle(&self, received: &Received<'_>) -> impl Future<Output = Outcome<Self::Event>> + Send;
}

/// How a consumer is worked on.
#[derive(Clone)]
pub struct WorkerConfig {
    /// The durable consumer.
    pub consumer: ConsumerDef,
    /// Messages handled at once by this process.
    pub concurrency: usize,
    /// When failures are retried, and how often.
    pub retry: RetryPolicy,
    /// The time of day.
    pub clock: Clock,
}

impl WorkerConfig {
    /// The defaults for a consumer.
    #[must_use]
    pub fn new(consumer: ConsumerDef, clock: Clock) -> Self {
        Self { consumer, concurrency: 64, retry: RetryPolicy::default(), clock }
    }
}

/// One member of a durable consumer.
pub struct Worker<L, H> {
    log: L,
    shared: Arc<Shared<H>>,
}

/// What all messages under way share.
struct Shared<H> {
    config: WorkerConfig,
    handler: H,
    commit: GroupCommit,
    dead_letters: DeadLetters,
    metrics: Metrics,
}

impl<L: Log, H: Handler> Worker<L, H> {
    /// A worker that does nothing until it [runs](Self::run). `commit` publishes to the outcomes' stream.
    pub fn new(
        log: L,
        config: WorkerConfig,
        handler: H,
        commit: GroupCommit,
        dead_letters: DeadLetters,
        metrics: Metrics,
    ) -> Self {
        Self { log, shared: Arc::new(Shared { config, handler, commit, dead_letters, metrics }) }
    }

    /// Works until `stop`, then finishes what is in hand and hands the rest back; gives up on what is
    /// in hand at `abandon`, which leaves it to be handed out again.
    pub async fn run(self, stop: CancellationToken, abandon: CancellationToken) {
        let config = &self.shared.config;
        let durable = config.consumer.durable;
        let mut consumer = self.log.consume(config.consumer.stream, durable, config.concurrency / 4);
        let slots = Arc::new(Semaphore::new(config.concurrency));
        let mut in_hand = JoinSet::new();
        loop {
            let next = async {
                let slot = Arc::clone(&slots).acquire_owned().await;
                (slot, consumer.next().await)
            };
            let (slot, delivery) = tokio::select! {
                biased;
                () = stop.cancelled() => break,
                next = next => next,
            };
            let (shared, stop) = (Arc::clone(&self.shared), stop.clone());
            in_hand.spawn(async move {
                shared.process(delivery, &stop).await;
                drop(slot);
            });
            while in_hand.try_join_next().is_some() {}
        }
        let rest = consumer.leave();
        info!(consumer = durable, in_hand = in_hand.len(), handed_back = rest.len(), "stopping");
        for delivery in rest {
            // Unsent, it is handed out again all the same, only later.
            let _late = delivery.hand_back(Duration::ZERO).await;
        }
        tokio::select! {
            () = async { while in_hand.join_next().await.is_some() {} } => {}
            () = abandon.cancelled() => warn!(consumer = durable, abandoned = in_hand.len(), "out of time"),
        }
        // A round trip on the same connection proves that the broker has read every ack sent before.
        if let Err(error) = self.log.extent(self.shared.config.consumer.stream).await {
            warn!(consumer = durable, %error, "the last acks may be lost; their messages will come again");
        }
    }
}
