//! A worker's share of a durable consumer, with a place to die before and after each answer.

use std::time::Duration;

use messaging::log::{Consumer, Delivery, DeliveryInfo, Log, Unavailable};
use testkit::simulated::SimLog;

use crate::{sabotage::Guard, tap::Tap};

type Inner = <SimLog as Log>::Consumer;
type InnerDelivery = <Inner as Consumer>::Delivery;

/// One member of a durable consumer.
pub(crate) struct TapConsumer {
    pub(crate) inner: Inner,
    pub(crate) tap: Tap,
}

impl TapConsumer {
    async fn wrap(tap: &Tap, delivery: InnerDelivery) -> TapDelivery {
        if delivery.deliveries() > 1 {
            tap.body.trace.sometimes("a message is delivered again");
        }
        let settled = tap.off == Some(Guard::AckAfterOutcome);
        if settled {
            // Whatever becomes of it, the broker hands it to nobody else.
            let _lost = delivery.ack().await;
        }
        TapDelivery { inner: delivery, tap: tap.clone(), settled }
    }
}

impl Consumer for TapConsumer {
    type Delivery = TapDelivery;

    async fn next(&mut self, most: usize) -> Vec<TapDelivery> {
        let mut wrapped = Vec::new();
        for delivery in self.inner.next(most).await {
            wrapped.push(Self::wrap(&self.tap, delivery).await);
        }
        wrapped
    }

    async fn leave(self) -> Vec<TapDelivery> {
        let Self { inner, tap } = self;
        let rest = inner.leave().await;
        rest.into_iter().map(|inner| TapDelivery { inner, tap: tap.clone(), settled: false }).collect()
    }
}

/// A message in the hands of a process.
pub(crate) struct TapDelivery {
    inner: InnerDelivery,
    tap: Tap,
    /// It was acknowledged before anything was done about it.
    settled: bool,
}

impl TapDelivery {
    fn note(&self, what: &str) {
        let (sequence, deliveries) = (self.inner.message().sequence, self.inner.deliveries());
        self.tap.body.trace.note(&self.tap.body.name, what, sequence, || {
            format!("{}:{sequence} (delivery {deliveries})", self.inner.stream())
        });
    }
}

impl Delivery for TapDelivery {
    fn info(&self) -> &DeliveryInfo {
        self.inner.info()
    }

    async fn ack(&self) -> Result<(), Unavailable> {
        if self.settled {
            return Ok(());
        }
        self.tap.body.step("before an ack").await;
        self.note("ack");
        let sent = self.inner.ack().await;
        self.tap.body.step("after an ack").await;
        sent
    }

    async fn in_progress(&self) -> Result<(), Unavailable> {
        self.tap.body.step("before a sign of life").await;
        self.inner.in_progress().await
    }

    async fn hand_back(&self, delay: Duration) -> Result<(), Unavailable> {
        self.tap.body.step("before a hand-back").await;
        self.note("hand back");
        self.tap.body.trace.sometimes("a message is handed back");
        self.inner.hand_back(delay).await
    }

    async fn terminate(&self, reason: &str) -> Result<(), Unavailable> {
        self.tap.body.step("before a message is ended").await;
        self.note("end");
        self.inner.terminate(reason).await
    }
}
