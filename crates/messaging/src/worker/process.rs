//! One message from its arrival to its settlement.

use std::{panic::AssertUnwindSafe, time::Duration};

use events::RawEnvelope;
use futures_util::{FutureExt, future::join_all};
use tokio::time::Instant;
use tokio_util::sync::CancellationToken;
use tracing::{Instrument, Span, debug, info_span, warn};

use super::{Handler, Outcome, Received, Shared, stamp};
use crate::{
    commit::CommitError,
    dead_letter::{Cause, Failure, chain},
    log::Delivery,
    trace,
};

/// Time between two signs of life to the broker; well below the consumer's `ack_wait`.
const PROGRESS: Duration = Duration::from_secs(10);
/// Pause before outcomes are published again that the broker did not take.
const REPUBLISH: Duration = Duration::from_millis(500);

/// How a message was settled, for the metric.
enum Settled {
    Done,
    HandedBack,
    Parked,
}

impl Settled {
    fn as_str(&self) -> &'static str {
        match self {
            Self::Done => "done",
            Self::HandedBack => "handed_back",
            Self::Parked => "parked",
        }
    }
}

/// What comes next for a message whose attempt is over.
enum Next {
    Again(Duration),
    Over(Settled),
}

impl<H: Handler> Shared<H> {
    /// Handles a delivery and settles it.
    pub(super) async fn process<D: Delivery>(&self, delivery: D, stop: &CancellationToken) {
        let durable = self.config.consumer.durable;
        let in_flight = self.metrics.in_flight.with_label_values(&[durable]);
        let backlog = i64::try_from(delivery.backlog()).unwrap_or(i64::MAX);
        self.metrics.backlog.with_label_values(&[durable]).set(backlog);
        in_flight.inc();
        let started = Instant::now();
        let settled = tokio::select! {
            settled = self.settle(&delivery, stop) => settled,
            never = keep_alive(&delivery) => never,
        };
        self.metrics
            .process_seconds
            .with_label_values(&[durable, settled.as_str()])
            .observe(started.elapsed().as_secs_f64());
        in_flight.dec();
    }

    async fn settle<D: Delivery>(&self, delivery: &D, stop: &CancellationToken) -> Settled {
        let message = delivery.message();
        let envelope = match RawEnvelope::parse(&message.payload) {
            Ok(envelope) => envelope,
            Err(error) => {
                return self.park(delivery, Cause::Undecodable, chain(&error), delivery.deliveries()).await;
            }
        };
        let trace = trace::of_message(message, envelope.trace_id);
        let mut received = Received { message, envelope, attempt: delivery.deliveries(), trace };
        let span = self.span(&received);
        self.attempts(delivery, &mut received, stop).instrument(span).await
    }

    async fn attempts<D: Delivery>(
        &self,
        delivery: &D,
        received: &mut Received<'_>,
        stop: &CancellationToken,
    ) -> Settled {
        let mut pauses = self.config.retry.pauses();
        loop {
            let pause = match self.attempt(delivery, received, &mut pauses).await {
                Next::Over(settled) => return settled,
                Next::Again(pause) => pause,
            };
            tokio::select! {
                () = tokio::time::sleep(pause) => {}
                () = stop.cancelled() => {
                    settle(delivery.hand_back(pause).await);
                    return Settled::HandedBack;
                }
            }
        }
    }

    async fn attempt<D: Delivery>(
        &self,
        delivery: &D,
        received: &mut Received<'_>,
        pauses: &mut super::retry::Pauses,
    ) -> Next {
        let handled = AssertUnwindSafe(self.handler.handle(received)).catch_unwind().await;
        let outcome = handled.unwrap_or_else(|_panic| Outcome::Retry("the handler panicked".into()));
        match outcome {
            Outcome::Publish(events) => match self.publish(&events, received).await {
                Ok(()) => {
                    settle(delivery.ack().await);
                    Next::Over(Settled::Done)
                }
                Err(refusal) => {
                    Next::Over(self.park(delivery, Cause::Rejected, chain(&refusal), received.attempt).await)
                }
            },
            Outcome::Retry(error) => {
                let error = chain(&*error);
                if received.attempt >= self.config.retry.max_attempts {
                    return Next::Over(self.park(delivery, Cause::Exhausted, error, received.attempt).await);
                }
                let pause = pauses.next();
                warn!(attempt = received.attempt, error, pause_ms = pause.as_millis(), "attempt failed");
                received.attempt += 1;
                Next::Again(pause)
            }
            Outcome::Hold { reason, retry_in } => {
                debug!(reason, "held until what it depends on is back");
                Next::Again(retry_in)
            }
            Outcome::Reject(error) => {
                Next::Over(self.park(delivery, Cause::Rejected, chain(&*error), received.attempt).await)
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

    /// Parks the message, and only when that is stored ends it.
    async fn park<D: Delivery>(&self, delivery: &D, cause: Cause, error: String, attempts: u64) -> Settled {
        let (message, stream) = (delivery.message(), delivery.stream());
        let consumer = self.config.consumer.durable;
        self.dead_letters.park(&Failure { message, stream, consumer, cause, error, attempts }).await;
        settle(delivery.terminate(cause.as_str()).await);
        Settled::Parked
    }

    fn span(&self, received: &Received<'_>) -> Span {
        let kind = received.envelope.kind.as_ref();
        let span = info_span!(
            "process",
            otel.name = format!("process {kind}"),
            otel.kind = "consumer",
            messaging.system = "nats",
            messaging.operation.name = "process",
            messaging.destination.name = kind,
            messaging.consumer.group.name = self.config.consumer.durable,
            messaging.message.id = %received.envelope.id,
            order_id = received.envelope.aggregate_id.as_ref(),
        );
        trace::adopt(&span, &received.trace);
        span
    }
}

/// Tells the broker now and then that the message is still being worked on.
async fn keep_alive<D: Delivery>(delivery: &D) -> Settled {
    loop {
        tokio::time::sleep(PROGRESS).await;
        settle(delivery.in_progress().await);
    }
}

/// An answer the broker did not take means that the message comes again, which handlers must bear.
fn settle(sent: Result<(), crate::log::Unavailable>) {
    if let Err(error) = sent {
        warn!(%error, "the broker did not hear of the settlement; the message will come again");
    }
}
