//! The gateway's error answers, in the shape a Stripe client expects.

use axum::{
    Json,
    http::StatusCode,
    response::{IntoResponse, Response},
};
use serde::Serialize;

use crate::{entry::DeclineCode, ledger::LedgerError};

/// An error answer: a status and `{"error": {…}}`.
#[derive(Debug)]
pub(crate) struct ApiError {
    status: StatusCode,
    body: ErrorBody,
}

#[derive(Debug, Serialize)]
struct ErrorBody {
    r#type: &'static str,
    #[serde(skip_serializing_if = "Option::is_none")]
    code: Option<&'static str>,
    message: String,
    /// The offending field of the request.
    #[serde(skip_serializing_if = "Option::is_none")]
    param: Option<&'static str>,
    /// Id of the declined charge.
    #[serde(skip_serializing_if = "Option::is_none")]
    charge: Option<String>,
}

impl ApiError {
    fn new(status: StatusCode, r#type: &'static str, message: impl Into<String>) -> Self {
        Self {
            status,
            body: ErrorBody { r#type, code: None, message: message.into(), param: None, charge: None },
        }
    }

    /// 400: the request is malformed as a whole.
    pub(crate) fn invalid(message: impl Into<String>) -> Self {
        Self::new(StatusCode::BAD_REQUEST, "invalid_request_error", message)
    }

    /// 400: one field is wrong.
    pub(crate) fn invalid_param(param: &'static str, message: impl Into<String>) -> Self {
        let mut error = Self::invalid(message);
        error.body.param = Some(param);
        error
    }

    /// 402: the card refused.
    pub(crate) fn declined(code: DeclineCode, charge: &str) -> Self {
        let mut error = Self::new(StatusCode::PAYMENT_REQUIRED, "card_error", code.message());
        error.body.code = Some(code.as_str());
        error.body.charge = Some(charge.to_owned());
        error
    }

    /// 500: something broke on this side.
    pub(crate) fn internal() -> Self {
        Self::new(StatusCode::INTERNAL_SERVER_ERROR, "api_error", "Something went wrong in the gateway.")
    }

    /// 503: the gateway is out of service.
    pub(crate) fn outage() -> Self {
        Self::new(StatusCode::SERVICE_UNAVAILABLE, "api_error", "The gateway is out of service.")
    }

    fn coded(mut self, status: StatusCode, code: &'static str) -> Self {
        self.status = status;
        self.body.code = Some(code);
        self
    }
}

impl From<LedgerError> for ApiError {
    fn from(error: LedgerError) -> Self {
        let refused = Self::invalid(error.to_string());
        match error {
            LedgerError::KeyReused => {
                Self::new(StatusCode::BAD_REQUEST, "idempotency_error", error.to_string())
            }
            LedgerError::NoSuchCharge(_) => refused.coded(StatusCode::NOT_FOUND, "resource_missing"),
            LedgerError::AlreadyRefunded(_) => {
                refused.coded(StatusCode::BAD_REQUEST, "charge_already_refunded")
            }
            LedgerError::RefundTooLarge(_) => refused.coded(StatusCode::BAD_REQUEST, "amount_too_large"),
            LedgerError::Storage(source) => {
                tracing::error!(error = %source, "the ledger cannot be written");
                Self::internal()
            }
        }
    }
}

impl IntoResponse for ApiError {
    fn into_response(self) -> Response {
        #[derive(Serialize)]
        struct Envelope {
            error: ErrorBody,
        }
        (self.status, Json(Envelope { error: self.body })).into_response()
    }
}
