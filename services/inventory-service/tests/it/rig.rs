//! A broker, replicas of the service on it, and a caller of their API.

use std::net::SocketAddr;

use events::orders::{Line, OrderCreated};
use inventory_service::Config;
use reqwest::{Client, RequestBuilder, Response, header::HeaderMap};
use runtime::Process;
use serde_json::{Value, json};
use service::{
    BrokerArgs, JournalArgs, ReachArgs,
    testing::{SOON, Streams, euros, order},
};
use testkit::{Broker, eventually};

/// A broker that is set up.
pub(crate) struct Fleet {
    pub(crate) broker: Broker,
    pub(crate) streams: Streams,
}

/// One replica of the service, and a caller of it.
pub(crate) struct Replica {
    pub(crate) process: Process,
    address: SocketAddr,
    http: Client,
}

/// What a caller was answered.
#[derive(Debug)]
pub(crate) struct Answer {
    pub(crate) status: u16,
    pub(crate) headers: HeaderMap,
    pub(crate) body: Value,
}

impl Fleet {
    pub(crate) async fn start() -> Self {
        let broker = testkit::broker().await;
        let streams = Streams::set_up(&broker.url()).await;
        Self { broker, streams }
    }

    /// A replica that is starting.
    pub(crate) async fn replica(&self, instance: &str) -> Replica {
        let broker = BrokerArgs { reach: ReachArgs::open(self.broker.url()), instance: instance.to_owned() };
        let process = Process::for_tests("inventory-service");
        let config = Config { broker, journal: JournalArgs::default(), adjustment_memory: 7_200 };
        let address = inventory_service::serve(config, process.clone()).await.unwrap();
        Replica { process, address, http: runtime::http_client().no_proxy().build().unwrap() }
    }

    /// A replica that is ready.
    pub(crate) async fn ready_replica(&self, instance: &str) -> Replica {
        let replica = self.replica(instance).await;
        eventually(SOON, "the replica to be ready", async || {
            let answer = replica.get("/ready").await;
            if answer.status == 200 { Ok(()) } else { Err(answer.body) }
        })
        .await;
        replica
    }

    /// The messages of INVENTORY of one type.
    pub(crate) async fn inventory(&self, kind: &str) -> Vec<Value> {
        let found = self.streams.of("INVENTORY", kind).await;
        found.iter().map(|message| serde_json::from_slice(&message.payload).unwrap()).collect()
    }
}

impl Replica {
    pub(crate) fn request(&self, method: reqwest::Method, path: &str) -> RequestBuilder {
        self.http.request(method, format!("http://{}{path}", self.address))
    }

    pub(crate) fn post(&self, sku: &str, body: &Value) -> RequestBuilder {
        self.request(reqwest::Method::POST, &format!("/stock/{sku}/adjustments")).json(body)
    }

    pub(crate) async fn get(&self, path: &str) -> Answer {
        answer(self.request(reqwest::Method::GET, path)).await
    }

    pub(crate) async fn adjust(&self, sku: &str, change: Value) -> Answer {
        answer(self.post(sku, &json!({ "change": change }))).await
    }

    pub(crate) async fn adjust_as(&self, key: &str, sku: &str, change: Value) -> Answer {
        answer(self.post(sku, &json!({ "change": change })).header("Idempotency-Key", key)).await
    }

    /// The value of a metric, found by its name and labels as they are written.
    pub(crate) async fn metric(&self, name: &str) -> Option<String> {
        let text = self.request(reqwest::Method::GET, "/metrics").send().await.unwrap().text().await.unwrap();
        let line = text.lines().find_map(|line| line.strip_prefix(name)?.strip_prefix(' '));
        line.map(str::to_owned)
    }

    /// Waits until a metric has a value.
    pub(crate) async fn measures(&self, name: &str, value: &str) {
        eventually(SOON, name, async || {
            let found = self.metric(name).await;
            if found.as_deref() == Some(value) { Ok(()) } else { Err(found) }
        })
        .await;
    }

    pub(crate) async fn stop(self) {
        assert!(self.process.stop().await, "everything in hand was finished");
    }
}

pub(crate) async fn answer(request: RequestBuilder) -> Answer {
    let response: Response = request.send().await.unwrap();
    let (status, headers) = (response.status().as_u16(), response.headers().clone());
    let text = response.text().await.unwrap();
    let body = serde_json::from_str(&text).unwrap_or(Value::String(text));
    Answer { status, headers, body }
}

impl Answer {
    /// On hand, reserved and available.
    pub(crate) fn level(&self) -> (u64, u64, u64) {
        let pieces = |name: &str| self.body[name].as_u64().unwrap_or_else(|| panic!("no {name} in {self:?}"));
        (pieces("on_hand"), pieces("reserved"), pieces("available"))
    }

    pub(crate) fn sequence(&self) -> u64 {
        self.body["sequence"].as_u64().unwrap()
    }

    pub(crate) fn is_problem(&self) -> bool {
        let is_type = self.headers["content-type"] == "application/problem+json";
        is_type && self.body["status"] == self.status && self.body["detail"].is_string()
    }

    pub(crate) fn replayed(&self) -> bool {
        self.headers.contains_key("idempotent-replayed")
    }
}

pub(crate) fn created(number: u128, sku: &str, quantity: u32) -> OrderCreated {
    OrderCreated {
        order_id: order(number),
        customer_id: "c-1".to_owned(),
        lines: vec![Line { sku: sku.to_owned(), quantity, unit_price: 100 }],
        total: euros(100 * i64::from(quantity)),
        payment_method: "tok_visa".to_owned(),
        fingerprint: "f".to_owned(),
    }
}
