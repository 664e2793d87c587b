//! Somebody who calls a gateway.

use gateway_sim::{Faults, Options, TestGateway, spawn_for_tests};
use reqwest::{Client, Method, Response, StatusCode};
use serde_json::{Value, json};

/// A caller of a gateway of its own.
pub(crate) struct Caller {
    pub(crate) gateway: TestGateway,
    pub(crate) http: Client,
}

impl Caller {
    pub(crate) async fn new(options: Options) -> Self {
        let http = runtime::http_client().no_proxy().build().unwrap();
        Self { gateway: spawn_for_tests(options).await.unwrap(), http }
    }

    pub(crate) async fn with(faults: Faults) -> Self {
        Self::new(Options { faults, ..Options::for_tests() }).await
    }

    pub(crate) async fn send(
        &self,
        method: Method,
        path: &str,
        key: Option<&str>,
        body: &str,
    ) -> reqwest::Result<Response> {
        let request =
            self.http.request(method, format!("{}{path}", self.gateway.base_url())).body(body.to_owned());
        match key {
            Some(key) => request.header("Idempotency-Key", key),
            None => request,
        }
        .send()
        .await
    }

    pub(crate) async fn charge(&self, key: &str, body: &Value) -> Response {
        self.send(Method::POST, "/v1/charges", Some(key), &body.to_string()).await.unwrap()
    }

    pub(crate) async fn refund(&self, key: &str, body: &Value) -> Response {
        self.send(Method::POST, "/v1/refunds", Some(key), &body.to_string()).await.unwrap()
    }

    pub(crate) async fn get(&self, path: &str) -> Value {
        let response = self.send(Method::GET, path, None, "").await.unwrap();
        assert_eq!(response.status(), StatusCode::OK, "GET {path}");
        response.json().await.unwrap()
    }

    pub(crate) fn captures(&self) -> u64 {
        self.gateway.sim().summary().captured
    }
}

pub(crate) fn order(order_id: &str, payment_method: &str) -> Value {
    json!({
        "amount": 1250, "currency": "EUR", "payment_method": payment_method,
        "metadata": {"order_id": order_id, "customer_id": "c-1"}
    })
}

pub(crate) async fn error_of(response: Response) -> (u16, Value) {
    let status = response.status().as_u16();
    let mut body: Value = response.json().await.unwrap();
    (status, body["error"].take())
}
