//! The orders as callers see them: a read model in SQL, fed from ORDERS, INVENTORY and PAYMENTS.

pub mod change;
mod rows;
#[cfg(test)]
mod tests;

use std::{
    collections::{BTreeMap, HashMap},
    time::Duration,
};

use events::{
    DecodeError, EventData, OrderId, RawEnvelope, Timestamp,
    catalogue::{INVENTORY, ORDERS, PAYMENTS, REQUESTS},
    inventory::StockReserved,
    orders::{OrderCancelled, OrderConfirmed, OrderCreated, RefundRequested},
    payments::PaymentRefunded,
};
use messaging::{headers::POSITIONS, journal::Positions, log::Stored};
use projection::{ApplyError, Batch, Migration, Projection, Tx};
use tokio::sync::watch;
use tracing::warn;

use self::change::{Change, Fact, Origin};
use crate::{metrics::Metrics, waiters::Waiters};

/// The read model of the orders.
pub struct OrdersProjection {
    waiters: Waiters,
    /// Up to which sequence of REQUESTS every outcome can be read.
    reflected: watch::Sender<u64>,
    metrics: Metrics,
    /// What the transaction under way will have done once it is committed.
    settling: Vec<OrderId>,
    completing: Vec<(&'static str, Duration)>,
    reflecting: u64,
}

/// What one batch says, by order.
#[derive(Debug, Default)]
struct Changes {
    by_order: HashMap<OrderId, Change>,
    settled: Vec<OrderId>,
    /// The first outcome of each order that has one, and when it was stored.
    outcomes: BTreeMap<OrderId, (&'static str, Timestamp)>,
    reflected: u64,
}

impl OrdersProjection {
    /// A projection that wakes these waiters, and tells how far the requests are reflected.
    #[must_use]
    pub fn new(waiters: Waiters, reflected: watch::Sender<u64>, metrics: Metrics) -> Self {
        Self { waiters, reflected, metrics, settling: Vec::new(), completing: Vec::new(), reflecting: 0 }
    }

    fn read(&self, batch: &Batch) -> Changes {
        let mut changes = Changes::default();
        for entry in &batch.entries {
            let message = &entry.message;
            if entry.stream == ORDERS.name {
                changes.reflected = changes.reflected.max(requests_position(message));
            }
            match read_fact(&message.subject, &message.payload) {
                Ok(None) => {}
                Ok(Some((fact, raw))) => changes.note(fact, message, &raw),
                // Whoever must act on it parks it as a dead letter; here the order just shows less.
                Err(error) => {
                    self.metrics.skipped();
                    let (stream, sequence) = (entry.stream, message.sequence);
                    warn!(stream, sequence, %error, "the orders' read model leaves an event out");
                }
            }
        }
        changes
    }
}

impl Changes {
    fn note(&mut self, fact: Fact, message: &Stored, raw: &RawEnvelope<'_>) {
        let order_id = fact.order_id();
        if let Some(outcome) = fact.outcome() {
            self.outcomes.entry(order_id).or_insert((outcome, message.timestamp));
        }
        let origin = Origin { sequence: message.sequence, at: raw.timestamp, trace_id: raw.trace_id };
        let change = self.by_order.entry(order_id).or_default();
        change.note(fact, origin);
        if change.stage.is_settled() {
            self.settled.push(order_id);
        }
    }

    /// How long each order took that has its first outcome now; `open` tells when those were created that were open
    /// before this batch.
    fn completed(&self, open: &HashMap<OrderId, Timestamp>) -> Vec<(&'static str, Duration)> {
        let took = |(order_id, (outcome, at)): (&OrderId, &(&'static str, Timestamp))| {
            let created = self.by_order.get(order_id).and_then(|change| change.created.as_ref());
            let created = created.map(|created| created.at).or_else(|| open.get(order_id).copied())?;
            Some((*outcome, at.since(created)))
        };
        self.outcomes.iter().filter_map(took).collect()
    }
}

/// The position in REQUESTS that a message of the journal carries; 0 if none.
fn requests_position(message: &Stored) -> u64 {
    let positions = message.headers.get(POSITIONS).filter(|_| ORDERS.holds(&message.subject));
    let positions = positions.and_then(|text| text.parse::<Positions>().ok());
    positions.map_or(0, |positions| positions.get(REQUESTS.name))
}

/// What a message says about an order; `None` when nothing that is shown.
fn read_fact<'a>(subject: &str, payload: &'a [u8]) -> Result<Option<(Fact, RawEnvelope<'a>)>, DecodeError> {
    let decode: fn(&RawEnvelope<'_>) -> Result<Fact, DecodeError> = match subject {
        OrderCreated::TYPE => |raw| raw.decode_as().map(Fact::Created),
        OrderConfirmed::TYPE => |raw| raw.decode_as().map(Fact::Confirmed),
        OrderCancelled::TYPE => |raw| raw.decode_as().map(Fact::Cancelled),
        RefundRequested::TYPE => |raw| raw.decode_as().map(Fact::RefundRequested),
        StockReserved::TYPE => |raw| raw.decode_as().map(Fact::Reserved),
        PaymentRefunded::TYPE => |raw| raw.decode_as().map(Fact::Refunded),
        _ => return Ok(None),
    };
    let raw = RawEnvelope::parse(payload)?;
    Ok(Some((decode(&raw)?, raw)))
}

impl Projection for OrdersProjection {
    const NAME: &'static str = "orders";
    const STREAMS: &'static [&'static str] = &[ORDERS.name, INVENTORY.name, PAYMENTS.name];
    const SCHEMA: &'static [Migration] = rows::SCHEMA;

    async fn apply(&mut self, tx: &mut Tx, batch: &Batch) -> Result<(), ApplyError> {
        let changes = self.read(batch);
        let with_outcome: Vec<_> = changes.outcomes.keys().copied().collect();
        let completed = changes.completed(&rows::open_since(tx, &with_outcome).await?);
        // What an attempt that was rolled back meant to do is forgotten here.
        self.settling = changes.settled;
        self.completing = completed;
        self.reflecting = changes.reflected;
        let mut rows: Vec<_> = changes.by_order.into_iter().collect();
        // Neighbours in the index are written one after the other.
        rows.sort_unstable_by_key(|(order_id, _)| *order_id);
        rows::upsert(tx, &rows).await?;
        if self.reflecting > 0 {
            rows::store_position(tx, REQUESTS.name, self.reflecting).await?;
        }
        Ok(())
    }

    fn committed(&mut self) {
        self.waiters.settled(self.settling.drain(..));
        for (outcome, took) in self.completing.drain(..) {
            self.metrics.completed(outcome, took);
        }
        raise(&self.reflected, self.reflecting);
    }
}

/// Tells those who wait that more is reflected; never that less is.
pub(crate) fn raise(reflected: &watch::Sender<u64>, position: u64) {
    reflected.send_if_modified(|known| {
        let more = position > *known;
        *known = (*known).max(position);
        more
    });
}
