//! The card gateway as this service sees it: what is asked of it, what may come back, and who may ask when.
//!
//! [`Gateway`] is the seam: [`HttpGateway`] speaks to a real one, tests and simulations put another behind it.
//! [`Guarded`] is the policy in front of any of them, and the only thing the rest of the service calls.
//!
//! The idempotency key of a charge is the order's id, that of a refund is `refund:<order id>:<charge id>`; both stay
//! the same for ever, over retries, restarts and redeliveries. What is asked of a gateway beyond that, and what it costs
//! if it does less, is in `docs/decisions/0003-payments-under-failure.md`.

mod breaker;
mod budget;
mod client;
mod guarded;
mod metrics;
mod wire;

#[cfg(test)]
mod tests;

use std::{future::Future, time::Duration};

use uuid::Uuid;

pub use breaker::{BreakerSettings, BreakerState};
pub use client::{HttpGateway, SetupError};
pub use guarded::{Attempt, Guarded, Setback};

/// A card to be charged.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ChargeRequest {
    /// The order that is paid; also the idempotency key.
    pub order_id: Uuid,
    /// Minor units of `currency`.
    pub amount: i64,
    /// ISO 4217 code.
    pub currency: String,
    /// The gateway's token for the card.
    pub payment_method: String,
    /// Who pays.
    pub customer_id: String,
}

/// How a charge ended.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum ChargeOutcome {
    /// The money was taken.
    Captured {
        /// The gateway's id of the charge, needed for a refund.
        charge_id: String,
    },
    /// The card refused; no money moved, and asking again would not change that.
    Declined {
        /// The gateway's reason, for instance `insufficient_funds`.
        code: String,
    },
}

/// Money to be given back.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RefundRequest {
    /// The order the money was taken for.
    pub order_id: Uuid,
    /// The charge that took it.
    pub charge_id: String,
    /// Minor units of `currency`.
    pub amount: i64,
    /// ISO 4217 code, the same as the charge's.
    pub currency: String,
}

/// A refund that was made.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Refund {
    /// The gateway's id of the refund.
    pub refund_id: String,
}

/// Why a call has no outcome. The texts carry the whole chain of causes, and no card data.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum GatewayError {
    /// The gateway is taken to be down, so it was not called. Nothing is wrong with this request: hold it.
    #[error("the gateway is held to be down, next try in {retry_in:?}")]
    Down {
        /// When a call may be let through again, as far as is known.
        retry_in: Duration,
    },
    /// Too much of the load on the gateway is repetitions, so this one was not sent yet. Hold it.
    #[error("the budget for retries is spent, next try in {retry_in:?}")]
    Throttled {
        /// When a retry may be let through again, at the earliest.
        retry_in: Duration,
    },
    /// Nothing was found, but an earlier request may still be under way at the gateway. Hold it until that is settled.
    #[error("an earlier request may still be under way at the gateway")]
    Unsettled,
    /// The gateway is done with the request, and may have carried it out. Ask again under the same key, and look the
    /// outcome up first.
    #[error("the outcome at the gateway is unknown: {0}")]
    Unknown(String),
    /// There was no answer: the request may have been carried out, or may yet be. As above, once it is settled.
    #[error("the gateway did not answer: {0}")]
    Unanswered(String),
    /// An earlier request under the same key is under way. As above; a gateway that says so works.
    #[error("the gateway is at it: {0}")]
    InProgress(String),
    /// The request was certainly not carried out, for a reason that passes.
    #[error("the gateway did not take the request: {0}")]
    NotSent(String),
    /// The gateway has too much to do and did not take the request.
    #[error("the gateway is busy, next try in {retry_in:?}: {reason}")]
    Busy {
        /// When to ask again, as the gateway has said.
        retry_in: Duration,
        /// What it answered.
        reason: String,
    },
    /// The credentials are wrong, or something else than the gateway answers in its place. An operator's to mend: hold.
    #[error("the gateway cannot be used as configured: {0}")]
    Misconfigured(String),
    /// The gateway will never accept this request, and has said so itself.
    #[error("the gateway refused the request: {0}")]
    Rejected(String),
    /// The gateway has done something else than it was asked for. Asking again changes nothing: a person has to look.
    #[error("the gateway's books contradict the request: {0}")]
    Contradiction(String),
}

impl GatewayError {
    /// Whether the request may have been carried out, now or later.
    pub fn may_be_done(&self) -> bool {
        match self {
            Self::Unknown(_) | Self::Unanswered(_) | Self::InProgress(_) => true,
            Self::Down { .. }
            | Self::Throttled { .. }
            | Self::Unsettled
            | Self::NotSent(_)
            | Self::Busy { .. }
            | Self::Misconfigured(_)
            | Self::Rejected(_)
            | Self::Contradiction(_) => false,
        }
    }
}

/// A card gateway.
pub trait Gateway: Send + Sync + 'static {
    /// Charges a card, at most once per order.
    fn charge(
        &self,
        request: &ChargeRequest,
    ) -> impl Future<Output = Result<ChargeOutcome, GatewayError>> + Send;

    /// Gives the money of a charge back, at most once per charge.
    fn refund(&self, request: &RefundRequest) -> impl Future<Output = Result<Refund, GatewayError>> + Send;

    /// What an earlier charge for the order came to; `None` if there was none. One that took something else than is
    /// asked for is no capture.
    fn find_charge(
        &self,
        request: &ChargeRequest,
    ) -> impl Future<Output = Result<Option<ChargeOutcome>, GatewayError>> + Send;

    /// An earlier refund of the charge, if there was one.
    fn find_refund(
        &self,
        request: &RefundRequest,
    ) -> impl Future<Output = Result<Option<Refund>, GatewayError>> + Send;
}
