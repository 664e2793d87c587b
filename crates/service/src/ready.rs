//! Readiness: the broker is there and set up, and the journal has been read.

use std::time::Duration;

use messaging::{
    jetstream::JetStream,
    journal::{JournalStatus, Role},
    topology,
};
use runtime::Process;
use tokio::sync::watch;
use tracing::debug;

use crate::Needs;

/// How long a lost connection is tolerated: a rolling restart of the broker must not empty every
/// endpoint at once.
const GRACE: Duration = Duration::from_secs(10);
/// Pause between two looks at a broker that is not set up yet.
const LOOK_AGAIN: Duration = Duration::from_millis(500);

/// Ready once the broker is connected and set up; not ready when it has been away for longer than the grace.
pub(crate) fn watch_broker(process: &Process, log: JetStream, needs: Needs) {
    let check = process.readiness("broker");
    process.tasks().spawn_until_stop("broker-readiness", async move {
        while let Err(error) = topology::verify(&log, needs.streams, needs.consumers).await {
            debug!(%error, "not set up");
            check.not_ready(error.to_string());
            tokio::time::sleep(LOOK_AGAIN).await;
        }
        let mut connected = log.connected();
        loop {
            check.ready();
            if connected.wait_for(|connected| !connected).await.is_err() {
                break;
            }
            if tokio::time::timeout(GRACE, connected.wait_for(|connected| *connected)).await.is_err() {
                check.not_ready("the broker is not connected");
                if connected.wait_for(|connected| *connected).await.is_err() {
                    break;
                }
            }
        }
    });
}

/// Ready once everything that was in the journal at the start has been folded, whoever leads.
pub(crate) fn watch_journal(process: &Process, mut status: watch::Receiver<JournalStatus>) {
    let check = process.readiness("journal");
    process.tasks().spawn_until_stop("journal-readiness", async move {
        loop {
            match status.borrow_and_update().clone() {
                JournalStatus { role: Role::Starting, .. } => check.not_ready("loading"),
                JournalStatus { caught_up: false, .. } => check.not_ready("catching up"),
                JournalStatus { .. } => check.ready(),
            }
            if status.changed().await.is_err() {
                break;
            }
        }
    });
}
