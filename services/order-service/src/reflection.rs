//! How far the read model reflects what was accepted: for answers that must not be older than the question.

use std::time::Duration;

use events::catalogue::REQUESTS;
use messaging::{jetstream::JetStream, log::Log};
use projection::Role;
use tokio::{
    sync::watch,
    time::{Instant, timeout, timeout_at},
};
use tracing::debug;

use crate::{projection::raise, read_model::ReadModel, waiters::Waiters};

/// How long the broker may take to say where a stream ends.
const ASK: Duration = Duration::from_secs(2);

/// The read model does not reflect everything, or nobody can say whether it does.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("the orders have not caught up with what was accepted")]
pub struct Behind;

/// Tells when the read model reflects the requests. Cheap to clone.
#[derive(Clone)]
pub struct Reflection {
    log: JetStream,
    reflected: watch::Receiver<u64>,
}

impl Reflection {
    /// Compares the requests in `log` with what the projection has `reflected` of them.
    #[must_use]
    pub fn new(log: JetStream, reflected: watch::Receiver<u64>) -> Self {
        Self { log, reflected }
    }

    /// Waits at most `patience` until the outcome of everything that is accepted by now can be read.
    ///
    /// # Errors
    /// It could not in time, or the broker is away.
    pub async fn of_everything_accepted(&self, patience: Duration) -> Result<(), Behind> {
        let extent = timeout(ASK, self.log.extent(REQUESTS.name)).await;
        let last = extent.map_err(|_late| Behind)?.map_err(|_away| Behind)?.last;
        self.of(last, Instant::now() + patience).await
    }

    /// Waits until the outcome of a request can be read.
    ///
    /// # Errors
    /// It could not before the deadline.
    pub async fn of(&self, sequence: u64, deadline: Instant) -> Result<(), Behind> {
        let mut reflected = self.reflected.clone();
        let reached = timeout_at(deadline, reflected.wait_for(|reflected| *reflected >= sequence)).await;
        match reached {
            Ok(Ok(_)) => Ok(()),
            // The projection has ended, or takes too long.
            Ok(Err(_)) | Err(_) => Err(Behind),
        }
    }
}

/// Tells waiters what the projection of this process cannot tell them: what was in the database when it
/// began, and what another process writes while this one stands by. Ends with the projector.
pub(crate) async fn follow(
    projector: projection::Handle,
    orders: ReadModel,
    waiters: Waiters,
    reflected: watch::Sender<u64>,
) {
    let mut status = projector.watch();
    let mut before = Role::Starting;
    while status.changed().await.is_ok() {
        let role = status.borrow_and_update().role;
        let news = role == Role::Standby || role != before;
        before = role;
        if role == Role::Starting || !news {
            continue;
        }
        if let Err(error) = look(&orders, &waiters, &reflected).await {
            debug!(%error, "cannot look at the orders");
            // Looked at again at the next change, whatever the role.
            before = Role::Starting;
        }
    }
}

async fn look(
    orders: &ReadModel,
    waiters: &Waiters,
    reflected: &watch::Sender<u64>,
) -> Result<(), sqlx::Error> {
    let position = orders.reflected(REQUESTS.name).await?;
    let settled = orders.settled(&waiters.awaited()).await?;
    waiters.settled(settled);
    raise(reflected, position);
    Ok(())
}
