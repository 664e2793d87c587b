//! What goes over HTTP: the bodies of requests with their checks, and the objects of answers.

use std::sync::Arc;

use axum::http::HeaderMap;
use serde::{Deserialize, Serialize, de::DeserializeOwned};

use crate::{
    entry::{Entry, Operation},
    error::ApiError,
};

/// The longest idempotency key, token or metadata value.
const MAX_TEXT: usize = 255;

/// Body of `POST /v1/charges`.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct ChargeBody {
    pub(crate) amount: i64,
    pub(crate) currency: String,
    pub(crate) payment_method: String,
    pub(crate) metadata: Metadata,
}

/// Body of `POST /v1/refunds`.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct RefundBody {
    pub(crate) charge: String,
    pub(crate) amount: i64,
    #[serde(default)]
    pub(crate) metadata: Metadata,
}

/// The caller's own references; other keys are accepted and dropped.
#[derive(Debug, Clone, Default, Serialize, Deserialize)]
pub(crate) struct Metadata {
    #[serde(default)]
    pub(crate) order_id: Option<String>,
    #[serde(default)]
    pub(crate) customer_id: Option<String>,
}

/// One page of `GET /admin/ledger`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct LedgerPage<E = Entry> {
    /// Entries in ledger order.
    pub entries: Vec<E>,
    /// Pass as `cursor` for the next page; absent when the ledger ended with this one.
    pub next_cursor: Option<u64>,
}

#[derive(Debug, Serialize)]
pub(crate) struct ChargeObject<'a> {
    id: &'a str,
    object: &'static str,
    amount: i64,
    amount_refunded: i64,
    currency: &'a str,
    created: u64,
    status: &'static str,
    paid: bool,
    failure_code: Option<&'static str>,
    payment_method: &'a str,
    metadata: Metadata,
}

#[derive(Debug, Serialize)]
pub(crate) struct RefundObject<'a> {
    id: &'a str,
    object: &'static str,
    amount: i64,
    charge: &'a str,
    currency: &'a str,
    created: u64,
    status: &'static str,
    metadata: Metadata,
}

#[derive(Debug, Serialize)]
pub(crate) struct List<T> {
    object: &'static str,
    data: Vec<T>,
}

impl<T> List<T> {
    pub(crate) fn new(data: Vec<T>) -> Self {
        Self { object: "list", data }
    }
}

impl<'a> ChargeObject<'a> {
    /// The charge an entry booked; `None` for a refund.
    pub(crate) fn of(entry: &'a Entry, amount_refunded: i64) -> Option<Self> {
        let (payment_method, declined) = match &entry.operation {
            Operation::Capture { payment_method } => (payment_method, None),
            Operation::Decline { payment_method, code } => (payment_method, Some(code.as_str())),
            Operation::Refund { .. } => return None,
        };
        Some(Self {
            id: &entry.id,
            object: "charge",
            amount: entry.amount,
            amount_refunded,
            currency: &entry.currency,
            created: entry.time_ms / 1_000,
            status: if declined.is_some() { "failed" } else { "succeeded" },
            paid: declined.is_none(),
            failure_code: declined,
            payment_method,
            metadata: Metadata::of(entry),
        })
    }
}

impl<'a> RefundObject<'a> {
    /// The refund an entry booked; `None` for a charge.
    pub(crate) fn of(entry: &'a Entry) -> Option<Self> {
        let Operation::Refund { charge } = &entry.operation else { return None };
        Some(Self {
            id: &entry.id,
            object: "refund",
            amount: entry.amount,
            charge,
            currency: &entry.currency,
            created: entry.time_ms / 1_000,
            status: "succeeded",
            metadata: Metadata::of(entry),
        })
    }
}

impl Metadata {
    fn of(entry: &Entry) -> Self {
        Self { order_id: Some(entry.order_id.clone()), customer_id: entry.customer_id.clone() }
    }
}

impl ChargeBody {
    /// The order this charge is for, once every field has been checked.
    pub(crate) fn checked_order_id(&self) -> Result<String, ApiError> {
        check_amount(self.amount)?;
        if self.currency.len() != 3 || !self.currency.bytes().all(|byte| byte.is_ascii_alphabetic()) {
            return Err(ApiError::invalid_param("currency", "currency must be a three-letter ISO 4217 code"));
        }
        check_text("payment_method", &self.payment_method)?;
        if let Some(customer_id) = &self.metadata.customer_id {
            check_text("metadata.customer_id", customer_id)?;
        }
        let order_id = self.metadata.order_id.as_deref().unwrap_or_default();
        check_text("metadata.order_id", order_id)?;
        Ok(order_id.to_owned())
    }
}

impl RefundBody {
    /// Checks what can be checked without the charge.
    pub(crate) fn check(&self) -> Result<(), ApiError> {
        check_amount(self.amount)?;
        check_text("charge", &self.charge)
    }

    /// The caller's idea of what it refunds agrees with the charge.
    pub(crate) fn check_against(&self, charge: &Entry) -> Result<(), ApiError> {
        match &self.metadata.order_id {
            Some(order_id) if *order_id != charge.order_id => {
                Err(ApiError::invalid_param("metadata.order_id", "the charge belongs to another order"))
            }
            Some(_) | None => Ok(()),
        }
    }
}

impl<'a> LedgerPage<&'a Entry> {
    /// The page made of `entries`, at most `limit` having been asked for.
    pub(crate) fn of(entries: &'a [Arc<Entry>], limit: usize) -> Self {
        let full = entries.len() == limit;
        Self {
            entries: entries.iter().map(Arc::as_ref).collect(),
            next_cursor: entries.last().map(|entry| entry.seq).filter(|_| full),
        }
    }
}

/// Reads a JSON body.
pub(crate) fn parse<T: DeserializeOwned>(body: &[u8]) -> Result<T, ApiError> {
    serde_json::from_slice(body)
        .map_err(|error| ApiError::invalid(format!("the body is not as expected: {error}")))
}

/// The `Idempotency-Key` of a request.
pub(crate) fn idempotency_key(headers: &HeaderMap) -> Result<String, ApiError> {
    let mut values = headers.get_all("idempotency-key").iter();
    let (Some(value), None) = (values.next(), values.next()) else {
        return Err(ApiError::invalid("exactly one Idempotency-Key header is needed"));
    };
    let key = value.as_bytes();
    if key.is_empty() || key.len() > MAX_TEXT || !key.iter().all(u8::is_ascii_graphic) {
        return Err(ApiError::invalid("the Idempotency-Key must be 1 to 255 visible ASCII characters"));
    }
    Ok(String::from_utf8_lossy(key).into_owned())
}

fn check_amount(amount: i64) -> Result<(), ApiError> {
    if amount > 0 {
        Ok(())
    } else {
        Err(ApiError::invalid_param("amount", "amount must be a positive number of minor units"))
    }
}

fn check_text(param: &'static str, text: &str) -> Result<(), ApiError> {
    if (1..=MAX_TEXT).contains(&text.len()) {
        Ok(())
    } else {
        Err(ApiError::invalid_param(param, format!("{param} must be 1 to {MAX_TEXT} bytes long")))
    }
}
