//! The listener: accepts, bounds and ends connections.

use std::{io, net::SocketAddr, pin::pin, sync::Arc, time::Duration};

use anyhow::Context;
use axum::Router;
use hyper::server::conn::http1;
use hyper_util::{
    rt::{TokioIo, TokioTimer},
    service::TowerToHyperService,
};
use tokio::{
    net::{TcpListener, TcpStream},
    sync::{OwnedSemaphorePermit, Semaphore},
};
use tokio_util::{sync::CancellationToken, task::TaskTracker};
use tracing::{debug, info, warn};

use crate::{
    http::{middleware, ops},
    process::Process,
    shutdown::Shutdown,
};

/// Open connections at once. Further ones wait in the kernel's queue until one closes.
const MAX_CONNECTIONS: usize = 8192;

/// How long a connection may take to send a complete request head, idle time between requests included.
const HEAD_TIMEOUT: Duration = Duration::from_secs(10);

/// Pause after a failed accept, usually for want of file descriptors: closing connections need the time.
const ACCEPT_PAUSE: Duration = Duration::from_millis(200);

/// See [`Process::serve`].
pub(crate) async fn serve(process: &Process, router: Router) -> anyhow::Result<SocketAddr> {
    let wanted = process.listen_address();
    let listener = TcpListener::bind(wanted).await.with_context(|| format!("cannot listen on {wanted}"))?;
    let address = listener.local_addr().context("the listener has no address")?;
    let server = Server {
        listener,
        router: ops::routes(process).merge(middleware::around(process, router)),
        shutdown: process.shutdown().clone(),
        stop: process.http_stop().clone(),
        connections: process.http_tasks().tracker().clone(),
        slots: Arc::new(Semaphore::new(MAX_CONNECTIONS)),
    };
    let stop = process.http_stop().clone();
    process.http_tasks().spawn("http", async move {
        stop.run_until_cancelled(server.accept_forever()).await;
        Ok(())
    });
    info!(%address, "listening");
    Ok(address)
}

struct Server {
    listener: TcpListener,
    router: Router,
    shutdown: Shutdown,
    stop: CancellationToken,
    connections: TaskTracker,
    slots: Arc<Semaphore>,
}

impl Server {
    async fn accept_forever(&self) {
        loop {
            // The semaphore is never closed, so this only waits.
            let Ok(slot) = Arc::clone(&self.slots).acquire_owned().await else { return };
            match self.listener.accept().await {
                Ok((stream, _)) => self.spawn_connection(stream, slot),
                Err(error) if concerns_one_connection(&error) => {
                    debug!(%error, "connection lost while accepting")
                }
                Err(error) => {
                    warn!(%error, "cannot accept connections");
                    tokio::time::sleep(ACCEPT_PAUSE).await;
                }
            }
        }
    }

    fn spawn_connection(&self, stream: TcpStream, slot: OwnedSemaphorePermit) {
        if let Err(error) = stream.set_nodelay(true) {
            debug!(%error, "cannot disable Nagle's algorithm");
        }
        let connection =
            serve_connection(stream, self.router.clone(), self.shutdown.clone(), self.stop.clone());
        self.connections.spawn(async move {
            if let Err(error) = connection.await {
                debug!(%error, "connection ended early");
            }
            drop(slot);
        });
    }
}

/// Serves one connection. Once draining begins it finishes the exchange in flight and closes; a connection opened
/// during the drain gets one exchange.
async fn serve_connection(
    stream: TcpStream,
    router: Router,
    shutdown: Shutdown,
    stop: CancellationToken,
) -> hyper::Result<()> {
    let draining = shutdown.requested();
    let mut builder = http1::Builder::new();
    builder.timer(TokioTimer::new()).header_read_timeout(HEAD_TIMEOUT).keep_alive(!draining);
    let connection = builder.serve_connection(TokioIo::new(stream), TowerToHyperService::new(router));
    let mut connection = pin!(connection);
    let close = if draining { &stop } else { shutdown.soft() };
    tokio::select! {
        ended = connection.as_mut() => return ended,
        () = close.cancelled() => connection.as_mut().graceful_shutdown(),
    }
    connection.await
}

fn concerns_one_connection(error: &io::Error) -> bool {
    use io::ErrorKind::{ConnectionAborted, ConnectionRefused, ConnectionReset};
    [ConnectionAborted, ConnectionRefused, ConnectionReset].contains(&error.kind())
}

#[cfg(test)]
mod tests {
    use axum::routing::get;
    use tokio::{
        io::{AsyncReadExt, AsyncWriteExt},
        time::Instant,
    };

    use super::*;

    async fn served() -> (Process, SocketAddr) {
        let process = Process::for_tests("probe");
        let router = Router::new().route("/", get(|| async { "hello" }));
        let address = process.serve(router).await.unwrap();
        (process, address)
    }

    #[tokio::test(start_paused = true)]
    async fn a_head_that_never_completes_costs_the_connection() {
        let (_process, address) = served().await;
        let mut stream = TcpStream::connect(address).await.unwrap();
        stream.write_all(b"GET / HTTP/1.1\r\nHost: pro").await.unwrap();
        let started = Instant::now();
        let mut answer = Vec::new();
        stream.read_to_end(&mut answer).await.unwrap();
        assert!(started.elapsed() >= HEAD_TIMEOUT && !answer.starts_with(b"HTTP/1.1 200"), "{answer:?}");
    }

    #[tokio::test]
    async fn stopping_closes_idle_connections_and_the_listener() {
        let (process, address) = served().await;
        let mut stream = TcpStream::connect(address).await.unwrap();
        stream.write_all(b"GET / HTTP/1.1\r\nHost: probe\r\n\r\n").await.unwrap();
        let mut answer = Vec::new();
        while !answer.ends_with(b"hello") {
            assert_ne!(stream.read_buf(&mut answer).await.unwrap(), 0);
        }

        assert!(process.stop().await, "nothing was in hand");
        assert_eq!(stream.read(&mut [0]).await.unwrap(), 0);
        assert!(TcpStream::connect(address).await.is_err());
    }

    #[tokio::test]
    async fn health_names_loops_that_are_stuck() {
        let (process, address) = served().await;
        let feeder = process.heartbeat("feeder");
        tokio::time::pause();
        tokio::time::advance(Duration::from_secs(31)).await;
        tokio::time::resume();
        let mut stream = TcpStream::connect(address).await.unwrap();
        stream.write_all(b"GET /health HTTP/1.1\r\nHost: probe\r\nConnection: close\r\n\r\n").await.unwrap();
        let mut answer = String::new();
        stream.read_to_string(&mut answer).await.unwrap();
        assert!(answer.starts_with("HTTP/1.1 503 ") && answer.contains(r#""name":"feeder""#), "{answer}");

        feeder.beat();
        assert!(process.health().stale().is_empty());
    }
}
