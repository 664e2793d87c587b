//! What this worker has in hand.
//!
//! The broker hands a message out again when it has not heard of it for too long, as after an outage of its
//! own. While this worker still has it in hand that is neither a second message nor the death of a process.

use std::{
    collections::{BTreeMap, btree_map::Entry},
    sync::{Mutex, MutexGuard, PoisonError},
};

use prometheus::IntGauge;
use tokio::sync::watch;

use crate::log::Delivery;

/// The newest delivery of each message in hand, by its sequence.
#[derive(Debug, Default)]
pub(super) struct InHand(Mutex<BTreeMap<u64, watch::Sender<u64>>>);

/// A message is in hand, and counted as such, until this is dropped, also by a panic.
pub(super) struct InHandGuard<'a> {
    all: &'a InHand,
    sequence: u64,
    gauge: IntGauge,
}

impl InHand {
    /// Takes the message in hand; `None` if it is already.
    pub(super) fn take(&self, delivery: &impl Delivery, gauge: IntGauge) -> Option<InHandGuard<'_>> {
        let (sequence, deliveries) = (delivery.message().sequence, delivery.deliveries());
        match self.lock().entry(sequence) {
            Entry::Occupied(entry) => {
                entry.get().send_if_modified(|newest| {
                    let newer = deliveries > *newest;
                    *newest = deliveries.max(*newest);
                    newer
                });
                None
            }
            Entry::Vacant(entry) => {
                entry.insert(watch::Sender::new(deliveries));
                gauge.inc();
                Some(InHandGuard { all: self, sequence, gauge })
            }
        }
    }

    /// The newest delivery of a message in hand.
    pub(super) fn newest(&self, sequence: u64) -> Option<u64> {
        self.lock().get(&sequence).map(|newest| *newest.borrow())
    }

    /// Waits until a message in hand is handed out once more after that delivery, and gives the newest one. Cancel safe.
    pub(super) async fn handed_again(&self, sequence: u64, since: u64) -> u64 {
        let newest = self.lock().get(&sequence).map(watch::Sender::subscribe);
        if let Some(mut newest) = newest
            && let Ok(newest) = newest.wait_for(|newest| *newest > since).await.map(|newest| *newest)
        {
            return newest;
        }
        std::future::pending().await
    }

    fn lock(&self) -> MutexGuard<'_, BTreeMap<u64, watch::Sender<u64>>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Drop for InHandGuard<'_> {
    fn drop(&mut self) {
        self.all.lock().remove(&self.sequence);
        self.gauge.dec();
    }
}
