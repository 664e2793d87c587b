//! One process's connection, as the broker sees it: what is on its way, whether it still lives.

use std::{collections::BTreeMap, future::Future, sync::Arc};

use tokio::{
    sync::{Notify, watch},
    time::Instant,
};

use super::{faults::NetFaults, server::Job};

/// Which connection; two lives of one process are two.
pub(super) type ClientId = usize;

/// A connection.
pub(super) struct Connection {
    pub(super) name: String,
    /// Faults of its own instead of the broker's.
    pub(super) faults: Option<NetFaults>,
    /// Stopped by a signal: it neither sends nor reads.
    pub(super) frozen: watch::Sender<bool>,
    /// Dead: nothing it waits for ever comes.
    pub(super) crashed: watch::Sender<bool>,
    /// Steps until it dies, if that is decided.
    pub(super) steps_left: Option<u64>,
    /// When the last of what it sent arrives; what it sends later does not overtake it.
    pub(super) last_arrival: Instant,
    /// What waits until it runs again, or until the link stands again.
    pub(super) held: Vec<Held>,
    /// Who waits in this process for something to arrive.
    pub(super) wakers: BTreeMap<u64, Arc<Notify>>,
}

/// Something that waits for a link or a frozen process.
pub(super) struct Held {
    pub(super) job: Job,
    /// Not sent any more after this time.
    pub(super) until: Option<Instant>,
}

impl Connection {
    pub(super) fn new(name: &str, now: Instant) -> Self {
        Self {
            name: name.to_owned(),
            faults: None,
            frozen: watch::Sender::new(false),
            crashed: watch::Sender::new(false),
            steps_left: None,
            last_arrival: now,
            held: Vec::new(),
            wakers: BTreeMap::new(),
        }
    }

    pub(super) fn is_dead(&self) -> bool {
        *self.crashed.borrow()
    }

    pub(super) fn is_frozen(&self) -> bool {
        *self.frozen.borrow()
    }

    /// Resolves when the process may run again; never when it is dead.
    pub(super) fn thawed(&self) -> impl Future<Output = ()> + Send + use<> {
        let mut frozen = self.frozen.subscribe();
        async move {
            if frozen.wait_for(|frozen| !*frozen).await.is_err() {
                std::future::pending().await
            }
        }
    }

    /// Lets everybody in this process look again.
    pub(super) fn wake_all(&self) {
        self.wakers.values().for_each(|wake| wake.notify_one());
    }
}
