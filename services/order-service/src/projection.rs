//! The orders as callers see them: a read model in SQL, fed from ORDERS, INVENTORY and PAYMENTS.

pub mod change;
mod rows;
#[cfg(test)]
mod tests;

use std::collections::HashMap;

use events::{
    DecodeError, EventData, OrderId, RawEnvelope,
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
    reflecting: u64,
}

/// What one batch says, by order.
#[derive(Debug, Default)]
struct Changes {
    by_order: HashMap<OrderId, Change>,
    settled: Vec<OrderId>,
    reflected: u64,
}

impl OrdersProjection {
    /// A projection that wakes these waiters, and tells how far the requests are reflected.
    #[must_use]
    pub fn new(waiters: Waiters, reflected: watch::Sender<u64>, metrics: Metrics) -> Self {
        Self { waiters, reflected, metrics, settling: Vec::new(), reflecting: 0 }
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
                Ok(Some((fact, raw))) => changes.note(fact, message.sequence, &raw),
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
    fn note(&mut self, fact: Fact, sequence: u64, raw: &RawEnvelope<'_>) {
        let order_id = fact.order_id();
        let origin = Origin { sequence, at: raw.timestamp, trace_id: raw.trace_id };
        let change = self.by_order.entry(order_id).or_default();
        change.note(fact, origin);
        if change.stage.is_settled() {
            self.settled.push(order_id);
        }
    }
}

/// The position in REQUESTS that a message of the journal carries; 0 if none.
fn requests_position(message: &Stored) -> u64 {
    let positions = message.headers.get(POSITIONS).and_then(|text| text.parse::<Positions>().ok());
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
        // What an attempt that was rolled back meant to do is forgotten here.
        self.settling = changes.settled;
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
