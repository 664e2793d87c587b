//! Who waits for an order to be settled: woken when it is, at the cost of one look-up per order.

use std::{
    collections::HashMap,
    sync::{Arc, Mutex, MutexGuard, PoisonError},
};

use events::OrderId;
use tokio_util::sync::CancellationToken;

/// The orders somebody waits for. Cheap to clone; all clones are the same.
#[derive(Debug, Clone, Default)]
pub struct Waiters {
    orders: Arc<Mutex<HashMap<OrderId, Awaited>>>,
}

/// One order, and how many wait for it.
#[derive(Debug)]
struct Awaited {
    settled: CancellationToken,
    count: usize,
}

/// One who waits. Forgotten when dropped.
#[derive(Debug)]
pub struct Waiting {
    waiters: Waiters,
    order_id: OrderId,
    settled: CancellationToken,
}

impl Waiters {
    /// Begins to wait. An order that was settled before this call has to be looked up: nobody is woken
    /// for it.
    #[must_use]
    pub fn register(&self, order_id: OrderId) -> Waiting {
        let mut orders = self.lock();
        let fresh = || Awaited { settled: CancellationToken::new(), count: 0 };
        let awaited = orders.entry(order_id).or_insert_with(fresh);
        awaited.count += 1;
        Waiting { waiters: self.clone(), order_id, settled: awaited.settled.clone() }
    }

    /// Wakes everybody who waits for one of these orders.
    pub fn settled(&self, order_ids: impl IntoIterator<Item = OrderId>) {
        let mut orders = self.lock();
        if orders.is_empty() {
            return;
        }
        for order_id in order_ids {
            if let Some(awaited) = orders.remove(&order_id) {
                awaited.settled.cancel();
            }
        }
    }

    /// The orders somebody waits for.
    #[must_use]
    pub fn awaited(&self) -> Vec<OrderId> {
        self.lock().keys().copied().collect()
    }

    fn leave(&self, waiting: &Waiting) {
        let mut orders = self.lock();
        // A settled order has left the map: whoever stands there under its id has come since.
        if waiting.settled.is_cancelled() {
            return;
        }
        if let Some(awaited) = orders.get_mut(&waiting.order_id) {
            awaited.count -= 1;
            if awaited.count == 0 {
                orders.remove(&waiting.order_id);
            }
        }
    }

    fn lock(&self) -> MutexGuard<'_, HashMap<OrderId, Awaited>> {
        self.orders.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Waiting {
    /// Waits until the order is settled. Cancel safe.
    pub async fn settled(&self) {
        self.settled.cancelled().await;
    }
}

impl Drop for Waiting {
    fn drop(&mut self) {
        self.waiters.leave(self);
    }
}

#[cfg(test)]
mod tests {
    use std::{
        pin::pin,
        task::{Context, Poll, Waker},
    };

    use super::*;

    fn order(number: u128) -> OrderId {
        OrderId(uuid::Uuid::from_u128(number))
    }

    fn is_settled(waiting: &Waiting) -> bool {
        let mut context = Context::from_waker(Waker::noop());
        matches!(pin!(waiting.settled()).poll(&mut context), Poll::Ready(()))
    }

    #[test]
    fn everybody_who_waits_for_the_order_is_woken_and_nobody_else() {
        let waiters = Waiters::default();
        let (one, other, stranger) =
            (waiters.register(order(1)), waiters.register(order(1)), waiters.register(order(2)));
        waiters.settled([order(1), order(3)]);
        assert!(is_settled(&one) && is_settled(&other) && !is_settled(&stranger));
        assert_eq!(waiters.awaited(), [order(2)]);
    }

    #[test]
    fn whoever_goes_away_leaves_nothing_behind() {
        let waiters = Waiters::default();
        let (one, other) = (waiters.register(order(1)), waiters.register(order(1)));
        drop(one);
        assert_eq!(waiters.awaited(), [order(1)], "the other one still waits");
        drop(other);
        assert!(waiters.awaited().is_empty());
    }

    #[test]
    fn one_who_was_woken_does_not_take_a_later_one_along() {
        let waiters = Waiters::default();
        let early = waiters.register(order(1));
        waiters.settled([order(1)]);
        let late = waiters.register(order(1));
        drop(early);
        assert_eq!(waiters.awaited(), [order(1)]);
        waiters.settled([order(1)]);
        assert!(is_settled(&late));
    }

    #[test]
    fn who_leaves_while_being_woken_takes_nobody_along() {
        let waiters = Waiters::default();
        let all: Vec<_> = (0..100).map(|_| waiters.register(order(1))).collect();
        std::thread::scope(|scope| {
            scope.spawn(|| waiters.settled([order(1)]));
            scope.spawn(|| all);
        });
        assert!(waiters.awaited().is_empty());
    }
}
