//! How far the read model reflects what was accepted: for answers that must not be older than the question.

use std::{
    future::Future,
    sync::{Arc, Mutex, PoisonError},
    time::Duration,
};

use events::{
    EventData,
    catalogue::REQUESTS,
    requests::{CancelOrder, PlaceOrder},
};
use messaging::{
    jetstream::JetStream,
    log::{Log, Unavailable},
};
use projection::Role;
use tokio::{
    sync::watch,
    time::{Instant, sleep, timeout, timeout_at},
};
use tracing::debug;

use crate::{projection::raise, read_model::ReadModel, waiters::Waiters};

/// How long the broker may take to say where the requests end.
const ASK: Duration = Duration::from_secs(2);
/// Pause between two measurements.
const MEASURE: Duration = Duration::from_secs(1);
/// Pause before a broker that did not answer is asked again.
const ASK_AGAIN: Duration = Duration::from_millis(100);
/// How far back the read model may be and still be trusted to know an order that the broker's
/// deduplication has forgotten: half of the 120 s for which every broker in use remembers, the other half
/// being for the request itself.
const RECENT: Duration = Duration::from_secs(60);

/// The read model does not reflect everything, or nobody can say whether it does.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("the orders have not caught up with what was accepted")]
pub(crate) struct Behind;

/// Tells when the read model reflects the requests. Cheap to clone.
#[derive(Clone)]
pub(crate) struct Reflection {
    requests: OrderRequests,
    reflected: watch::Receiver<u64>,
    current: watch::Receiver<Option<Instant>>,
}

impl Reflection {
    /// Compares the requests in `log` with what the projection has `reflected` of them. The future
    /// measures, for ever, how current the read model is.
    pub(crate) fn new(
        log: JetStream,
        reflected: watch::Receiver<u64>,
    ) -> (Self, impl Future<Output = ()> + Send + 'static) {
        let requests = OrderRequests { log, known: Arc::default() };
        let (measured, current) = watch::channel(None);
        let measuring = measure(requests.clone(), reflected.clone(), measured);
        (Self { requests, reflected, current }, measuring)
    }

    /// Waits at most `patience` until the outcome of everything that is accepted by now can be read.
    ///
    /// # Errors
    /// It could not in time, or the broker is away.
    pub(crate) async fn of_everything_accepted(&self, patience: Duration) -> Result<(), Behind> {
        let last = timeout(ASK, self.requests.last()).await;
        let last = last.map_err(|_late| Behind)?.map_err(|_away| Behind)?;
        self.of(last, Instant::now() + patience).await
    }

    /// Waits until the outcome of a request can be read.
    ///
    /// # Errors
    /// It could not before the deadline.
    pub(crate) async fn of(&self, sequence: u64, deadline: Instant) -> Result<(), Behind> {
        let mut reflected = self.reflected.clone();
        let reached = timeout_at(deadline, reflected.wait_for(|reflected| *reflected >= sequence)).await;
        match reached {
            Ok(Ok(_)) => Ok(()),
            // The projection has ended, or takes too long.
            Ok(Err(_)) | Err(_) => Err(Behind),
        }
    }

    /// The sequence of the last request about an order; 0 if there is none.
    ///
    /// # Errors
    /// The broker is away.
    pub(crate) async fn last_request(&self) -> Result<u64, Unavailable> {
        self.requests.last().await
    }

    /// Whether every order that the broker's deduplication may have forgotten can be read: what is not
    /// there then, and is no duplicate to the broker either, was never accepted.
    #[must_use]
    pub(crate) fn is_current(&self) -> bool {
        self.current.borrow().is_some_and(|at| at.elapsed() < RECENT)
    }

    /// Since when everything accepted is reflected, as last measured; `None` before the first time.
    #[must_use]
    pub(crate) fn watch(&self) -> watch::Receiver<Option<Instant>> {
        self.current.clone()
    }
}

async fn measure(
    requests: OrderRequests,
    mut reflected: watch::Receiver<u64>,
    current: watch::Sender<Option<Instant>>,
) {
    loop {
        let asked = Instant::now();
        let Ok(last) = requests.last().await else {
            sleep(ASK_AGAIN).await;
            continue;
        };
        if reflected.wait_for(|reflected| *reflected >= last).await.is_err() {
            return;
        }
        current.send_replace(Some(asked));
        sleep(MEASURE).await;
    }
}

/// The requests in the log, as far as they are about orders.
#[derive(Clone)]
struct OrderRequests {
    log: JetStream,
    known: Arc<Mutex<Known>>,
}

/// What is known of a stream that only grows.
#[derive(Debug, Clone, Copy, Default)]
struct Known {
    /// Everything up to here was looked at.
    seen: u64,
    /// The last request about an order up to there; 0 if none.
    last: u64,
}

impl OrderRequests {
    /// The sequence of the last request about an order; 0 if there is none.
    ///
    /// The stream holds the requests of inventory too, which the journal does not read: waiting for one
    /// of those to be reflected would be waiting for the next order.
    async fn last(&self) -> Result<u64, Unavailable> {
        let extent = self.log.extent(REQUESTS.name).await?;
        let known = *self.known.lock().unwrap_or_else(PoisonError::into_inner);
        let oldest = extent.first.max(known.seen + 1);
        let mut last = known.last;
        for sequence in (oldest..=extent.last).rev() {
            let message = self.log.get(REQUESTS.name, sequence).await?;
            if message.is_some_and(|message| is_about_an_order(&message.subject)) {
                last = sequence;
                break;
            }
        }
        let mut known = self.known.lock().unwrap_or_else(PoisonError::into_inner);
        if extent.last > known.seen {
            *known = Known { seen: extent.last, last };
        }
        Ok(last)
    }
}

fn is_about_an_order(subject: &str) -> bool {
    [PlaceOrder::TYPE, CancelOrder::TYPE].contains(&subject)
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
