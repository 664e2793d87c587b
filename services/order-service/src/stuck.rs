//! Orders that are not at their end after a while: which they are, what they wait on, and how many.
//!
//! Most of it is in the read model. What was accepted but not decided on is in REQUESTS alone, beyond the journal's
//! position in it.

use std::{collections::HashMap, time::Duration};

use events::{
    EventData, RawEnvelope, Timestamp,
    catalogue::REQUESTS,
    requests::{CancelOrder, PlaceOrder},
};
use messaging::{
    clock::Clock,
    jetstream::JetStream,
    journal::JournalHandle,
    log::{Log, Reader, Stored, Unavailable},
};
use tokio::time::{MissedTickBehavior, timeout};
use tracing::debug;

use crate::{
    domain::Orders,
    metrics::Metrics,
    read_model::{
        ReadModel,
        open::{OpenCount, OpenOrder, Place, Step},
    },
    reflection::Reflection,
};

/// How often the open orders are counted.
const COUNT: Duration = Duration::from_secs(5);
/// Most undecided requests looked at. Where there are more, nothing is being decided, and the first ones tell.
const UNDECIDED: usize = 1_000;
/// How long the broker may take to hand out one lot of them.
const LOOK: Duration = Duration::from_millis(500);

/// Finds the open orders. Cheap to clone.
#[derive(Clone)]
pub(crate) struct Stuck {
    log: JetStream,
    journal: JournalHandle<Orders>,
    orders: ReadModel,
    reflection: Reflection,
    clock: Clock,
    /// Orders are stuck that have been open for so long.
    after: Duration,
}

/// Why the open orders cannot be told.
#[derive(Debug, thiserror::Error)]
pub(crate) enum NotTold {
    /// The broker is away, or the journal has not been read yet.
    #[error(transparent)]
    Log(#[from] Unavailable),
    /// The database would not.
    #[error(transparent)]
    Database(#[from] sqlx::Error),
}

impl Stuck {
    /// Finds orders in the journal, the requests and the read model.
    #[must_use]
    pub(crate) fn new(
        log: JetStream,
        journal: JournalHandle<Orders>,
        orders: ReadModel,
        reflection: Reflection,
        clock: Clock,
        after: Duration,
    ) -> Self {
        Self { log, journal, orders, reflection, clock, after }
    }

    /// How long an order is open before it counts as stuck.
    #[must_use]
    pub(crate) fn after(&self) -> Duration {
        self.after
    }

    /// At most `limit` orders that have been open for so long, longest first, from after a place on; and now.
    ///
    /// # Errors
    /// See [`NotTold`].
    pub(crate) async fn list(
        &self,
        open_for: Duration,
        after: Option<Place>,
        limit: usize,
    ) -> Result<(Vec<OpenOrder>, Timestamp), NotTold> {
        let now = (self.clock)();
        let before = before(now, open_for);
        let most = i64::try_from(limit).unwrap_or(i64::MAX);
        let mut found = self.undecided(before).await?;
        found.extend(self.orders.open(before, after, most).await?);
        found.retain(|order| after.is_none_or(|after| order.place() > after));
        found.sort_by_key(OpenOrder::place);
        found.truncate(limit);
        Ok((found, now))
    }

    /// Shows how many orders are open and stuck, for ever.
    pub(crate) async fn watch(self, metrics: Metrics) {
        let mut turns = tokio::time::interval(COUNT);
        turns.set_missed_tick_behavior(MissedTickBehavior::Delay);
        loop {
            turns.tick().await;
            let now = (self.clock)();
            match self.count(before(now, self.after), now).await {
                Ok(counts) => Step::ALL.into_iter().for_each(|step| {
                    metrics.open(step, counts.get(step.as_str()).copied(), now);
                }),
                Err(error) => debug!(%error, "open orders cannot be counted now"),
            }
        }
    }

    async fn count(
        &self,
        before: Timestamp,
        now: Timestamp,
    ) -> Result<HashMap<&'static str, OpenCount>, NotTold> {
        let mut counts = self.orders.count_open(before).await?;
        // Deciding takes a moment, and some are always under way.
        let undecided = self.undecided(self::before(now, COUNT)).await?;
        let oldest = undecided.iter().min_by_key(|order| order.opened_at);
        counts.extend(oldest.map(|oldest| OpenCount {
            step: Step::Accepted,
            open: number(undecided.len()),
            stuck: number(undecided.iter().filter(|order| order.opened_at <= before).count()),
            oldest: oldest.opened_at,
        }));
        Ok(counts.into_iter().map(|count| (count.step.as_str(), count)).collect())
    }

    /// Orders asked for since `before` or longer that the journal has not decided on: the first of them.
    async fn undecided(&self, before: Timestamp) -> Result<Vec<OpenOrder>, Unavailable> {
        let status = self.journal.status().borrow().clone();
        if !status.caught_up {
            return Err(Unavailable("the journal has not been read yet".to_owned()));
        }
        let decided = status.positions.get(REQUESTS.name);
        let last = self.reflection.last_request().await?;
        let mut found = Vec::new();
        if last <= decided || self.begins_after(decided + 1, before).await? {
            return Ok(found);
        }
        let mut reader = self.log.read(REQUESTS.name, &[PlaceOrder::TYPE, CancelOrder::TYPE], decided);
        while found.len() < UNDECIDED {
            let Ok(messages) = timeout(LOOK, reader.next_batch(UNDECIDED)).await else {
                return Err(Unavailable("the requests do not come in time".to_owned()));
            };
            let end =
                messages.last().is_none_or(|message| message.sequence >= last || message.timestamp > before);
            let old =
                messages.iter().filter(|message| message.timestamp <= before && message.sequence <= last);
            found.extend(old.filter_map(accepted));
            if end {
                break;
            }
        }
        found.truncate(UNDECIDED);
        Ok(found)
    }

    /// Whether the request at a sequence, and so every later one, is younger than that.
    async fn begins_after(&self, sequence: u64, before: Timestamp) -> Result<bool, Unavailable> {
        Ok(self.log.get(REQUESTS.name, sequence).await?.is_some_and(|message| message.timestamp > before))
    }
}

/// What cannot be read becomes a dead letter, not an order.
fn accepted(message: &Stored) -> Option<OpenOrder> {
    let raw = RawEnvelope::parse(&message.payload).ok()?;
    let wish: PlaceOrder = raw.decode_as().ok()?;
    Some(OpenOrder {
        opened_at: message.timestamp,
        order_id: wish.order_id,
        trace_id: raw.trace_id,
        step: Step::Accepted,
        since: message.timestamp,
    })
}

fn before(now: Timestamp, open_for: Duration) -> Timestamp {
    Timestamp(now.0.saturating_sub(i64::try_from(open_for.as_micros()).unwrap_or(i64::MAX)))
}

fn number(count: usize) -> i64 {
    i64::try_from(count).unwrap_or(i64::MAX)
}
