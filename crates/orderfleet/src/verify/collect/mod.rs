//! Collecting the evidence from a running fleet.
//!
//! The streams are cut downstream first: what a message follows from was stored before it, so it is mostly part of a
//! cut made later. Mostly, because the streams feed one another in a circle; what looks wrong for that reason alone
//! is gone at the next look (see `run`). Everything that is compared with the streams is read after them and so knows
//! at least as much; the stock, which says of which moment it is, before them. Each look reads only what has come
//! since the one before.

mod ledger;
mod letters;
mod streams;
mod trail;

use std::{collections::BTreeMap, future::Future, sync::Arc, time::Duration};

use anyhow::Context;
use events::Timestamp;
use messaging::{jetstream::JetStream, permissions::OPERATOR};
use tokio::time::{Instant, sleep};

use letters::Letters;

use super::{
    evidence::{Evidence, Level, StockEvidence},
    run::{Progress, Target},
    strangers,
};
use crate::{
    broker,
    client::{self, AuditClient, CallError, Endpoint, StockClient, StockLevel},
    slow::unless_quick,
};

/// How long a service that does not answer is asked again.
const PATIENCE: Duration = Duration::from_secs(10);
/// Pause between two looks at somebody who is behind.
const PAUSE: Duration = Duration::from_millis(200);
/// How long the audit trail, and whoever parks what is no part of a stream, may take to catch up, even if nothing else
/// is waited for. A journal that has nothing to write looks every five seconds.
const CATCH_UP: Duration = Duration::from_secs(10);
/// How often the stock is listed in the hope that it does not move meanwhile.
const STOCK_LISTINGS: usize = 5;

/// Told how far the collecting has come.
pub(super) type Listener = Arc<dyn Fn(Progress) + Send + Sync>;

/// Reads a fleet's evidence, look by look.
pub(super) struct Collector {
    js: JetStream,
    gateway: Endpoint,
    audit: AuditClient,
    stock: StockClient,
    listener: Listener,
    evidence: Evidence,
    letters: Letters,
    /// The trail has proved itself.
    proved: bool,
}

impl Collector {
    pub(super) async fn connect(target: &Target, listener: Listener) -> anyhow::Result<Self> {
        let Target { broker: reach, gateway_url, audit_url, inventory_url } = target;
        Ok(Self {
            gateway: Endpoint::new(gateway_url).context("the card gateway")?,
            audit: AuditClient::new(audit_url).context("audit-service")?,
            stock: StockClient::new(inventory_url).context("inventory-service")?,
            js: unless_quick(broker::connect(reach, OPERATOR, "verify"), || listener(Progress::Connecting))
                .await?,
            listener,
            evidence: Evidence::default(),
            letters: Letters::default(),
            proved: false,
        })
    }

    /// What has been read so far.
    pub(super) fn evidence(&self) -> &Evidence {
        &self.evidence
    }

    /// Reads what has come into the streams; says whether anything has.
    pub(super) async fn look_at_streams(&mut self) -> anyhow::Result<bool> {
        self.evidence.as_of = now();
        // Before the streams, because what a worker is done with is stored by then.
        let handled = letters::handled(&self.js).await?;
        let more = streams::extend(&self.js, &mut self.evidence.streams, &self.listener).await?;
        // After them, because a journal parks what it cannot handle before it reads on.
        let more_letters = self.letters.extend(&self.js, &mut self.evidence).await?;
        let further = handled != self.evidence.handled;
        self.evidence.handled = handled;
        Ok(more || more_letters || further)
    }

    /// Reads everything, once what nobody of the fleet has written is noticed, and the trail as soon as it has what the
    /// streams had; or when `deadline` has passed, which leaves time for both.
    pub(super) async fn look_at_everything(&mut self, deadline: Instant) -> anyhow::Result<()> {
        let soon = || deadline.max(Instant::now() + CATCH_UP);
        self.evidence.stock = self.list_stock().await?;
        self.look_at_streams().await?;
        self.until_noticed(soon()).await?;
        ledger::extend(&self.gateway, &mut self.evidence.ledger, &self.listener).await?;
        let (parts, audit) = (trail::parts(&self.evidence), &mut self.evidence.audit);
        trail::catch_up(&self.audit, &parts, soon()).await?;
        trail::extend(&self.audit, parts, &mut audit.streams, &self.listener).await?;
        if !self.proved {
            audit.flaws = trail::flaws(&self.audit, &self.listener).await?;
            self.proved = true;
        }
        Ok(())
    }

    /// Follows the streams until whoever is to park what is no part of them has done so, or the deadline has passed.
    async fn until_noticed(&mut self, deadline: Instant) -> anyhow::Result<()> {
        loop {
            let open = strangers::unnoticed(&self.evidence);
            let left = deadline.saturating_duration_since(Instant::now());
            if open == 0 || left.is_zero() {
                return Ok(());
            }
            (self.listener)(Progress::Waiting { open, left });
            sleep(PAUSE.min(left)).await;
            self.look_at_streams().await?;
        }
    }

    /// The levels, all of one moment; `None` when there was no such moment.
    async fn list_stock(&self) -> anyhow::Result<Option<StockEvidence>> {
        for _attempt in 0..STOCK_LISTINGS {
            let stock = patiently("inventory-service", || self.stock.all()).await?;
            let Some(at) = stock.at else { continue };
            let pieces = |count: u64| i64::try_from(count).unwrap_or(i64::MAX);
            let level = |level: StockLevel| {
                let amounts = Level { on_hand: pieces(level.on_hand), reserved: pieces(level.reserved) };
                (level.sku, amounts)
            };
            let levels: BTreeMap<String, Level> = stock.levels.into_iter().map(level).collect();
            return Ok(Some(StockEvidence { at, levels }));
        }
        Ok(None)
    }
}

/// Asks again for a while when a service does not answer.
async fn patiently<T, F>(whom: &str, ask: impl Fn() -> F) -> anyhow::Result<T>
where
    F: Future<Output = Result<T, CallError>>,
{
    client::patiently(PATIENCE, ask).await.with_context(|| format!("{whom} cannot be asked"))
}

fn now() -> Timestamp {
    Timestamp(i64::try_from(runtime::Clock::system().unix_micros()).unwrap_or(i64::MAX))
}
