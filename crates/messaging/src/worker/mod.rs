//! Workers: competing consumers that do I/O for each event, any number of replicas.
//!
//! A handler returns an [`Outcome`]; it does not ack, publish or sleep. The shell publishes the outcome
//! by group commit, waits for the broker's word, and only then settles the input. It never takes more
//! messages than it has free slots, and none while the handler is not [ready](Handler::ready): that is the
//! backpressure.
//!
//! | what | where |
//! |---|---|
//! | when messages are taken, and how a worker stops | `run` |
//! | one message from its arrival to its settlement | `process` |
//! | one attempt at it | `attempt` |
//! | which deliveries were failed attempts | `recall`, `in_hand` |
//! | what is done about a message that kills its process | [`Isolation`] |
//! | when a failed attempt is repeated | [`RetryPolicy`] |
//! | what the broker gave up by itself | [`Sweeper`](crate::dead_letter::Sweeper) |

mod attempt;
mod in_hand;
mod isolation;
mod process;
mod recall;
mod retry;
mod run;
mod stamp;

use std::{sync::Arc, time::Duration};

use events::{
    RawEnvelope, StreamEvent,
    catalogue::{self, ConsumerDef},
};

use crate::{
    clock::Clock, commit::GroupCommit, dead_letter::DeadLetters, log::Stored, metrics::Metrics,
    trace::TraceContext,
};

use in_hand::InHand;

pub use isolation::Isolation;
pub use retry::RetryPolicy;
pub use run::Worker;

/// An error of any kind.
pub type BoxError = Box<dyn std::error::Error + Send + Sync>;

/// What a handler is given.
#[derive(Debug)]
pub struct Received<'a> {
    /// The message as it is stored.
    pub message: &'a Stored,
    /// Its envelope; the payload has not been looked at.
    pub envelope: RawEnvelope<'a>,
    /// Which attempt this is: one more than have failed. A delivery that was handed back, and one that is
    /// held, is no failed attempt.
    pub attempt: u64,
    /// Nobody was handed it before. Neither this nor `repeated` holds where that is not known for certain.
    pub first: bool,
    /// An earlier attempt may have had an effect, whether or not anything was heard of it: the message was
    /// begun before and not settled, has been retried, or was put back by an operator.
    pub repeated: bool,
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

    /// Waits until it makes sense to take messages; none is taken before. Asked each time before messages
    /// are taken. Cancel safe: it may be dropped and asked again.
    fn ready(&self) -> impl Future<Output = ()> + Send {
        std::future::ready(())
    }

    /// Handles one message. Called again with the same message after a failure or a crash at any
    /// point, so that whatever it does elsewhere must bear repeating.
    fn handle(&self, received: &Received<'_>) -> impl Future<Output = Outcome<Self::Event>> + Send;
}

impl<H: Handler> Handler for Arc<H> {
    type Event = H::Event;

    fn ready(&self) -> impl Future<Output = ()> + Send {
        H::ready(self)
    }

    fn handle(&self, received: &Received<'_>) -> impl Future<Output = Outcome<Self::Event>> + Send {
        H::handle(self, received)
    }
}

/// The default of [`WorkerConfig::progress`].
const PROGRESS: Duration = Duration::from_secs(10);
/// Messages put back that are handled at once.
const REDRIVEN_AT_ONCE: usize = 4;

/// How a consumer is worked on.
#[derive(Clone)]
pub struct WorkerConfig {
    /// The durable consumer.
    pub consumer: ConsumerDef,
    /// Under which name its dead letters stand, and messages are put back for it.
    pub letters: &'static str,
    /// Messages handled at once by this process.
    pub concurrency: usize,
    /// When failures are retried, and how often.
    pub retry: RetryPolicy,
    /// Who may be handled beside whom.
    pub isolation: Isolation,
    /// Time between two signs of life to the broker while a message is in hand; well below the consumer's
    /// `ack_wait`.
    pub progress: Duration,
    /// The time of day.
    pub clock: Clock,
}

impl WorkerConfig {
    /// The defaults for a consumer.
    #[must_use]
    pub fn new(consumer: ConsumerDef, clock: Clock) -> Self {
        let (letters, retry, isolation) = (consumer.durable, RetryPolicy::default(), Isolation::default());
        Self { consumer, letters, concurrency: 64, retry, isolation, progress: PROGRESS, clock }
    }

    /// The same for what operators put back, a few at a time; `None` if nothing can be put back for it.
    #[must_use]
    pub fn redriving(&self) -> Option<Self> {
        let consumer = catalogue::redrive_of(&self.consumer)?;
        let concurrency = self.concurrency.min(REDRIVEN_AT_ONCE);
        Some(Self { consumer, concurrency, ..self.clone() })
    }
}

/// What all messages under way share.
struct Shared<L, H> {
    log: L,
    config: WorkerConfig,
    handler: H,
    commit: GroupCommit,
    dead_letters: DeadLetters,
    metrics: Metrics,
    in_hand: InHand,
}
