//! The policy in front of a gateway: a circuit breaker, a budget for retries, and no charge or refund that could be the
//! second one.

use std::{
    future::Future,
    sync::{Mutex, PoisonError},
    time::Duration,
};

use prometheus::Registry;
use service::Blame;
use tokio::{sync::watch, time::Instant};

use super::{
    ChargeOutcome, ChargeRequest, Gateway, GatewayError, Refund, RefundRequest,
    breaker::{Breaker, BreakerSettings, BreakerState, Permit},
    budget::RetryBudget,
    metrics::{GatewayMetrics, Operation, Outcome},
};

/// Which attempt at a payment a call belongs to.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Attempt {
    /// The first, and younger than the gateway's memory of its key: it can be made without a look at the books.
    First,
    /// The first as far as is known, but the gateway may have forgotten the key, or the broker that it was handed
    /// out before: the books are looked at before.
    Old,
    /// Not the first, or perhaps not: the books are looked at before, and it is paid for out of the retry budget.
    Again {
        /// Whatever was sent before has come to its end at the gateway, so that the books can prove that it came to nothing.
        settled: bool,
        /// It has been tried for so long that failing although the books could be looked at is held against it, even
        /// if nobody else has seen the gateway work.
        overdue: bool,
    },
}

/// Why a payment has no outcome.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Setback {
    /// What the gateway, or this policy, says.
    pub error: GatewayError,
    /// It is this payment, not the gateway: others went through.
    pub own_fault: bool,
}

/// A gateway that is only called as long as it answers, and never charged or refunded twice by.
pub struct Guarded<G> {
    gateway: G,
    breaker: Breaker,
    budget: Mutex<RetryBudget>,
    blame: Blame,
    metrics: GatewayMetrics,
}

impl<G: Gateway> Guarded<G> {
    /// Puts the policy in front of `gateway`, with its metrics in `registry`.
    ///
    /// # Errors
    /// The metrics are registered already.
    pub fn new(
        gateway: G,
        settings: BreakerSettings,
        registry: &Registry,
    ) -> Result<Self, prometheus::Error> {
        let breaker = Breaker::new(settings);
        let metrics = GatewayMetrics::register(registry, breaker.watch())?;
        let budget = Mutex::new(RetryBudget::new(Instant::now()));
        Ok(Self { gateway, breaker, budget, blame: Blame::default(), metrics })
    }

    /// Charges a card unless an earlier attempt did. Unless it is the first, it looks for one before, so that not even a
    /// gateway without idempotency charges twice.
    ///
    /// # Errors
    /// What the gateway's calls return, or that none was made.
    pub async fn charge_safely(
        &self,
        request: &ChargeRequest,
        attempt: Attempt,
    ) -> Result<ChargeOutcome, Setback> {
        let find = self.timed(Operation::FindCharge, self.gateway.find_charge(request));
        let charge = self.timed(Operation::Charge, self.gateway.charge(request));
        self.safely(attempt, find, charge).await
    }

    /// Refunds a charge unless an earlier attempt did, as [`Guarded::charge_safely`] charges.
    ///
    /// # Errors
    /// What the gateway's calls return, or that none was made.
    pub async fn refund_safely(&self, request: &RefundRequest, attempt: Attempt) -> Result<Refund, Setback> {
        let find = self.timed(Operation::FindRefund, self.gateway.find_refund(request));
        let refund = self.timed(Operation::Refund, self.gateway.refund(request));
        self.safely(attempt, find, refund).await
    }

    /// The breaker's state and its changes: while it is open, nothing should be pulled.
    pub fn opened(&self) -> watch::Receiver<BreakerState> {
        self.breaker.watch()
    }

    /// Returns when a call would go through: at once while the breaker is closed, otherwise when it closes or when it is
    /// time for a probe that nobody is making yet.
    pub async fn available(&self) {
        self.breaker.available().await;
    }

    /// Makes the calls of one payment under one permit, so that a probe is one payment, and reports how they ended.
    async fn safely<T>(
        &self,
        attempt: Attempt,
        find: impl Future<Output = Result<Option<T>, GatewayError>>,
        make: impl Future<Output = Result<T, GatewayError>>,
    ) -> Result<T, Setback> {
        let permit = self.permit(attempt).map_err(|error| Setback { error, own_fault: false })?;
        let mut looked_up = false;
        let result = async {
            if attempt != Attempt::First {
                if let Some(found) = find.await? {
                    return Ok(found);
                }
                looked_up = true;
                if !attempt.is_settled() {
                    return Err(GatewayError::Unsettled);
                }
            }
            make.await
        }
        .await;
        match result {
            Ok(done) => {
                self.blame.worked();
                permit.succeeded();
                Ok(done)
            }
            Err(error) => {
                let witnessed = self.report(permit, &error);
                let own_fault = error.may_be_done() && (witnessed || (looked_up && attempt.is_overdue()));
                Err(Setback { error, own_fault })
            }
        }
    }

    /// The right to call the gateway now.
    fn permit(&self, attempt: Attempt) -> Result<Permit<'_>, GatewayError> {
        // A look that settles nothing is no probe: it would take the place of one that could.
        if !attempt.is_settled() && self.breaker.state() != BreakerState::Closed {
            return Err(GatewayError::Unsettled);
        }
        let permit = self.breaker.permit().map_err(|retry_in| GatewayError::Down { retry_in })?;
        let mut budget = self.budget.lock().unwrap_or_else(PoisonError::into_inner);
        if matches!(attempt, Attempt::Again { .. }) {
            budget.spend(Instant::now()).map_err(|retry_in| {
                self.metrics.retry_postponed();
                GatewayError::Throttled { retry_in }
            })?;
        }
        budget.earn();
        Ok(permit)
    }

    /// Tells the breaker and the others what was learnt about the gateway; whether it works for them.
    fn report(&self, permit: Permit<'_>, error: &GatewayError) -> bool {
        match error {
            // A refusal and a contradiction are answers of a gateway that works.
            GatewayError::Rejected(_) | GatewayError::Contradiction(_) => {
                self.blame.worked();
                permit.succeeded();
                false
            }
            GatewayError::Busy { retry_in, .. } => {
                permit.failed(*retry_in);
                self.blame.failed().are_enough()
            }
            GatewayError::Unknown(_)
            | GatewayError::Unanswered(_)
            | GatewayError::NotSent(_)
            | GatewayError::Misconfigured(_) => {
                permit.failed(Duration::ZERO);
                self.blame.failed().are_enough()
            }
            // A gateway that says so works; whether it does for this payment is another question.
            GatewayError::InProgress(_) => {
                permit.succeeded();
                self.blame.failed().are_enough()
            }
            // Nothing new was learnt.
            GatewayError::Down { .. } | GatewayError::Throttled { .. } | GatewayError::Unsettled => false,
        }
    }

    async fn timed<T: Outcome>(
        &self,
        operation: Operation,
        call: impl Future<Output = Result<T, GatewayError>>,
    ) -> Result<T, GatewayError> {
        let timer = self.metrics.start();
        let result = call.await;
        timer.stop(operation, &result);
        result
    }
}

impl Attempt {
    fn is_settled(self) -> bool {
        match self {
            Self::First | Self::Old => true,
            Self::Again { settled, .. } => settled,
        }
    }

    fn is_overdue(self) -> bool {
        matches!(self, Self::Again { overdue: true, .. })
    }
}

#[cfg(test)]
mod tests;
