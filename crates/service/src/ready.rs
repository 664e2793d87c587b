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
        while let Err(reason) = verify(&log, needs).await {
            debug!(reason, "not set up");
            check.not_ready(reason);
            tokio::time::sleep(LOOK_AGAIN).await;
        }
        let mut connected = log.connected();
        loop {
            check.ready();
            if connected.wait_for(|connected| !connected).await.is_err() {
                break;
            }
            if tokio::time::timeout(GRACE, connected.wait_for(|connected| *connected)).await.is_err() {
                let why = log.trouble().borrow().as_ref().map(ToString::to_string);
                check.not_ready(why.unwrap_or_else(|| "the broker is not connected".to_owned()));
                if connected.wait_for(|connected| *connected).await.is_err() {
                    break;
                }
            }
        }
    });
}

/// Makes sure that everything needed is there, or says at once why it cannot be found out.
async fn verify(log: &JetStream, needs: Needs) -> Result<(), String> {
    let (mut trouble, mut refusal) = (log.trouble(), log.refusal());
    refusal.mark_unchanged();
    tokio::select! {
        verified = topology::verify(log, needs.streams, needs.consumers) => {
            verified.map_err(|error| error.to_string())
        }
        Ok(trouble) = trouble.wait_for(Option::is_some) => {
            Err(trouble.as_ref().map(ToString::to_string).unwrap_or_default())
        }
        // What was refused has no answer, which would look like a broker that is away.
        Ok(()) = refusal.changed() => {
            let refusal = refusal.borrow_and_update().clone().unwrap_or_default();
            Err(format!("the broker does not permit what is needed: {refusal}"))
        }
    }
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
