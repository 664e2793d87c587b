//! Looking orders up many at a time.
//!
//! Every order placed under a key is looked up first. A query costs far more than a row, so those that are asked for
//! while one is under way share the next.

use std::{future::Future, sync::Arc};

use events::OrderId;
use tokio::sync::{mpsc, oneshot};

use crate::read_model::{LOOK_UP, Order, ReadModel};

/// What somebody is told about an order; a failed query is everybody's who shared it.
type Found = Result<Option<Order>, Arc<sqlx::Error>>;

/// Looks orders up. Cheap to clone.
#[derive(Debug, Clone)]
pub(crate) struct LookUps {
    orders: ReadModel,
    queue: mpsc::Sender<Wanted>,
}

#[derive(Debug)]
struct Wanted {
    order_id: OrderId,
    tell: oneshot::Sender<Found>,
}

impl LookUps {
    /// Looks up in `orders`, and the work that has to go on meanwhile.
    pub(crate) fn new(orders: ReadModel) -> (Self, impl Future<Output = ()> + Send) {
        let (queue, wanted) = mpsc::channel(LOOK_UP);
        (Self { orders: orders.clone(), queue }, work(orders, wanted))
    }

    /// One order, as it is in a query that has not begun yet; `None` when it is not there, or not yet.
    pub(crate) async fn find(&self, order_id: OrderId) -> Found {
        let (tell, told) = oneshot::channel();
        if self.queue.send(Wanted { order_id, tell }).await.is_ok()
            && let Ok(found) = told.await
        {
            return found;
        }
        // The process is stopping, and nobody gathers any more.
        self.orders.find(order_id).await.map_err(Arc::new)
    }
}

async fn work(orders: ReadModel, mut queue: mpsc::Receiver<Wanted>) {
    let mut wanted = Vec::with_capacity(LOOK_UP);
    while queue.recv_many(&mut wanted, LOOK_UP).await > 0 {
        let order_ids: Vec<_> = wanted.iter().map(|wanted| wanted.order_id).collect();
        let found = orders.find_all(&order_ids).await.map_err(Arc::new);
        for Wanted { order_id, tell } in wanted.drain(..) {
            let found = found.as_ref().map(|found| found.get(&order_id).cloned()).map_err(Arc::clone);
            // Whoever has gone away does not want to know.
            let _gone = tell.send(found);
        }
    }
}
