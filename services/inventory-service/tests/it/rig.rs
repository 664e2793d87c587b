//! A broker, replicas of the service on it, and a caller of their API.

use std::{borrow::Cow, net::SocketAddr, time::Duration};

use events::{
    Envelope, EventData, Money, OrderId, Timestamp, TraceId,
    orders::{Line, OrderCreated},
};
use inventory_service::Config;
use messaging::{
    jetstream::{ConnectOptions, JetStream},
    log::{Log, Message},
    topology::{self, TopologyOptions},
    trace::TraceContext,
};
use reqwest::{Client, RequestBuilder, Response, header::HeaderMap};
use runtime::Process;
use serde_json::{Value, json};
use service::{BrokerArgs, JournalArgs};
use testkit::{Broker, eventually};
use uuid::Uuid;

pub(crate) const SOON: Duration = Duration::from_secs(30);

/// A broker that is set up.
pub(crate) struct Fleet {
    pub(crate) broker: Broker,
    pub(crate) log: JetStream,
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
        Self::start_with(64 << 20).await
    }

    /// A fleet whose streams take so many bytes each.
    pub(crate) async fn start_with(max_bytes: i64) -> Self {
        let broker = testkit::broker().await;
        let options =
            ConnectOptions { urls: broker.url(), service: "test".to_owned(), instance: "test".to_owned() };
        let log = JetStream::connect(options).await.unwrap();
        log.connected().wait_for(|connected| *connected).await.unwrap();
        let options = TopologyOptions { max_bytes, ..TopologyOptions::default() };
        topology::setup(&log, &options).await.unwrap();
        Self { broker, log }
    }

    /// A replica that is starting.
    pub(crate) async fn replica(&self, instance: &str) -> Replica {
        let broker = BrokerArgs { nats_url: self.broker.url(), instance: instance.to_owned() };
        let process = Process::for_tests("inventory-service");
        let config = Config { broker, journal: JournalArgs::default(), adjustment_memory: 600 };
        let address = inventory_service::serve(config, process.clone()).await.unwrap();
        Replica { process, address, http: Client::builder().no_proxy().build().unwrap() }
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

    /// Publishes an event by hand.
    pub(crate) async fn publish<D: EventData>(&self, data: &D) {
        let envelope = Envelope {
            id: events::ids::derive(&["test", D::TYPE, &data.aggregate_id()]),
            kind: Cow::Borrowed(D::TYPE),
            version: D::VERSION,
            aggregate_id: Cow::Owned(data.aggregate_id()),
            timestamp: Timestamp(1_700_000_000_000_000),
            trace_id: TraceId([5; 16]),
            causation_id: Uuid::nil(),
            data,
        };
        let message = Message::event(&envelope, &TraceContext::unsampled(envelope.trace_id));
        self.log.publish(&message, None).await.unwrap();
    }

    pub(crate) async fn last(&self, stream: &str) -> u64 {
        self.log.extent(stream).await.unwrap().last
    }

    /// The messages of INVENTORY of one type.
    pub(crate) async fn inventory(&self, kind: &str) -> Vec<Value> {
        let mut found = Vec::new();
        for sequence in 1..=self.last("INVENTORY").await {
            let message = self.log.get("INVENTORY", sequence).await.unwrap().unwrap();
            if message.subject == kind {
                found.push(serde_json::from_slice::<Value>(&message.payload).unwrap());
            }
        }
        found
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

pub(crate) fn order(number: u128) -> OrderId {
    OrderId(Uuid::from_u128(number))
}

pub(crate) fn euros(amount: i64) -> Money {
    Money { amount, currency: "EUR".parse().unwrap() }
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
