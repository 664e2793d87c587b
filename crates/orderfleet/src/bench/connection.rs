//! HTTP as cheap as it comes: a bounded number of connections that stay open, and nothing around them.
//!
//! What the generator of a load costs is taken from the fleet when both share a machine. A call here is one
//! request written and one answer read; of the connections that are free, the one used last is taken.

use std::{
    net::SocketAddr,
    sync::{Mutex, PoisonError},
    time::Duration,
};

use anyhow::{Context, anyhow};
use bytes::Bytes;
use http_body_util::{BodyExt, Full};
use hyper::{
    Method, Request,
    client::conn::http1::{SendRequest, handshake},
    header::{CONTENT_TYPE, HOST, RETRY_AFTER},
};
use hyper_util::rt::TokioIo;
use tokio::{net::TcpStream, sync::Semaphore, time::timeout};
use tokio_util::task::TaskTracker;

/// Above the 30 s a caller may ask a service to wait.
const DEADLINE: Duration = Duration::from_secs(35);

/// One request.
#[derive(Debug, Clone)]
pub(super) struct Call {
    pub(super) method: Method,
    pub(super) path: String,
    /// Beside those that every request has.
    pub(super) headers: Vec<(&'static str, String)>,
    /// JSON, or nothing.
    pub(super) body: Bytes,
}

impl Call {
    /// Reads what is at `path`.
    pub(super) fn get(path: impl Into<String>) -> Self {
        Self { method: Method::GET, path: path.into(), headers: Vec::new(), body: Bytes::new() }
    }

    /// Sends JSON to `path`.
    pub(super) fn post(path: impl Into<String>, body: impl Into<Bytes>) -> Self {
        Self { method: Method::POST, path: path.into(), headers: Vec::new(), body: body.into() }
    }

    /// The same with one more header.
    pub(super) fn header(mut self, name: &'static str, value: impl Into<String>) -> Self {
        self.headers.push((name, value.into()));
        self
    }

    fn request(&self, host: &str) -> anyhow::Result<Request<Full<Bytes>>> {
        let mut request = Request::builder().method(&self.method).uri(&self.path).header(HOST, host);
        if !self.body.is_empty() {
            request = request.header(CONTENT_TYPE, "application/json");
        }
        for (name, value) in &self.headers {
            request = request.header(*name, value);
        }
        Ok(request.body(Full::new(self.body.clone()))?)
    }
}

/// What came back.
#[derive(Debug, Clone)]
pub(super) struct Answer {
    pub(super) status: u16,
    pub(super) retry_after: Option<Duration>,
    pub(super) body: Bytes,
}

/// Connections to the replicas of one service.
#[derive(Debug)]
pub(super) struct Pool {
    lanes: Vec<Lane>,
    connections: TaskTracker,
}

/// Connections to one replica.
#[derive(Debug)]
struct Lane {
    address: SocketAddr,
    host: String,
    /// One permit for each connection that may be in use at once.
    free: Semaphore,
    idle: Mutex<Vec<Connection>>,
}

type Connection = SendRequest<Full<Bytes>>;

impl Pool {
    /// At most so many connections to each of the replicas, which listen at these URLs of this machine.
    ///
    /// # Errors
    /// There is none, or an address is not of the kind a fleet has.
    pub(super) fn new(urls: &[String], connections: usize) -> anyhow::Result<Self> {
        let lane = |url: &String| -> anyhow::Result<Lane> {
            let host = url.strip_prefix("http://").context("a service is reached by plain HTTP")?.to_owned();
            let address = host.parse().with_context(|| format!("{url} is no address of a fleet"))?;
            Ok(Lane { address, host, free: Semaphore::new(connections), idle: Mutex::default() })
        };
        let lanes = urls.iter().map(lane).collect::<anyhow::Result<Vec<_>>>()?;
        anyhow::ensure!(!lanes.is_empty(), "there is nobody to call");
        Ok(Self { lanes, connections: TaskTracker::new() })
    }

    /// Calls a replica, another one each `turn`; waits for a connection if all are in use.
    ///
    /// # Errors
    /// No answer came. Whether the call was heard is not known.
    pub(super) async fn call(&self, turn: u64, call: &Call) -> anyhow::Result<Answer> {
        let place = usize::try_from(turn % self.lanes.len() as u64)?;
        let lane = &self.lanes[place];
        let _permit = lane.free.acquire().await?;
        timeout(DEADLINE, self.answer(lane, call))
            .await
            .map_err(|_| anyhow!("no answer within {DEADLINE:?}"))?
    }

    async fn answer(&self, lane: &Lane, call: &Call) -> anyhow::Result<Answer> {
        let mut connection = match lane.take() {
            Some(connection) => connection,
            None => self.connect(lane.address).await?,
        };
        connection.ready().await?;
        let response = connection.send_request(call.request(&lane.host)?).await?;
        let (head, body) = response.into_parts();
        let body = body.collect().await?.to_bytes();
        lane.give_back(connection);
        let retry_after = head.headers.get(RETRY_AFTER).and_then(|value| value.to_str().ok()?.parse().ok());
        Ok(Answer { status: head.status.as_u16(), retry_after: retry_after.map(Duration::from_secs), body })
    }

    async fn connect(&self, address: SocketAddr) -> anyhow::Result<Connection> {
        let stream = TcpStream::connect(address).await?;
        stream.set_nodelay(true)?;
        let (sender, connection) = handshake(TokioIo::new(stream)).await?;
        // Ends when the sender is dropped; why it ended before, the call finds out.
        self.connections.spawn(async move { drop(connection.await) });
        Ok(sender)
    }
}

impl Lane {
    fn take(&self) -> Option<Connection> {
        let mut idle = self.idle.lock().unwrap_or_else(PoisonError::into_inner);
        std::iter::from_fn(|| idle.pop()).find(|connection| !connection.is_closed())
    }

    fn give_back(&self, connection: Connection) {
        if !connection.is_closed() {
            self.idle.lock().unwrap_or_else(PoisonError::into_inner).push(connection);
        }
    }
}
