//! What is done about each event: a card is charged, or its money given back.
//!
//! | the gateway | the outcome |
//! |---|---|
//! | captured, declined or refunded | that event |
//! | is down, or did not take the request | hold: nothing is wrong with the payment |
//! | may or may not have done it | retry under the same key, after looking it up; hold when it is not this payment alone |
//! | refuses for good, or did something else | reject |

#[cfg(test)]
mod tests;

use std::{
    collections::BTreeSet,
    future::Future,
    sync::{Arc, Mutex, MutexGuard, PoisonError},
    time::Duration,
};

use events::{
    inventory::StockReserved,
    orders::RefundRequested,
    payments::{PaymentCaptured, PaymentDeclined, PaymentEvent, PaymentRefunded},
};
use messaging::{
    clock::Clock,
    worker::{Handler, Outcome, Received},
};
use tokio::time::{Instant, timeout_at};
use tracing::{debug, warn};
use uuid::Uuid;

use crate::{
    gateway::{
        self, BreakerState, ChargeOutcome, ChargeRequest, Gateway, GatewayError, Guarded, RefundRequest,
        is_first_attempt,
    },
    metrics::Metrics,
};

/// How long a payment waits for a gateway that is down before it is held. Bounded, so that the worker sees it move and
/// can stop.
const PATIENCE: Duration = Duration::from_secs(5);
/// Pause before a held payment is taken up again, where it waits for the gateway itself.
const HOLD: Duration = Duration::from_millis(100);
/// Pause after the gateway did not take a request although it was not held to be down.
const NOT_TAKEN: Duration = Duration::from_secs(1);

/// What charges and refunds share: the one gateway.
pub struct Payments<G> {
    gateway: Guarded<G>,
    clock: Clock,
    metrics: Metrics,
    /// Messages held although an attempt of theirs may have had an effect: holding counts no attempt, so it is
    /// remembered here that they must be looked up. As many as are in hand at most; they are forgotten with the
    /// process, after which their second delivery says the same.
    unsettled: Mutex<BTreeSet<Uuid>>,
}

/// Charges the card for what inventory has set aside.
pub struct Charge<G>(pub Arc<Payments<G>>);

/// Gives back the money of a cancelled order.
pub struct Refund<G>(pub Arc<Payments<G>>);

impl<G: Gateway> Handler for Charge<G> {
    type Event = PaymentEvent;

    async fn handle(&self, received: &Received<'_>) -> Outcome<PaymentEvent> {
        let started = Instant::now();
        let outcome = match received.envelope.decode_as::<StockReserved>() {
            Ok(reserved) => self.0.charge(received, reserved).await,
            Err(error) => Outcome::Reject(error.into()),
        };
        self.0.note(outcome, started)
    }
}

impl<G: Gateway> Handler for Refund<G> {
    type Event = PaymentEvent;

    async fn handle(&self, received: &Received<'_>) -> Outcome<PaymentEvent> {
        let started = Instant::now();
        let outcome = match received.envelope.decode_as::<RefundRequested>() {
            Ok(requested) => self.0.refund(received, requested).await,
            Err(error) => Outcome::Reject(error.into()),
        };
        self.0.note(outcome, started)
    }
}

impl<G: Gateway> Payments<G> {
    /// Payments through `gateway`; `clock` tells the age of what is to be paid.
    pub fn new(gateway: Guarded<G>, clock: Clock, metrics: Metrics) -> Self {
        Self { gateway, clock, metrics, unsettled: Mutex::default() }
    }

    async fn charge(&self, received: &Received<'_>, reserved: StockReserved) -> Outcome<PaymentEvent> {
        let StockReserved { order_id, customer_id, total, payment_method, lines: _ } = reserved;
        let request = ChargeRequest {
            order_id: order_id.0,
            amount: total.amount,
            currency: total.currency.code().to_owned(),
            payment_method,
            customer_id,
        };
        let answer = self.ask(received, |first| self.gateway.charge_safely(&request, first)).await;
        match answer {
            Ok(ChargeOutcome::Captured { charge_id }) => {
                debug!(charge_id, "captured");
                publish(PaymentCaptured { order_id, charge_id, amount: total })
            }
            Ok(ChargeOutcome::Declined { code }) => {
                debug!(code, "declined");
                self.metrics.declined(&code);
                publish(PaymentDeclined { order_id, code, amount: total })
            }
            Err(setback) => setback,
        }
    }

    async fn refund(&self, received: &Received<'_>, requested: RefundRequested) -> Outcome<PaymentEvent> {
        let RefundRequested { order_id, customer_id, charge_id, amount } = requested;
        let request = RefundRequest {
            order_id: order_id.0,
            charge_id: charge_id.clone(),
            amount: amount.amount,
            currency: amount.currency.code().to_owned(),
        };
        let answer = self.ask(received, |first| self.gateway.refund_safely(&request, first)).await;
        match answer {
            Ok(gateway::Refund { refund_id }) => {
                debug!(charge_id, refund_id, "refunded");
                publish(PaymentRefunded { order_id, customer_id, charge_id, refund_id, amount })
            }
            Err(setback) => setback,
        }
    }

    /// Asks the gateway as soon as it is there to be asked; `call` is told whether this is the first time.
    async fn ask<T, F>(
        &self,
        received: &Received<'_>,
        call: impl Fn(bool) -> F + Send + Sync,
    ) -> Result<T, Outcome<PaymentEvent>>
    where
        F: Future<Output = Result<T, GatewayError>> + Send,
    {
        let message = received.envelope.id;
        let was_unsettled = self.unsettled().contains(&message);
        // A message put back by an operator is new to its stream; its envelope still tells how old it is.
        let since = received.message.timestamp.min(received.envelope.timestamp);
        let untried = !was_unsettled && !received.repeated;
        let first = untried && is_first_attempt(received.attempt, (self.clock)().since(since));
        let answer = self.when_available(|| call(first)).await.map_err(|error| self.setback(message, error));
        let held = matches!(answer, Err(Outcome::Hold { .. }));
        if was_unsettled && !held {
            self.unsettled().remove(&message);
        }
        answer
    }

    /// Makes the call when the breaker lets it through; [`GatewayError::Down`] when it did not for too long.
    async fn when_available<T, F>(&self, call: impl Fn() -> F + Send + Sync) -> Result<T, GatewayError>
    where
        F: Future<Output = Result<T, GatewayError>> + Send,
    {
        let deadline = Instant::now() + PATIENCE;
        loop {
            if timeout_at(deadline, self.gateway.available()).await.is_err() {
                return Err(GatewayError::Down { retry_in: HOLD });
            }
            match call().await {
                // Another payment was faster to become the probe: wait for what it finds out.
                Err(GatewayError::Down { .. }) => {}
                answer => return answer,
            }
        }
    }

    /// What an attempt comes to that has no answer.
    fn setback(&self, message: Uuid, error: GatewayError) -> Outcome<PaymentEvent> {
        let reason = error.to_string();
        match error {
            GatewayError::Down { retry_in } => Outcome::Hold { reason, retry_in },
            GatewayError::NotSent(_) => {
                warn!(reason, "held");
                Outcome::Hold { reason, retry_in: NOT_TAKEN }
            }
            // The breaker has opened: it is the gateway, not this payment, and an outage must not use its attempts up.
            GatewayError::Unknown(_) if *self.gateway.opened().borrow() != BreakerState::Closed => {
                warn!(reason, "held");
                self.unsettled().insert(message);
                Outcome::Hold { reason, retry_in: HOLD }
            }
            GatewayError::Unknown(_) => Outcome::Retry(error.into()),
            GatewayError::Rejected(_) | GatewayError::Contradiction(_) => Outcome::Reject(error.into()),
        }
    }

    fn unsettled(&self) -> MutexGuard<'_, BTreeSet<Uuid>> {
        self.unsettled.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn note(&self, outcome: Outcome<PaymentEvent>, started: Instant) -> Outcome<PaymentEvent> {
        let status = match &outcome {
            Outcome::Publish(events) => match events.first() {
                Some(PaymentEvent::Captured(_)) => "captured",
                Some(PaymentEvent::Declined(_)) => "declined",
                Some(PaymentEvent::Refunded(_)) => "refunded",
                None => return outcome,
            },
            Outcome::Retry(_) => "retried",
            Outcome::Hold { .. } => "held",
            Outcome::Reject(_) => "rejected",
        };
        self.metrics.attempt(status, started.elapsed());
        outcome
    }
}

fn publish(event: impl Into<PaymentEvent>) -> Outcome<PaymentEvent> {
    Outcome::Publish(vec![event.into()])
}
