//! Looks at the stock now and then, so that the metrics tell how it is.

use std::time::Duration;

use messaging::journal::{JournalHandle, Role};
use tokio::time::sleep;

use crate::{
    domain::{Stock, Tally},
    metrics::Metrics,
};

/// Shortest time between two looks at the stock in the same role.
const PACE: Duration = Duration::from_secs(1);

/// Keeps the metrics as the stock is, for as long as there is a journal.
pub(crate) async fn follow(journal: JournalHandle<Stock>, metrics: Metrics) {
    let (mut changes, mut turns) = (journal.status(), journal.status());
    // The role at the last look, and what had been decided by then. Counted is only what was decided between two
    // looks of a leader, so that the sum over the replicas is right.
    let mut before: Option<(Role, Tally)> = None;
    loop {
        let role = changes.borrow_and_update().role;
        // A look in vain is made up for by the next one.
        if let Ok(counts) = journal.read(Stock::counts).await {
            metrics.levels(counts);
            if let (Role::Leading, Some((Role::Leading, before))) = (role, before) {
                metrics.decided(before, counts.tally);
            }
            before = Some((role, counts.tally));
        }
        let paced = async {
            sleep(PACE).await;
            changes.changed().await
        };
        // A new leader begins to count at once.
        let more = tokio::select! {
            changed = paced => changed.is_ok(),
            turned = turns.wait_for(|status| status.role != role) => turned.is_ok(),
        };
        if !more {
            return;
        }
    }
}
