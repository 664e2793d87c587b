//! The gateway's JSON, and what an answer means. Pure: statuses and bodies in, outcomes out.

use reqwest::StatusCode;
use serde::de::DeserializeOwned;
use serde::{Deserialize, Serialize};
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
    let as_asked = charge.amount == request.amount && charge.currency.eq_ignore_ascii_case(&request.currency);
    if as_asked && charge.status == "succeeded" {
        Ok(ChargeOutcome::Captured { charge_id: charge.id })
    } else {
        // Not to be taken for a capture, nor for none: a person has to look.
        let Charge { id, amount, currency, status, .. } = charge;
        Err(GatewayError::Unknown(format!(
            "charge {id} is {status} with {amount} {currency}, not what was asked for"
        )))
    }
}

/// What the answer to a refund means.
pub(super) fn refunded(
    status: StatusCode,
    body: &[u8],
    request: &RefundRequest,
) -> Result<Refund, GatewayError> {
    let refund: RefundObject = read(status, body)?;
    let as_asked = refund.amount == request.amount
        && refund.currency.eq_ignore_ascii_case(&request.currency)
        && refund.charge == request.charge_id;
    if as_asked {
        Ok(Refund { refund_id: refund.id })
    } else {
        let RefundObject { id, amount, currency, charge } = refund;
        Err(GatewayError::Unknown(format!(
            "refund {id} is of {amount} {currency} for {charge}, not what was asked for"
        )))
    }
}

/// What was found of an order's charges. Money that was taken outweighs a decline.
pub(super) fn found_charge(
    status: StatusCode,
    body: &[u8],
    order_id: Uuid,
) -> Result<Option<ChargeOutcome>, GatewayError> {
    let List { data } = read::<List<Charge>>(status, body)?;
    let (mut captured, declined): (Vec<_>, Vec<_>) =
        data.into_iter().partition(|charge| charge.status == "succeeded");
    if captured.len() > 1 {
        tracing::error!(%order_id, captures = captured.len(), "the gateway took money more than once for an order");
    }
    if !captured.is_empty() {
        return Ok(Some(ChargeOutcome::Captured { charge_id: captured.swap_remove(0).id }));
    }
    Ok(declined.into_iter().next().map(|charge| ChargeOutcome::Declined {
        code: charge.failure_code.unwrap_or_else(|| DECLINED_WITHOUT_REASON.to_owned()),
    }))
}

/// What was found of an order's refund.
pub(super) fn found_refund(status: StatusCode, body: &[u8]) -> Result<Option<Refund>, GatewayError> {
    let List { data } = read::<List<RefundObject>>(status, body)?;
    Ok(data.into_iter().next().map(|refund| Refund { refund_id: refund.id }))
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
#[path = "wire_tests.rs"]
mod tests;
