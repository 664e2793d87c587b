//! The loop of one member: when it takes messages, how many, and how it stops.

use std::{sync::Arc, time::Duration};

use futures_util::future::join_all;
use tokio::{task::JoinSet, time::timeout};
use tokio_util::sync::CancellationToken;
use tracing::{error, info, warn};

use super::{Handler, Shared, WorkerConfig, in_hand::InHand};
use crate::{
    commit::GroupCommit,
    dead_letter::DeadLetters,
    log::{Consumer, Delivery, Log},
    metrics::Metrics,
};

/// How long messages on their way to this member may wait for it; then others can have them.
const DAWDLE: Duration = Duration::from_secs(1);
/// Longest wait for the broker's word that it has read the last acks.
const FLUSH: Duration = Duration::from_secs(5);

/// One member of a durable consumer.
pub struct Worker<L: Log, H> {
    shared: Arc<Shared<L, H>>,
    consumer: Option<L::Consumer>,
    in_hand: JoinSet<()>,
}

impl<L: Log, H: Handler> Worker<L, H> {
    /// A worker that does nothing until it [runs](Self::run). `commit` publishes to the outcomes' stream.
    pub fn new(
        log: L,
        config: WorkerConfig,
        handler: H,
        commit: GroupCommit,
        dead_letters: DeadLetters,
        metrics: Metrics,
    ) -> Self {
        let in_hand = InHand::default();
        let shared = Shared { log, config, handler, commit, dead_letters, metrics, in_hand };
        Self { shared: Arc::new(shared), consumer: None, in_hand: JoinSet::new() }
    }

    /// Works until `stop`, then finishes what is in hand; what is not finished at `abandon` is handed back.
    pub async fn run(mut self, stop: CancellationToken, abandon: CancellationToken) {
        while !stop.is_cancelled() {
            match stop.run_until_cancelled(timeout(DAWDLE, self.wait_for_slot())).await {
                None => break,
                Some(Ok(())) => {}
                // Not to be cut short by the stop: what is on its way here has to be handed back.
                Some(Err(_elapsed)) => {
                    self.leave().await;
                    stop.run_until_cancelled(self.wait_for_slot()).await;
                }
            }
            if let Some(deliveries) = stop.run_until_cancelled(self.take()).await {
                for delivery in deliveries {
                    self.begin(delivery, &stop, &abandon);
                }
            }
        }
        self.finish().await;
    }

    /// Waits for a free slot, and for the handler to be ready for more.
    async fn wait_for_slot(&mut self) {
        while let Some(ended) = self.in_hand.try_join_next() {
            note(ended);
        }
        while self.in_hand.len() >= self.shared.config.concurrency {
            if let Some(ended) = self.in_hand.join_next().await {
                note(ended);
            }
        }
        self.shared.handler.ready().await;
    }

    /// Waits for messages, as many as there are free slots.
    async fn take(&mut self) -> Vec<<L::Consumer as Consumer>::Delivery> {
        let Shared { log, config, .. } = &*self.shared;
        let open = || log.consume(config.consumer.stream, config.consumer.durable);
        let free = config.concurrency.saturating_sub(self.in_hand.len()).max(1);
        self.consumer.get_or_insert_with(open).next(free).await
    }

    fn begin<D: Delivery>(&mut self, delivery: D, stop: &CancellationToken, abandon: &CancellationToken) {
        let (shared, stop, abandon) = (Arc::clone(&self.shared), stop.clone(), abandon.clone());
        self.in_hand.spawn(async move { shared.process(&delivery, &stop, &abandon).await });
    }

    /// Takes no more messages, and hands those back that were on their way.
    async fn leave(&mut self) {
        let Some(consumer) = self.consumer.take() else { return };
        let rest = consumer.leave().await;
        let back = rest.iter().map(async |delivery| {
            if let Some(_held) = self.shared.take_in_hand(delivery) {
                self.shared.hand_back_unread(delivery).await;
            }
        });
        join_all(back).await;
    }

    async fn finish(mut self) {
        let durable = self.shared.config.consumer.durable;
        info!(consumer = durable, in_hand = self.in_hand.len(), "stopping");
        self.leave().await;
        while let Some(ended) = self.in_hand.join_next().await {
            note(ended);
        }
        // A round trip on the same connection proves that the broker has read every ack sent before.
        let read = timeout(FLUSH, self.shared.log.extent(self.shared.config.consumer.stream)).await;
        if !matches!(read, Ok(Ok(_))) {
            warn!(consumer = durable, "the last acks may be lost; their messages will come again");
        }
    }
}

/// A message whose handling panicked outside the handler's boundary is left to come again, as after a crash.
fn note(ended: Result<(), tokio::task::JoinError>) {
    if let Err(error) = ended {
        error!(%error, "the handling of a message broke off; the message will come again");
    }
}
