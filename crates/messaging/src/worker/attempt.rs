//! One attempt at a message: the handler is asked, and what it says is done.

use std::{panic::AssertUnwindSafe, time::Duration};

use events::DecodeError;
use futures_util::{FutureExt, future::join_all};
use tokio::time::timeout;
use tracing::{Span, debug, warn};

use super::{
    Handler, Outcome, Received, Shared,
    isolation::IsolationGuard,
    process::{Verdict, tell},
    recall::NOTE_AGAIN,
    retry::Pauses,
    stamp,
};
use crate::{
    commit::CommitError,
    dead_letter::Cause,
    error_chain,
    log::{Attempts, Delivery, Log},
    trace,
};

/// Pause before outcomes are published again that the broker did not take.
const REPUBLISH: Duration = Duration::from_millis(500);
/// How long a message that is to be handled alone waits at a time until the handler is ready.
const READY: Duration = Duration::from_secs(1);
/// Pause before it waits again.
const NOT_READY: Duration = Duration::from_millis(100);

/// What comes next for a message whose attempt is over.
pub(super) enum Next {
    Again(Duration),
    Over(Verdict),
}

/// What an attempt came to.
enum Ended {
    /// Its outcomes are stored.
    Done,
    /// It failed and counts; the cause is that of the letter should it have been the last one.
    Failed(Cause, String),
    /// It does not count.
    Held(Duration),
    /// No further one can succeed.
    Hopeless(Cause, String),
}

impl<L: Log, H: Handler> Shared<L, H> {
    pub(super) async fn attempt<D: Delivery>(
        &self,
        delivery: &D,
        received: &mut Received<'_>,
        attempts: &mut Attempts,
        pauses: &mut Pauses,
        alone: bool,
    ) -> Next {
        let durable = self.config.consumer.durable;
        let Some(guard) = self.acquire_isolation(delivery, attempts, alone).await else {
            self.metrics.worker.attempt(durable, "held");
            return Next::Again(NOT_READY);
        };
        attempts.begun = true;
        let tried = AssertUnwindSafe(self.try_once(received)).catch_unwind();
        let ended = self.in_hand_until(delivery, attempts, tried).await;
        let ended = ended.unwrap_or_else(|_| Ended::Failed(Cause::Panicked, "handling it panicked".into()));
        self.note_survived(delivery, attempts).await;
        drop(guard);
        match ended {
            Ended::Done => {
                self.metrics.worker.attempt(durable, "done");
                tell(delivery.ack().await);
                Next::Over(Verdict::Done)
            }
            Ended::Held(pause) => {
                self.metrics.worker.attempt(durable, "held");
                Next::Again(pause)
            }
            Ended::Hopeless(cause, error) => {
                self.metrics.worker.attempt(durable, "rejected");
                let tries = attempts.failed + 1;
                Next::Over(self.park(delivery, cause, error, tries, attempts).await)
            }
            Ended::Failed(cause, error) => {
                self.failed(delivery, received, attempts, pauses, (cause, error)).await
            }
        }
    }

    /// Counts a failure: another attempt follows, unless it was the last one.
    async fn failed<D: Delivery>(
        &self,
        delivery: &D,
        received: &mut Received<'_>,
        attempts: &mut Attempts,
        pauses: &mut Pauses,
        (cause, error): (Cause, String),
    ) -> Next {
        self.metrics.worker.attempt(self.config.consumer.durable, "failed");
        attempts.failed += 1;
        attempts.first_failure.get_or_insert_with(|| (self.config.clock)());
        if attempts.failed >= self.config.retry.max_attempts {
            return Next::Over(self.park(delivery, cause, error, attempts.failed, attempts).await);
        }
        let pause = pauses.next();
        warn!(attempt = received.attempt, error, pause_ms = pause.as_millis(), "attempt failed");
        received.attempt = attempts.failed + 1;
        (received.first, received.repeated) = (false, true);
        Next::Again(pause)
    }

    /// Waits until the attempt may begin, and is noted if it has to be. While it cannot be noted, others may have
    /// their turn. `None` if it is to be made alone and the handler is not ready: whoever waits for what is down would
    /// be alone all the while, and dying then would be held against it.
    async fn acquire_isolation<D: Delivery>(
        &self,
        delivery: &D,
        attempts: &mut Attempts,
        alone: bool,
    ) -> Option<IsolationGuard<'_>> {
        if !alone {
            let turn = self.config.isolation.acquire(false);
            return Some(self.in_hand_until(delivery, attempts, turn).await);
        }
        loop {
            timeout(READY, self.handler.ready()).await.ok()?;
            let guard = self.config.isolation.acquire(true).await;
            // Others may have found out meanwhile.
            self.handler.ready().now_or_never()?;
            attempts.alone = attempts.alone || self.note_alone(delivery, attempts).await;
            if attempts.alone {
                return Some(guard);
            }
            drop(guard);
            tokio::time::sleep(NOTE_AGAIN).await;
        }
    }

    async fn try_once(&self, received: &Received<'_>) -> Ended {
        match self.handler.handle(received).await {
            Outcome::Publish(events) => match self.publish(&events, received).await {
                Ok(()) => Ended::Done,
                Err(refusal) => Ended::Hopeless(Cause::Rejected, error_chain(&refusal)),
            },
            Outcome::Retry(error) => Ended::Failed(Cause::Exhausted, error_chain(&*error)),
            Outcome::Hold { reason, retry_in } => {
                debug!(reason, "held until what it depends on is back");
                Ended::Held(retry_in)
            }
            Outcome::Reject(error) => {
                let cause = if error.is::<DecodeError>() { Cause::Undecodable } else { Cause::Rejected };
                Ended::Hopeless(cause, error_chain(&*error))
            }
        }
    }

    /// Publishes the outcomes, again and again while the broker is away: what was done must be said.
    async fn publish(&self, events: &[H::Event], received: &Received<'_>) -> Result<(), CommitError> {
        let trace = trace::continue_in(&Span::current(), &received.trace);
        let at = (self.config.clock)();
        let message = |(index, event)| stamp::outcome(event, received, index, &trace, at);
        let messages: Vec<_> = events.iter().enumerate().map(message).collect();
        loop {
            let stored = join_all(messages.iter().map(|message| self.commit.publish(message.clone()))).await;
            match stored.into_iter().find_map(Result::err) {
                None => return Ok(()),
                Some(refusal @ CommitError::Refused(_)) => return Err(refusal),
                Some(error @ (CommitError::Unavailable(_) | CommitError::Full | CommitError::Overloaded)) => {
                    warn!(%error, "the outcome is not stored yet");
                    tokio::time::sleep(REPUBLISH).await;
                }
            }
        }
    }
}
