//! The service over some source and database, asked by HTTP.

use std::net::SocketAddr;

use events::Timestamp;
use messaging::log::Stored;
use projection::{
    Source, Store,
    testing::{Database, MemoryStreams},
};
use reqwest::StatusCode;
use runtime::Process;
use serde_json::{Value, json};
use service::testing::SOON;
use testkit::eventually;
use uuid::Uuid;

/// A running service.
pub(crate) struct Rig {
    pub(crate) process: Process,
    pub(crate) store: Store,
    address: SocketAddr,
    client: reqwest::Client,
}

impl Rig {
    pub(crate) async fn start<S: Source>(database: &Database, source: S) -> Self {
        let store = Store::open(database.url()).await.unwrap();
        Self::start_on(store, source).await
    }

    pub(crate) async fn start_on<S: Source>(store: Store, source: S) -> Self {
        let process = Process::for_tests("audit-service");
        let address = audit_service::serve(&process, store.clone(), source).await.unwrap();
        Self { process, store, address, client: runtime::http_client().build().unwrap() }
    }

    /// A service that has written everything that is in the streams.
    pub(crate) async fn over(database: &Database, streams: &MemoryStreams) -> Self {
        let rig = Self::start(database, streams.clone()).await;
        rig.until_ready().await;
        rig
    }

    pub(crate) async fn ask(&self, path: &str) -> (StatusCode, Value) {
        let response = self.client.get(format!("http://{}{path}", self.address)).send().await.unwrap();
        let status = response.status();
        let problem = response.headers().get("content-type").is_some_and(|t| t == "application/problem+json");
        assert!(status.is_success() || problem || path == "/ready", "{path}: {status}");
        (status, serde_json::from_slice(&response.bytes().await.unwrap()).unwrap())
    }

    pub(crate) async fn get(&self, path: &str) -> Value {
        let (status, body) = self.ask(path).await;
        assert_eq!(status, StatusCode::OK, "{path}: {body}");
        body
    }

    pub(crate) async fn metrics(&self) -> String {
        let response = self.client.get(format!("http://{}/metrics", self.address)).send().await.unwrap();
        response.text().await.unwrap()
    }

    pub(crate) async fn until_ready(&self) {
        eventually(SOON, "readiness", async || match self.ask("/ready").await {
            (StatusCode::OK, _) => Ok(()),
            (_, body) => Err(body),
        })
        .await;
    }

    /// Waits until the trail has everything of a stream up to a sequence.
    pub(crate) async fn until(&self, stream: &str, sequence: u64) {
        eventually(SOON, "the trail", async || {
            // Refused until there are tables.
            let (_, page) = self.ask("/events?limit=1").await;
            let reached = page["complete_up_to"][stream].as_u64();
            if reached >= Some(sequence) { Ok(()) } else { Err(page) }
        })
        .await;
    }

    /// Every message of the trail, by pages of `limit`.
    pub(crate) async fn all(&self, filter: &str, limit: usize) -> Vec<Value> {
        let mut all = Vec::new();
        let mut cursor = String::new();
        loop {
            let page = self.get(&format!("/events?limit={limit}{filter}{cursor}")).await;
            let events = page["events"].as_array().unwrap();
            assert!(events.len() <= limit);
            all.extend(events.iter().cloned());
            match page["next_cursor"].as_str() {
                Some(next) => cursor = format!("&cursor={next}"),
                None => return all,
            }
        }
    }

    /// What somebody with access to the database does to it.
    pub(crate) async fn tamper(&self, statement: &str) {
        let mut connection = self.store.reader().acquire().await.unwrap().detach();
        let allow = match self.store.backend() {
            projection::Backend::Sqlite => "PRAGMA query_only = OFF",
            projection::Backend::Postgres => "SET default_transaction_read_only = off",
        };
        sqlx::raw_sql(allow).execute(&mut connection).await.unwrap();
        let changed =
            sqlx::raw_sql(sqlx::AssertSqlSafe(statement.to_owned())).execute(&mut connection).await.unwrap();
        assert!(changed.rows_affected() > 0, "{statement}");
    }

    pub(crate) async fn stop(self) {
        assert!(self.process.stop().await, "everything in hand was finished");
    }
}

/// An event as the fleet would publish it.
#[derive(Clone, Copy)]
pub(crate) struct Event<'a> {
    pub(crate) kind: &'a str,
    pub(crate) id: u128,
    pub(crate) cause: u128,
    pub(crate) aggregate: &'a str,
    /// In microseconds since 1970; also when it is stored.
    pub(crate) at: i64,
}

impl Event<'_> {
    pub(crate) fn stored(self, data: Value) -> Stored {
        let envelope = json!({
            "id": Uuid::from_u128(self.id), "type": self.kind, "version": 1, "aggregate_id": self.aggregate,
            "timestamp": Timestamp(self.at), "trace_id": format!("{:032x}", self.id % 3 + 1),
            "causation_id": Uuid::from_u128(self.cause), "data": data,
        });
        let body = serde_json::to_vec(&envelope).unwrap();
        Stored { timestamp: Timestamp(self.at), ..message(self.kind, body) }
    }
}

/// A message of any kind.
pub(crate) fn message(subject: &str, body: Vec<u8>) -> Stored {
    Stored {
        sequence: 0,
        timestamp: Timestamp::default(),
        subject: subject.to_owned(),
        headers: Default::default(),
        payload: body.into(),
    }
}

/// `stream sequence` of each event.
pub(crate) fn places(events: &[Value]) -> Vec<String> {
    let place = |event: &Value| {
        format!("{} {}", event["stream"].as_str().unwrap(), event["sequence"].as_u64().unwrap())
    };
    events.iter().map(place).collect()
}
