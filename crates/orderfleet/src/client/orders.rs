//! The order service: place, read, cancel, list.

mod bodies;

use std::time::Duration;

use events::OrderId;
use reqwest::{RequestBuilder, StatusCode};
use serde::Deserialize;
use serde_json::json;

use super::{
    endpoint::{Answer, Endpoint},
    error::{BadUrl, CallError},
};

pub use bodies::{
    OpenOrder, OpenOrderPage, Order, OrderBody, OrderLine, OrderPage, OrderStatus, Payment, Refund,
};

/// The answer to an order placed or cancelled.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Placed {
    /// 202 when the request is stored; 200 or 201 when the answer is the order itself.
    pub code: u16,
    /// The order.
    pub order_id: OrderId,
    /// How far it has come.
    pub status: OrderStatus,
    /// The order, unless the answer was 202.
    pub order: Option<Box<Order>>,
}

/// Which orders to list. Everything left out means all.
#[derive(Debug, Clone, Default)]
pub struct OrderFilter {
    /// Only this customer's.
    pub customer_id: Option<String>,
    /// Only those that have come exactly so far.
    pub status: Option<OrderStatus>,
    /// At most so many.
    pub limit: Option<u32>,
    /// From where the page before ended.
    pub cursor: Option<String>,
}

/// The order service. Clones share its connections.
#[derive(Debug, Clone)]
pub struct OrderClient {
    endpoint: Endpoint,
}

impl OrderClient {
    /// The service at `base_url`, e.g. `http://127.0.0.1:8080`.
    ///
    /// # Errors
    /// That is no such address.
    pub fn new(base_url: &str) -> Result<Self, BadUrl> {
        Ok(Self { endpoint: Endpoint::new(base_url)? })
    }

    /// Waits so long for an answer instead of 35 s.
    #[must_use]
    pub fn answers_within(self, deadline: Duration) -> Self {
        Self { endpoint: self.endpoint.answers_within(deadline) }
    }

    /// Places an order. With a key, the same call again is the same order; with `wait` the answer comes when the order
    /// is settled, or after that time (whole seconds, at most 30).
    ///
    /// # Errors
    /// See [`CallError`].
    pub async fn place(
        &self,
        order: &OrderBody,
        key: Option<&str>,
        wait: Option<Duration>,
    ) -> Result<Placed, CallError> {
        let mut request = prefer(self.endpoint.post(&["orders"]), wait).json(order);
        if let Some(key) = key {
            request = request.header("Idempotency-Key", key);
        }
        placed(&self.endpoint.send(request).await?)
    }

    /// An order.
    ///
    /// # Errors
    /// See [`CallError`]; code 404 when there is none.
    pub async fn get(&self, order_id: OrderId) -> Result<Order, CallError> {
        self.endpoint.read(&["orders", &order_id.to_string()], &[]).await
    }

    /// An order as soon as it is confirmed or cancelled, or as it is after `wait` (whole seconds, at most 30).
    ///
    /// # Errors
    /// As for [`get`](Self::get).
    pub async fn get_settled(&self, order_id: OrderId, wait: Duration) -> Result<Order, CallError> {
        let request = self.endpoint.get(&["orders", &order_id.to_string()]);
        self.endpoint.send(prefer(request, Some(wait))).await?.json()
    }

    /// Asks for an order to be cancelled; with `wait` the answer comes when that is decided.
    ///
    /// # Errors
    /// See [`CallError`]; code 409 when it is too late.
    pub async fn cancel(
        &self,
        order_id: OrderId,
        reason: Option<&str>,
        wait: Option<Duration>,
    ) -> Result<Placed, CallError> {
        let request = prefer(self.endpoint.post(&["orders", &order_id.to_string(), "cancel"]), wait);
        let request = match reason {
            Some(reason) => request.json(&json!({ "reason": reason })),
            None => request,
        };
        placed(&self.endpoint.send(request).await?)
    }

    /// Orders, newest first.
    ///
    /// # Errors
    /// See [`CallError`].
    pub async fn list(&self, filter: &OrderFilter) -> Result<OrderPage, CallError> {
        let OrderFilter { customer_id, status, limit, cursor } = filter;
        let parameters = [
            ("customer_id", customer_id.clone()),
            ("status", status.map(|status| status.as_str().to_owned())),
            ("limit", limit.map(|limit| limit.to_string())),
            ("cursor", cursor.clone()),
        ];
        let query: Vec<_> = parameters.into_iter().filter_map(|(name, value)| Some((name, value?))).collect();
        self.endpoint.read(&["orders"], &query).await
    }

    /// Orders that have been open for so many minutes, as many as the service is set to if not given; longest open
    /// first, at most so many, from where the page before ended.
    ///
    /// # Errors
    /// See [`CallError`].
    pub async fn stuck(
        &self,
        minutes: Option<u32>,
        limit: u32,
        cursor: Option<&str>,
    ) -> Result<OpenOrderPage, CallError> {
        let mut query = vec![("limit", limit.to_string())];
        query.extend(minutes.map(|minutes| ("minutes", minutes.to_string())));
        query.extend(cursor.map(|cursor| ("cursor", cursor.to_owned())));
        self.endpoint.read(&["orders", "stuck"], &query).await
    }
}

fn prefer(request: RequestBuilder, wait: Option<Duration>) -> RequestBuilder {
    match wait {
        Some(wait) => request.header("Prefer", format!("wait={}", wait.as_secs().max(1))),
        None => request,
    }
}

fn placed(answer: &Answer) -> Result<Placed, CallError> {
    #[derive(Deserialize)]
    struct Word {
        order_id: OrderId,
        status: OrderStatus,
    }
    let code = answer.status.as_u16();
    if answer.status == StatusCode::ACCEPTED {
        let Word { order_id, status } = answer.json()?;
        return Ok(Placed { code, order_id, status, order: None });
    }
    let order: Box<Order> = answer.json()?;
    Ok(Placed { code, order_id: order.order_id, status: order.status, order: Some(order) })
}
