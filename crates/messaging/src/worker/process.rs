//! One message from its arrival to its settlement.

use std::time::Duration;

use events::RawEnvelope;
use tokio::time::Instant;
use tokio_util::sync::CancellationToken;
use tracing::{Instrument, Span, info_span, warn};

use super::{Handler, Received, Shared, attempt::Next, in_hand::InHandGuard, recall::Recalled};
use crate::{
    dead_letter::{self, Cause, Failure},
    error_chain,
    log::{Attempts, Delivery, Log, Unavailable},
    topology::REDRIVE,
    trace,
};

/// What one message comes to.
#[derive(Debug, Clone, Copy)]
pub(super) enum Verdict {
    Done,
    Parked,
    /// There is no time for it here; somebody may have it after the delay.
    HandBack(Duration),
}

impl Verdict {
    fn as_str(self) -> &'static str {
        match self {
            Self::Done => "done",
            Self::Parked => "parked",
            Self::HandBack(_) => "handed_back",
        }
    }
}

impl<L: Log, H: Handler> Shared<L, H> {
    /// Handles a delivery and settles it: after `stop` without further attempts, after `abandon` at once.
    pub(super) async fn process<D: Delivery>(
        &self,
        delivery: &D,
        stop: &CancellationToken,
        abandon: &CancellationToken,
    ) {
        let durable = self.config.consumer.durable;
        let backlog = i64::try_from(delivery.backlog()).unwrap_or(i64::MAX);
        self.metrics.worker.backlog.with_label_values(&[durable]).set(backlog);
        let Some(_held) = self.take_in_hand(delivery) else { return };
        let started = Instant::now();
        let verdict = tokio::select! {
            verdict = self.settle(delivery, stop, abandon) => verdict,
            never = keep_alive(delivery, self.config.progress) => never,
        };
        self.metrics
            .worker
            .seconds
            .with_label_values(&[durable, verdict.as_str()])
            .observe(started.elapsed().as_secs_f64());
        if !matches!(verdict, Verdict::HandBack(_)) {
            let age = (self.config.clock)().since(delivery.message().timestamp);
            self.metrics.handled(durable, age);
        }
    }

    /// Takes the message in hand until what is returned is dropped; `None` if it is already.
    pub(super) fn take_in_hand(&self, delivery: &impl Delivery) -> Option<InHandGuard<'_>> {
        let in_flight = self.metrics.worker.in_flight.with_label_values(&[self.config.consumer.durable]);
        self.in_hand.take(delivery, in_flight)
    }

    async fn settle<D: Delivery>(
        &self,
        delivery: &D,
        stop: &CancellationToken,
        abandon: &CancellationToken,
    ) -> Verdict {
        let at_once = Verdict::HandBack(Duration::ZERO);
        let Some(recalled) = stop.run_until_cancelled(self.recall(delivery)).await else {
            self.hand_back_unread(delivery).await;
            return at_once;
        };
        let mut attempts = recalled.attempts;
        let work = self.work(delivery, &recalled, &mut attempts, stop);
        let verdict = abandon.run_until_cancelled(work).await.unwrap_or(at_once);
        if let Verdict::HandBack(delay) = verdict {
            self.hand_back(delivery, &attempts, delay).await;
        }
        verdict
    }

    async fn work<D: Delivery>(
        &self,
        delivery: &D,
        recalled: &Recalled,
        attempts: &mut Attempts,
        stop: &CancellationToken,
    ) -> Verdict {
        if recalled.condemned {
            let error = "the process died each time it was handled, the last times with nothing else in hand";
            return self.park(delivery, Cause::Crashed, error.to_owned(), attempts.failed, attempts).await;
        }
        let message = delivery.message();
        let envelope = match RawEnvelope::parse(&message.payload) {
            Ok(envelope) => envelope,
            Err(error) => {
                let tries = attempts.failed + 1;
                return self.park(delivery, Cause::Undecodable, error_chain(&error), tries, attempts).await;
            }
        };
        let trace = trace::of_message(message, envelope.trace_id);
        let repeated = attempts.begun || delivery.stream() == REDRIVE;
        let (attempt, first) = (attempts.failed + 1, delivery.is_first() && !repeated);
        let mut received = Received { message, envelope, attempt, first, repeated, trace };
        let span = self.span(&received);
        let mut pauses = self.config.retry.pauses();
        async {
            loop {
                match self.attempt(delivery, &mut received, attempts, &mut pauses, recalled.suspect).await {
                    Next::Over(verdict) => return verdict,
                    Next::Again(pause) => {
                        let paused = stop.run_until_cancelled(tokio::time::sleep(pause));
                        if self.in_hand_until(delivery, attempts, paused).await.is_none() {
                            return Verdict::HandBack(pause);
                        }
                    }
                }
            }
        }
        .instrument(span)
        .await
    }

    /// Parks the message, and only when that is stored ends it.
    pub(super) async fn park<D: Delivery>(
        &self,
        delivery: &D,
        cause: Cause,
        error: String,
        tries: u64,
        attempts: &Attempts,
    ) -> Verdict {
        let (message, stream, consumer) = (delivery.message(), delivery.stream(), self.config.letters);
        let first_failure = attempts.first_failure.unwrap_or_else(|| (self.config.clock)());
        let attempts = tries.saturating_add(dead_letter::attempts_before(message));
        let failure = Failure { message, stream, consumer, cause, error, attempts, first_failure };
        let letter = self.dead_letters.park(&failure).await;
        tell(delivery.terminate(&dead_letter::parked_as(letter)).await);
        Verdict::Parked
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
async fn keep_alive<D: Delivery>(delivery: &D, every: Duration) -> Verdict {
    loop {
        tokio::time::sleep(every).await;
        tell(delivery.in_progress().await);
    }
}

/// An answer the broker did not take means that the message comes again, which handlers must bear.
pub(super) fn tell(sent: Result<(), Unavailable>) {
    if let Err(error) = sent {
        warn!(%error, "the broker did not hear of the settlement; the message will come again");
    }
}
