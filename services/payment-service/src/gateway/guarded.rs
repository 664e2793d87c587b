//! The policy in front of a gateway: a circuit breaker, and no charge or refund that could be the second one.

use std::{future::Future, time::Duration};

use prometheus::Registry;
use tokio::sync::watch;

use super::{
    ChargeOutcome, ChargeRequest, Gateway, GatewayError, Refund, RefundRequest,
    breaker::{Breaker, BreakerSettings, BreakerState},
    metrics::{GatewayMetrics, Operation, Outcome},
};

/// For how long after the first attempt a key alone is trusted. Gateways forget keys after a day; the hour between
/// covers clocks that differ and time spent under way.
const KEY_TRUST: Duration = Duration::from_secs(23 * 60 * 60);

/// Whether a request can be sent without looking for an earlier outcome: it has been delivered once, retried never,
/// and is younger than the gateway's memory of its key.
///
/// `attempt` counts deliveries and retries together, from 1; `age` is the time since the request was first stored.
pub fn is_first_attempt(attempt: u64, age: Duration) -> bool {
    attempt <= 1 && age < KEY_TRUST
}

/// A gateway that is only called as long as it answers, and never charged or refunded twice by.
pub struct Guarded<G> {
    gateway: G,
    breaker: Breaker,
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
        Ok(Self { gateway, breaker, metrics })
    }

    /// Charges a card unless an earlier attempt did. Unless `first_attempt` (see [`is_first_attempt`]) holds, it looks
    /// for one before, so that not even a gateway without idempotency charges twice.
    ///
    /// # Errors
    /// [`GatewayError::Down`] without a call having been made, or what the gateway's calls return.
    pub async fn charge_safely(
        &self,
        request: &ChargeRequest,
        first_attempt: bool,
    ) -> Result<ChargeOutcome, GatewayError> {
        self.permitted(async {
            if !first_attempt {
                let found = self.timed(Operation::FindCharge, self.gateway.find_charge(request)).await?;
                if let Some(outcome) = found {
                    return Ok(outcome);
                }
            }
            self.timed(Operation::Charge, self.gateway.charge(request)).await
        })
        .await
    }

    /// Refunds a charge unless an earlier attempt did; `first_attempt` as in [`Guarded::charge_safely`].
    ///
    /// # Errors
    /// [`GatewayError::Down`] without a call having been made, or what the gateway's calls return.
    pub async fn refund_safely(
        &self,
        request: &RefundRequest,
        first_attempt: bool,
    ) -> Result<Refund, GatewayError> {
        self.permitted(async {
            if !first_attempt {
                let found = self.timed(Operation::FindRefund, self.gateway.find_refund(request)).await?;
                if let Some(refund) = found {
                    return Ok(refund);
                }
            }
            self.timed(Operation::Refund, self.gateway.refund(request)).await
        })
        .await
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

    /// Makes the calls of one request under one permit, so that a probe is one request, and reports how they ended.
    async fn permitted<T>(
        &self,
        calls: impl Future<Output = Result<T, GatewayError>>,
    ) -> Result<T, GatewayError> {
        let permit = self.breaker.permit().map_err(|retry_in| GatewayError::Down { retry_in })?;
        let result = calls.await;
        match &result {
            // A decline, a refusal and a contradiction are answers of a gateway that works.
            Ok(_) | Err(GatewayError::Rejected(_) | GatewayError::Contradiction(_)) => permit.succeeded(),
            Err(GatewayError::Unknown(_) | GatewayError::NotSent(_)) => permit.failed(),
            // A gateway behind this one was not called: nothing was learnt about it.
            Err(GatewayError::Down { .. }) => drop(permit),
        }
        result
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
