//! Calls the service as its callers do.

use std::net::SocketAddr;

use reqwest::{Method, header::HeaderMap};
use serde_json::{Value, json};
use service::testing::SOON;
use testkit::eventually;

/// A caller of one replica.
#[derive(Debug, Clone)]
pub(crate) struct Client {
    address: SocketAddr,
    /// Asks again while it is told to come back later, as on a machine that is busy with other things.
    patient: bool,
    http: reqwest::Client,
}

/// What it was told.
#[derive(Debug)]
pub(crate) struct Answer {
    pub(crate) code: u16,
    pub(crate) headers: HeaderMap,
    pub(crate) body: Value,
}

impl Client {
    pub(crate) fn new(address: SocketAddr) -> Self {
        Self { address, patient: true, http: runtime::http_client().build().unwrap() }
    }

    /// One who asks once.
    pub(crate) fn impatient(&self) -> Self {
        Self { patient: false, ..self.clone() }
    }

    /// Where the service listens, for what no well-behaved client would send.
    pub(crate) fn address(&self) -> SocketAddr {
        self.address
    }

    pub(crate) fn request(&self, method: Method, path: &str) -> reqwest::RequestBuilder {
        self.http.request(method, format!("http://{}{path}", self.address))
    }

    pub(crate) async fn get(&self, path: &str) -> Answer {
        self.ask(|| self.request(Method::GET, path)).await
    }

    pub(crate) async fn order(&self, id: &str) -> Answer {
        self.get(&format!("/orders/{id}")).await
    }

    /// Places an order, with these headers.
    pub(crate) async fn place(&self, body: &Value, headers: &[(&str, &str)]) -> Answer {
        Answer::of(with(self.request(Method::POST, "/orders"), headers).json(body)).await
    }

    /// Asks for an order to be cancelled, with these headers.
    pub(crate) async fn cancel(&self, id: &str, headers: &[(&str, &str)]) -> Answer {
        let path = format!("/orders/{id}/cancel");
        self.ask(|| with(self.request(Method::POST, &path), headers)).await
    }

    /// Asks what may be asked twice.
    async fn ask(&self, request: impl Fn() -> reqwest::RequestBuilder) -> Answer {
        if !self.patient {
            return Answer::of(request()).await;
        }
        eventually(SOON, "an answer", async || {
            let answer = Answer::of(request()).await;
            if answer.code == 503 { Err(answer.body) } else { Ok(answer) }
        })
        .await
    }
}

fn with(request: reqwest::RequestBuilder, headers: &[(&str, &str)]) -> reqwest::RequestBuilder {
    headers.iter().fold(request, |request, (name, value)| request.header(*name, *value))
}

impl Answer {
    pub(crate) async fn of(request: reqwest::RequestBuilder) -> Self {
        let response = request.send().await.unwrap();
        let (code, headers) = (response.status().as_u16(), response.headers().clone());
        let text = response.text().await.unwrap();
        let body = serde_json::from_str(&text).unwrap_or(Value::String(text));
        Self { code, headers, body }
    }

    /// A text of the body, by its JSON pointer; empty when there is none.
    pub(crate) fn text(&self, pointer: &str) -> &str {
        self.body.pointer(pointer).and_then(Value::as_str).unwrap_or_default()
    }

    pub(crate) fn header(&self, name: &str) -> &str {
        self.headers.get(name).and_then(|value| value.to_str().ok()).unwrap_or_default()
    }

    pub(crate) fn id(&self) -> String {
        self.text("/order_id").to_owned()
    }

    /// The answer, if it is this one.
    #[track_caller]
    pub(crate) fn expect(self, code: u16) -> Self {
        assert_eq!(self.code, code, "{}", self.body);
        self
    }

    /// A problem document with this code.
    #[track_caller]
    pub(crate) fn problem(self, code: u16) -> Self {
        assert_eq!(self.header("content-type"), "application/problem+json", "{} {}", self.code, self.body);
        assert_eq!(self.body["status"], self.code, "{}", self.body);
        assert!(!self.text("/title").is_empty() && !self.text("/detail").is_empty(), "{}", self.body);
        self.expect(code)
    }

    /// A 503 that says when to come back.
    #[track_caller]
    pub(crate) fn unavailable(self) -> Self {
        let answer = self.problem(503);
        let after: u64 = answer.header("retry-after").parse().unwrap();
        assert!((1..=60).contains(&after), "Retry-After: {after}");
        answer
    }
}

/// An order of so many lamps at 19.99 EUR.
pub(crate) fn lamps(customer: &str, quantity: u32) -> Value {
    json!({
        "customer_id": customer,
        "currency": "EUR",
        "lines": [{ "sku": "LAMP-BLUE", "quantity": quantity, "unit_price": 1999 }],
        "payment_method": "pm_card_visa",
    })
}
