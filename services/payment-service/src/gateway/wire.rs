//! The gateway's JSON, and what an answer means. Pure: statuses and bodies in, outcomes out.

use std::time::Duration;

use reqwest::StatusCode;
use serde::{Deserialize, Serialize, de::DeserializeOwned};
use uuid::Uuid;

use super::{ChargeOutcome, ChargeRequest, GatewayError, Refund, RefundRequest};

/// Given when a gateway declines without a reason.
const DECLINED_WITHOUT_REASON: &str = "card_declined";
/// The status of a charge or refund that moved the money.
const SUCCEEDED: &str = "succeeded";
/// The status of one that did not, and never will.
const FAILED: &str = "failed";
/// When to ask a busy gateway again that does not say.
const BUSY: Duration = Duration::from_secs(1);
/// No answer makes a payment wait for longer than this.
const BUSY_AT_MOST: Duration = Duration::from_secs(300);

/// What came back over HTTP.
#[derive(Debug)]
pub(super) struct Answer {
    pub(super) status: StatusCode,
    /// When the gateway wants to be asked again.
    pub(super) retry_after: Option<Duration>,
    pub(super) body: Vec<u8>,
}

#[derive(Debug, Serialize)]
pub(super) struct ChargeBody<'a> {
    amount: i64,
    currency: &'a str,
    payment_method: &'a str,
    metadata: Metadata<'a>,
}

#[derive(Debug, Serialize)]
pub(super) struct RefundBody<'a> {
    charge: &'a str,
    amount: i64,
    metadata: Metadata<'a>,
}

#[derive(Debug, Serialize)]
struct Metadata<'a> {
    order_id: Uuid,
    #[serde(skip_serializing_if = "Option::is_none")]
    customer_id: Option<&'a str>,
}

#[derive(Debug, Deserialize)]
struct Charge {
    id: String,
    amount: i64,
    currency: String,
    status: String,
    failure_code: Option<String>,
}

#[derive(Debug, Deserialize)]
struct RefundObject {
    id: String,
    amount: i64,
    currency: String,
    charge: String,
    status: String,
}

#[derive(Debug, Deserialize)]
struct List<T> {
    data: Vec<T>,
}

#[derive(Debug, Deserialize)]
struct ErrorEnvelope {
    error: ErrorBody,
}

#[derive(Debug, Deserialize)]
struct ErrorBody {
    r#type: String,
    code: Option<String>,
    message: Option<String>,
}

impl<'a> From<&'a ChargeRequest> for ChargeBody<'a> {
    fn from(request: &'a ChargeRequest) -> Self {
        let metadata = Metadata { order_id: request.order_id, customer_id: Some(&request.customer_id) };
        let ChargeRequest { amount, currency, payment_method, .. } = request;
        Self { amount: *amount, currency, payment_method, metadata }
    }
}

impl<'a> From<&'a RefundRequest> for RefundBody<'a> {
    fn from(request: &'a RefundRequest) -> Self {
        let metadata = Metadata { order_id: request.order_id, customer_id: None };
        Self { charge: &request.charge_id, amount: request.amount, metadata }
    }
}

/// What the answer to a charge means.
pub(super) fn charged(answer: &Answer, request: &ChargeRequest) -> Result<ChargeOutcome, GatewayError> {
    if answer.status == StatusCode::PAYMENT_REQUIRED
        && let Some(error) = answer.own_error()
    {
        let code = error.code.unwrap_or_else(|| DECLINED_WITHOUT_REASON.to_owned());
        return Ok(ChargeOutcome::Declined { code });
    }
    let charge: Charge = answer.read()?;
    if charge.status == SUCCEEDED {
        captured(charge, request)
    } else {
        Err(unsettled("charge", &charge.id, &charge.status))
    }
}

/// A charge that took money is a capture if it took what was asked for.
fn captured(charge: Charge, request: &ChargeRequest) -> Result<ChargeOutcome, GatewayError> {
    if charge.amount == request.amount && charge.currency.eq_ignore_ascii_case(&request.currency) {
        return Ok(ChargeOutcome::Captured { charge_id: charge.id });
    }
    // Not to be taken for a capture, nor for none: a person has to look.
    let Charge { id, amount, currency, .. } = charge;
    Err(GatewayError::Contradiction(format!("charge {id} took {amount} {currency}, not what was asked for")))
}

/// A charge or refund that has not moved the money. One that has not failed either is under way, which says nothing
/// against the gateway.
fn unsettled(what: &str, id: &str, status: &str) -> GatewayError {
    let text = format!("{what} {id} is {status}");
    if status == FAILED { GatewayError::Unknown(text) } else { GatewayError::InProgress(text) }
}

/// What the answer to a refund means.
pub(super) fn refunded(answer: &Answer, request: &RefundRequest) -> Result<Refund, GatewayError> {
    given_back(answer.read()?, request)
}

fn given_back(refund: RefundObject, request: &RefundRequest) -> Result<Refund, GatewayError> {
    if refund.status != SUCCEEDED {
        return Err(unsettled("refund", &refund.id, &refund.status));
    }
    let as_asked = refund.amount == request.amount
        && refund.currency.eq_ignore_ascii_case(&request.currency)
        && refund.charge == request.charge_id;
    if as_asked {
        return Ok(Refund { refund_id: refund.id });
    }
    let RefundObject { id, amount, currency, charge, status: _ } = refund;
    Err(GatewayError::Contradiction(format!(
        "refund {id} is of {amount} {currency} for {charge}, not what was asked for"
    )))
}

/// What was found of an order's charges. Money that was taken outweighs a decline, and so does what may yet be taken.
pub(super) fn found_charge(
    answer: &Answer,
    request: &ChargeRequest,
) -> Result<Option<ChargeOutcome>, GatewayError> {
    let List { data } = answer.read::<List<Charge>>()?;
    let (mut taken, others): (Vec<_>, Vec<_>) =
        data.into_iter().partition(|charge| charge.status == SUCCEEDED);
    if taken.len() > 1 {
        let (order_id, captures) = (request.order_id, taken.len());
        tracing::error!(%order_id, captures, "the gateway took money more than once for an order");
    }
    if !taken.is_empty() {
        return captured(taken.swap_remove(0), request).map(Some);
    }
    if let Some(charge) = others.iter().find(|charge| charge.status != FAILED) {
        return Err(unsettled("charge", &charge.id, &charge.status));
    }
    Ok(others.into_iter().next().map(|charge| ChargeOutcome::Declined {
        code: charge.failure_code.unwrap_or_else(|| DECLINED_WITHOUT_REASON.to_owned()),
    }))
}

/// What was found of a charge's refund among those of its order; one that failed is none.
pub(super) fn found_refund(answer: &Answer, request: &RefundRequest) -> Result<Option<Refund>, GatewayError> {
    let List { data } = answer.read::<List<RefundObject>>()?;
    let found = data.into_iter().find(|refund| refund.charge == request.charge_id && refund.status != FAILED);
    found.map(|refund| given_back(refund, request)).transpose()
}

impl Answer {
    fn read<T: DeserializeOwned>(&self) -> Result<T, GatewayError> {
        if !self.status.is_success() {
            return Err(self.failure());
        }
        let unreadable =
            |error| GatewayError::Unknown(format!("the answer {} cannot be read: {error}", self.status));
        serde_json::from_slice(&self.body).map_err(unreadable)
    }

    /// The error as gateways write it; `None` for what an ingress or proxy says in its place.
    fn own_error(&self) -> Option<ErrorBody> {
        serde_json::from_slice::<ErrorEnvelope>(&self.body).ok().map(|envelope| envelope.error)
    }

    /// What a status other than success means. Only the gateway's own word ends a payment: whatever stands between may
    /// be wrong about the route, and must not cost the shop its orders.
    fn failure(&self) -> GatewayError {
        let status = self.status;
        let Some(error) = self.own_error() else {
            let text = format!("{status}, which is not the gateway's own answer");
            return match status {
                StatusCode::TOO_MANY_REQUESTS => self.busy(text),
                // A proxy that has passed the request on, and lost patience or the connection.
                StatusCode::REQUEST_TIMEOUT => GatewayError::Unanswered(text),
                status if status.is_server_error() => GatewayError::Unanswered(text),
                _ => GatewayError::Misconfigured(text),
            };
        };
        let (code, message) = (error.code.unwrap_or_default(), error.message.unwrap_or_default());
        let text = format!("{status}: {} {code}: {message}", error.r#type);
        match status {
            // Refused at the door, before anything was done.
            StatusCode::UNAUTHORIZED | StatusCode::FORBIDDEN => GatewayError::Misconfigured(text),
            StatusCode::TOO_MANY_REQUESTS => self.busy(text),
            StatusCode::CONFLICT => GatewayError::InProgress(text),
            // Something behind the gateway has not answered it.
            StatusCode::REQUEST_TIMEOUT | StatusCode::BAD_GATEWAY | StatusCode::GATEWAY_TIMEOUT => {
                GatewayError::Unanswered(text)
            }
            status if status.is_client_error() => GatewayError::Rejected(text),
            _ => GatewayError::Unknown(text),
        }
    }

    fn busy(&self, reason: String) -> GatewayError {
        GatewayError::Busy { retry_in: self.retry_after.unwrap_or(BUSY).clamp(BUSY, BUSY_AT_MOST), reason }
    }
}

#[cfg(test)]
mod tests;
