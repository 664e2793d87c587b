//! The gateway's JSON, and what an answer means. Pure: statuses and bodies in, outcomes out.

use reqwest::StatusCode;
use serde::{Deserialize, Serialize, de::DeserializeOwned};
use uuid::Uuid;

use super::{ChargeOutcome, ChargeRequest, GatewayError, Refund, RefundRequest};

/// Given when a gateway declines without a readable reason.
const DECLINED_WITHOUT_REASON: &str = "card_declined";

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
pub(super) fn charged(
    status: StatusCode,
    body: &[u8],
    request: &ChargeRequest,
) -> Result<ChargeOutcome, GatewayError> {
    if status == StatusCode::PAYMENT_REQUIRED {
        let error = serde_json::from_slice::<ErrorEnvelope>(body).ok();
        let code = error.and_then(|envelope| envelope.error.code);
        return Ok(ChargeOutcome::Declined {
            code: code.unwrap_or_else(|| DECLINED_WITHOUT_REASON.to_owned()),
        });
    }
    let charge: Charge = read(status, body)?;
    if charge.status == "succeeded" { captured(charge, request) } else { Err(unsettled(&charge)) }
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

/// A charge that has neither taken money nor failed: either may still come.
fn unsettled(charge: &Charge) -> GatewayError {
    GatewayError::Unknown(format!("charge {} is {}", charge.id, charge.status))
}

/// What the answer to a refund means.
pub(super) fn refunded(
    status: StatusCode,
    body: &[u8],
    request: &RefundRequest,
) -> Result<Refund, GatewayError> {
    given_back(read(status, body)?, request)
}

fn given_back(refund: RefundObject, request: &RefundRequest) -> Result<Refund, GatewayError> {
    let as_asked = refund.amount == request.amount
        && refund.currency.eq_ignore_ascii_case(&request.currency)
        && refund.charge == request.charge_id;
    if as_asked {
        return Ok(Refund { refund_id: refund.id });
    }
    let RefundObject { id, amount, currency, charge } = refund;
    Err(GatewayError::Contradiction(format!(
        "refund {id} is of {amount} {currency} for {charge}, not what was asked for"
    )))
}

/// What was found of an order's charges. Money that was taken outweighs a decline, and so does what may yet be taken.
pub(super) fn found_charge(
    status: StatusCode,
    body: &[u8],
    request: &ChargeRequest,
) -> Result<Option<ChargeOutcome>, GatewayError> {
    let List { data } = read::<List<Charge>>(status, body)?;
    let (mut taken, others): (Vec<_>, Vec<_>) =
        data.into_iter().partition(|charge| charge.status == "succeeded");
    if taken.len() > 1 {
        let (order_id, captures) = (request.order_id, taken.len());
        tracing::error!(%order_id, captures, "the gateway took money more than once for an order");
    }
    if !taken.is_empty() {
        return captured(taken.swap_remove(0), request).map(Some);
    }
    if let Some(charge) = others.iter().find(|charge| charge.status != "failed") {
        return Err(unsettled(charge));
    }
    Ok(others.into_iter().next().map(|charge| ChargeOutcome::Declined {
        code: charge.failure_code.unwrap_or_else(|| DECLINED_WITHOUT_REASON.to_owned()),
    }))
}

/// What was found of a charge's refund among those of its order.
pub(super) fn found_refund(
    status: StatusCode,
    body: &[u8],
    request: &RefundRequest,
) -> Result<Option<Refund>, GatewayError> {
    let List { data } = read::<List<RefundObject>>(status, body)?;
    let found = data.into_iter().find(|refund| refund.charge == request.charge_id);
    found.map(|refund| given_back(refund, request)).transpose()
}

fn read<T: DeserializeOwned>(status: StatusCode, body: &[u8]) -> Result<T, GatewayError> {
    if !status.is_success() {
        return Err(failure(status, body));
    }
    serde_json::from_slice(body)
        .map_err(|error| GatewayError::Unknown(format!("the answer {status} cannot be read: {error}")))
}

/// What a status other than success means.
fn failure(status: StatusCode, body: &[u8]) -> GatewayError {
    let text = match serde_json::from_slice::<ErrorEnvelope>(body) {
        Ok(ErrorEnvelope { error: ErrorBody { r#type, code, message } }) => {
            let (code, message) = (code.unwrap_or_default(), message.unwrap_or_default());
            format!("{status}: {type} {code}: {message}", type = r#type)
        }
        Err(_) => status.to_string(),
    };
    match status {
        // Refused at the door, before anything was done. A wrong credential is the operator's to mend: orders wait.
        StatusCode::UNAUTHORIZED | StatusCode::FORBIDDEN | StatusCode::TOO_MANY_REQUESTS => {
            GatewayError::NotSent(text)
        }
        // The first request under this key may still be under way.
        StatusCode::CONFLICT | StatusCode::REQUEST_TIMEOUT => GatewayError::Unknown(text),
        status if status.is_client_error() => GatewayError::Rejected(text),
        _ => GatewayError::Unknown(text),
    }
}

#[cfg(test)]
mod tests;
