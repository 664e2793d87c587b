//! A gateway inside a test: on a free local port, with its ledger and switches at hand.

use std::io;

use tokio::{net::TcpListener, sync::oneshot, task::JoinSet};

use crate::sim::{GatewaySim, Options};

/// A gateway that serves until it is stopped or dropped.
pub struct TestGateway {
    base_url: String,
    sim: GatewaySim,
    stop: oneshot::Sender<()>,
    server: JoinSet<io::Result<()>>,
}

impl TestGateway {
    /// Where it listens, for instance `http://127.0.0.1:43121`.
    pub fn base_url(&self) -> &str {
        &self.base_url
    }

    /// The gateway behind the port: ledger, totals, fault switches.
    pub fn sim(&self) -> &GatewaySim {
        &self.sim
    }

    /// Stops listening, closes idle connections and waits for requests under way.
    pub async fn stop(mut self) {
        // A server that has ended by itself no longer listens to this.
        let _ = self.stop.send(());
        while self.server.join_next().await.is_some() {}
    }
}

/// Starts a gateway on a free port of 127.0.0.1.
///
/// # Errors
/// The port cannot be bound, or the ledger file cannot be opened.
pub async fn spawn_for_tests(options: Options) -> io::Result<TestGateway> {
    let sim = GatewaySim::new(options).map_err(io::Error::other)?;
    let listener = TcpListener::bind(("127.0.0.1", 0)).await?;
    let base_url = format!("http://{}", listener.local_addr()?);
    let (stop, stopped) = oneshot::channel::<()>();
    let serve = axum::serve(listener, sim.router()).with_graceful_shutdown(async {
        // Dropping the handle stops the server as well.
        let _ = stopped.await;
    });
    let mut server = JoinSet::new();
    server.spawn(async { serve.await });
    Ok(TestGateway { base_url, sim, stop, server })
}
