//! The card gateway as this service sees it: what is asked of it, what may come back, and who may ask when.
//!
//! [`Gateway`] is the seam: [`HttpGateway`] speaks to a real one, tests and simulations put another behind it.
//! [`Guarded`] is the policy in front of any of them, and the only thing the rest of the service calls.
//!
//! The idempotency key of a charge is the order's id, that of a refund is `refund:<order id>:<charge id>`; both stay
//! the same for ever, over retries, restarts and redeliveries.

mod breaker;
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
pub use guarded::{Guarded, is_first_attempt};

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
    /// The request may have been carried out. Ask again under the same key, and look the outcome up first.
    #[error("the outcome at the gateway is unknown: {0}")]
    Unknown(String),
    /// The request was certainly not carried out, for a reason that passes.
    #[error("the gateway did not take the request: {0}")]
    NotSent(String),
    /// The gateway will never accept this request.
    #[error("the gateway refused the request: {0}")]
    Rejected(String),
    /// The gateway has done something else than it was asked for. Asking again changes nothing: a person has to look.
    #[error("the gateway's books contradict the request: {0}")]
    Contradiction(String),
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
