//! Looks at the stock as the journal of this process has it, leader or not.

use std::time::Duration;

use events::catalogue::{INVENTORY, REQUESTS};
use messaging::{
    jetstream::JetStream,
    journal::{JournalHandle, Role},
    log::{Log, Unavailable},
};
use tokio::time::{Instant, timeout, timeout_at};
use uuid::Uuid;

use crate::domain::{Adjustment, Level, Stock};

/// How long a look waits for what is in the journal but not yet folded here.
const PATIENCE: Duration = Duration::from_millis(500);

/// What was seen, and of when it is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Seen<T> {
    /// What was seen.
    pub value: T,
    /// The fold of INVENTORY up to this sequence.
    pub sequence: u64,
    /// Everything in INVENTORY when the look began is part of it. If not, the broker is away or this process is
    /// behind.
    pub latest: bool,
}

/// What became of an adjustment, and the level of its SKU.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Decision {
    /// What became of it.
    pub adjustment: Adjustment,
    /// The level, which includes it.
    pub level: Level,
    /// The fold of INVENTORY up to this sequence.
    pub sequence: u64,
}

/// Looks at the stock.
#[derive(Clone)]
pub struct StockReader {
    journal: JournalHandle<Stock>,
    log: JetStream,
}

impl StockReader {
    /// Looks at what `journal` folds; `log` says how far there is to fold.
    #[must_use]
    pub fn new(journal: JournalHandle<Stock>, log: JetStream) -> Self {
        Self { journal, log }
    }

    /// Looks at the stock as of everything that is in the journal by now, or of as much as could be had in time.
    ///
    /// # Errors
    /// The journal has not been read as far as it went when this process started, or is not being kept.
    pub async fn look<T: Send + 'static>(
        &self,
        look: impl FnOnce(&Stock) -> T + Send + 'static,
    ) -> Result<Seen<T>, Unavailable> {
        let latest = self.catch_up(Instant::now() + PATIENCE).await?;
        let seen = move |stock: &Stock, sequence| Seen { value: look(stock), sequence, latest };
        self.journal.read_at(seen).await
    }

    /// What became of an adjustment, if it was decided and is remembered.
    ///
    /// # Errors
    /// As for [`look`](Self::look).
    pub async fn decision(&self, id: Uuid, sku: &str) -> Result<Option<Decision>, Unavailable> {
        let sku = sku.to_owned();
        let find = move |stock: &Stock| Some((stock.adjustment(id)?, stock.level(&sku).unwrap_or_default()));
        let Seen { value, sequence, latest: _ } = self.look(find).await?;
        Ok(value.map(|(adjustment, level)| Decision { adjustment, level, sequence }))
    }

    /// Waits until an adjustment is decided whose request stands at `request` in REQUESTS; `None` when it was not
    /// for so long.
    pub async fn decided(&self, id: Uuid, sku: &str, request: u64, patience: Duration) -> Option<Decision> {
        let mut status = self.journal.status();
        let decided = async {
            loop {
                let consumed = status.wait_for(|status| status.positions.get(REQUESTS.name) >= request);
                drop(consumed.await.ok()?);
                // A state that is being rebuilt may have forgotten what the positions told of it before.
                if let Ok(Some(decision)) = self.decision(id, sku).await {
                    return Some(decision);
                }
                status.changed().await.ok()?;
            }
        };
        timeout(patience, decided).await.ok().flatten()
    }

    /// Whether everything that is in the journal by now is folded, if need be after waiting for it.
    async fn catch_up(&self, deadline: Instant) -> Result<bool, Unavailable> {
        let mut status = self.journal.status();
        let role = match timeout_at(deadline, status.wait_for(|status| status.caught_up)).await {
            Ok(Ok(status)) => status.role,
            Ok(Err(_)) => return Err(unavailable("the journal is not being kept any more")),
            Err(_late) => return Err(unavailable("the journal is still being read")),
        };
        // Somebody else may have written since, even if this process led.
        if !*self.log.connected().borrow() {
            return Ok(false);
        }
        // A leader's own state is the latest there is.
        if role == Role::Leading {
            return Ok(true);
        }
        let folded = async {
            let last = self.log.extent(INVENTORY.name).await.ok()?.last;
            status.wait_for(|status| status.sequence >= last).await.ok().map(drop)
        };
        Ok(timeout_at(deadline, folded).await.ok().flatten().is_some())
    }
}

fn unavailable(why: &str) -> Unavailable {
    Unavailable(why.to_owned())
}
