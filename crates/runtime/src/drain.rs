//! The orderly stop, step by step, and what it amounts to.

use std::time::Duration;

use tokio::time::{Instant, timeout, timeout_at};
use tracing::{error, warn};

use crate::process::Process;

/// How long tasks may take to notice that they are being abandoned.
const HARD_GRACE: Duration = Duration::from_secs(2);

/// How long HTTP exchanges in flight may take once every task has ended. A client that reads slowly must not hold
/// the process.
const HTTP_GRACE: Duration = Duration::from_secs(5);

/// Whether everything in hand was finished.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Drained {
    Completely,
    /// The grace period ended first and something was abandoned.
    Partly,
}

/// Waits for the end of all work after a shutdown request, for a bounded time.
///
/// `/ready` answers 503 from the moment of the request, and HTTP takes no new API calls; exchanges in flight and tasks
/// finish side by side. The listener itself closes last, so that probes and scrapes can watch the drain.
pub(crate) async fn drain(process: &Process) -> Drained {
    process.shutdown().soft().cancel();
    let tasks = drain_tasks(process).await;
    process.http_stop().cancel();
    if timeout(HTTP_GRACE, process.http_tasks().finished()).await.is_err() {
        warn!("HTTP exchanges still open were dropped");
    }
    tasks
}

async fn drain_tasks(process: &Process) -> Drained {
    let limit = process.drain_timeout();
    if timeout_at(Instant::now() + limit, process.tasks().finished()).await.is_ok() {
        return Drained::Completely;
    }
    let unfinished = process.tasks().unfinished().join(", ");
    error!(unfinished, seconds = limit.as_secs(), "drain timeout exceeded, abandoning what is unfinished");
    process.shutdown().abandon();
    if timeout(HARD_GRACE, process.tasks().finished()).await.is_err() {
        let unfinished = process.tasks().unfinished().join(", ");
        error!(unfinished, "tasks did not end when abandoned");
    }
    Drained::Partly
}
