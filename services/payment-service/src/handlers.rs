//! What is done about each event: a card is charged, or its money given back.
//!
//! | the gateway | the outcome |
//! |---|---|
//! | captured, declined or refunded | that event |
//! | is down, busy, wrongly configured, or did not take the request | hold: nothing is wrong with the payment |
//! | may or may not have done it | look it up, then the same key again: retry if others go through, else hold |
//! | refuses for good, or did something else | reject |
//!
//! Only a retry counts as an attempt of the payment. An outage, whole or in part, therefore uses none up, however long
//! it lasts; a payment that fails where ten others in a row go through uses all of them up. So does one that nobody
//! else can speak for, once it is a day old, has been tried here for an hour, and the gateway answers about it but does
//! not make it.

#[cfg(test)]
mod tests;

use std::{future::Future, sync::Arc, time::Duration};

use events::{
    inventory::StockReserved,
    orders::RefundRequested,
    payments::{PaymentCaptured, PaymentDeclined, PaymentEvent, PaymentRefunded},
};
use messaging::{
    clock::Clock,
    worker::{Handler, Outcome, Received},
};
use tokio::time::{Instant, sleep, timeout_at};
use tracing::{debug, error, warn};
use uuid::Uuid;

use crate::{
    gateway::{
        self, Attempt, BreakerState, ChargeOutcome, ChargeRequest, Gateway, GatewayError, Guarded,
        RefundRequest, Setback,
    },
    metrics::Metrics,
    pending::Pending,
};

/// For how long after the first attempt a key alone is trusted. Gateways forget keys after a day; the hour between
/// covers clocks that differ and time spent under way.
const KEY_TRUST: Duration = Duration::from_secs(23 * 60 * 60);
/// When a payment that nobody else can speak for has been tried for long enough: as long as an order may take.
const OVERDUE: Duration = Duration::from_secs(24 * 60 * 60);
/// For how long this process must have tried it by then: a hiccup must not park what was old when it met it.
const PERSISTENT: Duration = Duration::from_secs(60 * 60);
/// How long a payment waits for a gateway that is down before it is held. Bounded, so that the worker sees it move and
/// can stop.
const PATIENCE: Duration = Duration::from_secs(5);
/// Pause before a held payment is taken up again, where it waits for the gateway itself.
const HOLD: Duration = Duration::from_millis(100);
/// How long a payment that has failed before leaves the place of the probe to others. Enough for another to be pulled:
/// one that always fails must not be the only one by which the gateway is judged.
const OTHERS_FIRST: Duration = Duration::from_millis(250);
/// Pause after the gateway did not take a request although it was not held to be down.
const NOT_TAKEN: Duration = Duration::from_secs(1);

/// What charges and refunds share: the one gateway.
pub struct Payments<G> {
    gateway: Guarded<G>,
    clock: Clock,
    metrics: Metrics,
    pending: Pending,
    look_first: bool,
}

/// Charges the card for what inventory has set aside.
pub struct Charge<G>(pub Arc<Payments<G>>);

/// Gives back the money of a cancelled order.
pub struct Refund<G>(pub Arc<Payments<G>>);

impl<G: Gateway> Handler for Charge<G> {
    type Event = PaymentEvent;

    async fn ready(&self) {
        self.0.gateway.available().await;
    }

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

    async fn ready(&self) {
        self.0.gateway.available().await;
    }

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
    /// Payments through `gateway`, which is done with whatever it does not answer after `settle`; `clock` tells the age
    /// of what is to be paid.
    pub fn new(gateway: Guarded<G>, settle: Duration, clock: Clock, metrics: Metrics) -> Self {
        Self { gateway, clock, metrics, pending: Pending::new(settle), look_first: false }
    }

    /// Whether payments are looked up before they are made even if they seem to be new: after a restore they need not be.
    #[must_use]
    pub fn looking_first(self, look_first: bool) -> Self {
        Self { look_first, ..self }
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
        let answer = self.ask(received, |attempt| self.gateway.charge_safely(&request, attempt)).await;
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
        let answer = self.ask(received, |attempt| self.gateway.refund_safely(&request, attempt)).await;
        match answer {
            Ok(gateway::Refund { refund_id }) => {
                debug!(charge_id, refund_id, "refunded");
                publish(PaymentRefunded { order_id, customer_id, charge_id, refund_id, amount })
            }
            Err(setback) => setback,
        }
    }

    /// Asks the gateway as soon as it is there to be asked; `call` is told which attempt this is.
    async fn ask<T, F>(
        &self,
        received: &Received<'_>,
        call: impl Fn(Attempt) -> F + Send + Sync,
    ) -> Result<T, Outcome<PaymentEvent>>
    where
        F: Future<Output = Result<T, Setback>> + Send,
    {
        let message = received.envelope.id;
        if received.repeated {
            self.pending.doubt(message);
        }
        self.pending.keep(message);
        let answer = self.when_available(message, || call(self.attempt(received))).await;
        let answer = answer.map_err(|setback| self.setback(message, setback))?;
        self.pending.over(message);
        Ok(answer)
    }

    /// Which attempt the next call for a message is.
    fn attempt(&self, received: &Received<'_>) -> Attempt {
        // A message put back by an operator is new to its stream; its envelope still tells how old it is.
        let since = received.message.timestamp.min(received.envelope.timestamp);
        let age = (self.clock)().since(since);
        let message = received.envelope.id;
        match self.pending.unsettled_for(message) {
            Some(left) => Attempt::Again { settled: left.is_zero(), overdue: self.is_overdue(message, age) },
            None if self.look_first || age >= KEY_TRUST || !received.first => Attempt::Old,
            None => Attempt::First,
        }
    }

    /// Whether a payment of that age is held to be at fault though nobody else can speak for it. What was old when it
    /// came here, as what an operator puts back, has not been tried in vain for its whole age.
    fn is_overdue(&self, message: Uuid, age: Duration) -> bool {
        age >= OVERDUE && self.pending.tried_for(message) >= PERSISTENT
    }

    /// Makes the call when the breaker and the budget let it through; says why not when they did not for too long.
    async fn when_available<T, F>(
        &self,
        message: Uuid,
        call: impl Fn() -> F + Send + Sync,
    ) -> Result<T, Setback>
    where
        F: Future<Output = Result<T, Setback>> + Send,
    {
        let deadline = Instant::now() + PATIENCE;
        loop {
            if timeout_at(deadline, self.wait_for_gateway(message)).await.is_err() {
                return Err(Setback { error: GatewayError::Down { retry_in: HOLD }, own_fault: false });
            }
            match call().await {
                // Another payment was faster to become the probe: wait for what it finds out.
                Err(Setback { error: GatewayError::Down { .. }, .. }) => {}
                Err(Setback { error: GatewayError::Throttled { retry_in }, .. })
                    if Instant::now() + retry_in < deadline =>
                {
                    sleep(retry_in).await;
                }
                answer => return answer,
            }
        }
    }

    /// Waits for this payment's turn at a gateway that may be down.
    async fn wait_for_gateway(&self, message: Uuid) {
        self.gateway.available().await;
        if self.pending.has_failed(message) && *self.gateway.opened().borrow() != BreakerState::Closed {
            sleep(OTHERS_FIRST).await;
            self.gateway.available().await;
        }
    }

    /// What an attempt comes to that has no answer.
    fn setback(&self, message: Uuid, setback: Setback) -> Outcome<PaymentEvent> {
        let reason = setback.error.to_string();
        let hold = |retry_in| {
            warn!(reason, "held");
            Outcome::Hold { reason: reason.clone(), retry_in }
        };
        match setback.error {
            GatewayError::Down { retry_in } | GatewayError::Throttled { retry_in } => {
                Outcome::Hold { reason, retry_in }
            }
            GatewayError::Unsettled => {
                Outcome::Hold { reason, retry_in: self.pending.unsettled_for(message).unwrap_or(HOLD) }
            }
            GatewayError::NotSent(_) => hold(NOT_TAKEN),
            GatewayError::Busy { retry_in, .. } => hold(retry_in),
            GatewayError::Misconfigured(_) => {
                error!(reason, "an operator has to mend this; payments wait until then");
                // Nobody knows what the one who answered has done with the request.
                Outcome::Hold { reason, retry_in: self.pending.failed(message) }
            }
            GatewayError::Unknown(_) => {
                let pause = self.pending.failed(message);
                if setback.own_fault { Outcome::Retry(setback.error.into()) } else { hold(pause) }
            }
            GatewayError::Unanswered(_) | GatewayError::InProgress(_) => {
                let pause = self.pending.failed_under_way(message);
                if setback.own_fault { Outcome::Retry(setback.error.into()) } else { hold(pause) }
            }
            GatewayError::Rejected(_) | GatewayError::Contradiction(_) => {
                self.pending.over(message);
                Outcome::Reject(setback.error.into())
            }
        }
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
