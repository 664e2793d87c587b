//! Wrappers around real handlers and projections: a place to die inside them, and guards switched off.

use std::{
    sync::{
        Arc,
        atomic::{AtomicBool, Ordering},
    },
    time::Duration,
};

use messaging::worker::{Handler, Outcome, Received};
use projection::{ApplyError, Batch, Migration, Projection, Tx};

use crate::{
    body::Body,
    chance::{Chance, pass},
    sabotage::Guard,
};

/// A handler that may lack a guard.
pub(crate) struct Watched<H> {
    pub(crate) handler: H,
    pub(crate) body: Arc<Body>,
    pub(crate) off: Option<Guard>,
    /// Blames what it cannot do on the message at once, as it does when others go through: too few do in a small world.
    pub(crate) blames: bool,
}

impl<H: Handler> Handler for Watched<H> {
    type Event = H::Event;

    async fn ready(&self) {
        self.handler.ready().await;
    }

    async fn handle(&self, received: &Received<'_>) -> Outcome<H::Event> {
        let outcome = self.handler.handle(received).await;
        match outcome {
            Outcome::Hold { reason, .. } if self.blames || self.off == Some(Guard::Hold) => {
                Outcome::Retry(reason.into())
            }
            Outcome::Hold { reason, retry_in } => {
                self.body.trace.sometimes("a message is held");
                Outcome::Hold { reason, retry_in }
            }
            done @ (Outcome::Publish(_) | Outcome::Retry(_) | Outcome::Reject(_)) => done,
        }
    }
}

/// Says that a projection waits for virtual time although its transaction is open.
pub(crate) type Pausing = Arc<AtomicBool>;

/// A projection that may die between its rows and the commit.
pub(crate) struct Interrupted<P> {
    pub(crate) projection: P,
    pub(crate) body: Arc<Body>,
    pub(crate) chance: Arc<Chance>,
    pub(crate) pausing: Pausing,
    pub(crate) off: Option<Guard>,
}

impl<P> Interrupted<P> {
    async fn pause(&self, at: &'static str) {
        self.pausing.store(true, Ordering::Relaxed);
        self.body.step(at).await;
        if self.chance.hits(0.2) {
            pass(Duration::from_millis(self.chance.number(1..50))).await;
        }
        self.pausing.store(false, Ordering::Relaxed);
    }
}

impl<P: Projection + Sync> Projection for Interrupted<P> {
    const NAME: &'static str = P::NAME;
    const STREAMS: &'static [&'static str] = P::STREAMS;
    const SCHEMA: &'static [Migration] = P::SCHEMA;

    async fn apply(&mut self, tx: &mut Tx, batch: &Batch) -> Result<(), ApplyError> {
        self.pause("in a transaction before its rows").await;
        self.projection.apply(tx, batch).await?;
        if self.off == Some(Guard::AppliedOnce) {
            self.projection.apply(tx, batch).await?;
        }
        self.pause("in a transaction after its rows").await;
        Ok(())
    }

    fn committed(&mut self) {
        self.body.note("projected", || P::NAME.to_owned());
        self.projection.committed();
    }
}
