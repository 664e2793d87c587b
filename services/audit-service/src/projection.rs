//! Tables of the trail, and how messages get into them.

use std::{borrow::Cow, collections::BTreeMap};

use ::projection::{ApplyError, Backend, Batch, Entry, Gap, Insert, Migration, Projection, Tx};
use events::catalogue;
use messaging::{dead_letter, topology};
use prometheus::IntCounter;
use runtime::Clock;
use sqlx::{AssertSqlSafe, Row};
use tracing::warn;

use crate::{
    chain::{self, Hash, Link},
    fields::Fields,
    metrics::Metrics,
    trail::Dialect,
};

/// The streams that are kept, in the order an order passes through them.
pub const STREAMS: &[&str] = &[
    catalogue::REQUESTS.name,
    catalogue::ORDERS.name,
    catalogue::INVENTORY.name,
    catalogue::PAYMENTS.name,
    catalogue::NOTIFICATIONS.name,
    dead_letter::STREAM,
    topology::REDRIVE,
    topology::ADVISORIES,
];

/// Listings go by time of storage, so every index that may match many messages has it.
///
/// Most aggregates are orders, and found as such; the index by aggregate holds only the others.
const FIRST: Migration = Migration(&[
    "CREATE TABLE events (stream TEXT NOT NULL, sequence BIGINT NOT NULL, subject TEXT NOT NULL, \
     stored_at BIGINT NOT NULL, id TEXT, type TEXT, version BIGINT, aggregate_id TEXT, order_id TEXT, \
     trace_id TEXT, causation_id TEXT, timestamp BIGINT, headers TEXT NOT NULL, body {bytes} NOT NULL, \
     chain_hash {bytes} NOT NULL, PRIMARY KEY (stream, sequence))",
    "CREATE INDEX events_by_time ON events (stored_at)",
    "CREATE INDEX events_by_stream ON events (stream, stored_at)",
    "CREATE INDEX events_by_type ON events (type, stored_at)",
    "CREATE INDEX events_by_order ON events (order_id) WHERE order_id IS NOT NULL",
    "CREATE INDEX events_by_aggregate ON events (aggregate_id) \
     WHERE order_id IS NULL OR aggregate_id <> order_id",
    "CREATE INDEX events_by_trace ON events (trace_id)",
    "CREATE TABLE gaps (stream TEXT NOT NULL, from_sequence BIGINT NOT NULL, \
     to_sequence BIGINT NOT NULL, seen_at BIGINT NOT NULL, PRIMARY KEY (stream, from_sequence))",
]);

const EVENTS: Insert = Insert {
    head: "INSERT INTO events (stream, sequence, subject, stored_at, id, type, version, aggregate_id, \
           order_id, trace_id, causation_id, timestamp, headers, body, chain_hash) VALUES",
    columns: 15,
    tail: "",
};

const GAPS: Insert = Insert {
    head: "INSERT INTO gaps (stream, from_sequence, to_sequence, seen_at) VALUES",
    columns: 4,
    tail: "",
};

/// The audit trail as a projection.
#[derive(Debug)]
pub struct AuditTrail {
    clock: Clock,
    metrics: Metrics,
    /// What the metrics are told once the transaction has been committed.
    news: Vec<(IntCounter, u64)>,
}

impl AuditTrail {
    /// `clock` says when a gap was seen.
    #[must_use]
    pub fn new(clock: Clock, metrics: Metrics) -> Self {
        Self { clock, metrics, news: Vec::new() }
    }

    fn note(&mut self, rows: &[EventRow<'_>], gaps: &[Gap]) {
        self.news.clear();
        let unreadable = |row: &&EventRow<'_>| {
            // The broker's own reports never are envelopes.
            row.fields.is_none() && row.entry.stream != topology::ADVISORIES
        };
        for row in rows.iter().filter(unreadable) {
            let unreadable = self.metrics.unreadable.with_label_values(&[row.entry.stream]);
            self.news.push((unreadable, 1));
        }
        for Gap { stream, first, last } in gaps {
            warn!(stream, first, last, "the stream no longer has these messages");
            self.news.push((self.metrics.missing.with_label_values(&[stream]), last - first + 1));
        }
    }
}

impl Projection for AuditTrail {
    const NAME: &'static str = "audit";
    const STREAMS: &'static [&'static str] = STREAMS;
    const SCHEMA: &'static [Migration] = &[FIRST];

    async fn apply(&mut self, tx: &mut Tx, batch: &Batch) -> Result<(), ApplyError> {
        let mut heads = BTreeMap::<&str, Hash>::new();
        let mut rows = Vec::with_capacity(batch.entries.len());
        for entry in &batch.entries {
            let previous = match heads.get(entry.stream) {
                Some(head) => *head,
                None => head(tx, entry.stream).await?,
            };
            let row = EventRow::new(entry, &previous);
            heads.insert(entry.stream, row.hash);
            rows.push(row);
        }
        EVENTS.execute(tx, &rows, |query, row| row.bind(query)).await?;
        let seen_at = i64::try_from(self.clock.unix_micros()).unwrap_or(i64::MAX);
        GAPS.execute(tx, &batch.gaps, |query, gap| {
            query.bind(gap.stream).bind(sql(gap.first)).bind(sql(gap.last)).bind(seen_at)
        })
        .await?;
        self.note(&rows, &batch.gaps);
        Ok(())
    }

    fn committed(&mut self) {
        for (counter, by) in self.news.drain(..) {
            counter.inc_by(by);
        }
    }
}

struct EventRow<'a> {
    entry: &'a Entry,
    subject: Cow<'a, str>,
    headers: String,
    fields: Option<Fields<'a>>,
    hash: Hash,
}

impl<'a> EventRow<'a> {
    fn new(entry: &'a Entry, previous: &Hash) -> Self {
        let message = &entry.message;
        // PostgreSQL has no text with a NUL in it.
        let subject = if message.subject.contains('\0') {
            Cow::Owned(message.subject.replace('\0', "\u{FFFD}"))
        } else {
            Cow::Borrowed(&*message.subject)
        };
        let headers = message.headers.to_json();
        let link = Link {
            stream: entry.stream,
            sequence: message.sequence,
            stored_at: message.timestamp.0,
            subject: &subject,
            headers: &headers,
            body: &message.payload,
        };
        Self { hash: link.after(previous), subject, headers, fields: Fields::read(&message.payload), entry }
    }

    fn bind<'q>(&self, query: ::projection::insert::Binding<'q>) -> ::projection::insert::Binding<'q> {
        let message = &self.entry.message;
        let fields = self.fields.as_ref();
        query
            .bind(self.entry.stream)
            .bind(sql(message.sequence))
            .bind(&*self.subject)
            .bind(message.timestamp.0)
            .bind(fields.map(|fields| fields.id.to_string()))
            .bind(fields.map(|fields| &*fields.kind))
            .bind(fields.map(|fields| i64::from(fields.version)))
            .bind(fields.map(|fields| &*fields.aggregate_id))
            .bind(fields.and_then(|fields| fields.order_id).map(|order| order.to_string()))
            .bind(fields.map(|fields| fields.trace_id.to_string()))
            .bind(fields.map(|fields| fields.causation_id.to_string()))
            .bind(fields.map(|fields| fields.timestamp))
            .bind(&*self.headers)
            .bind(&*message.payload)
            .bind(&self.hash[..])
    }
}

/// The hash of the last message of a stream in the trail.
async fn head(tx: &mut Tx, stream: &str) -> Result<Hash, sqlx::Error> {
    let Dialect { hash, has_place, .. } = Dialect::of(Backend::of(tx));
    let select =
        format!("SELECT {hash} FROM events WHERE stream = $1 AND {has_place} ORDER BY sequence DESC LIMIT 1");
    let row = sqlx::query(AssertSqlSafe(select)).bind(stream).fetch_optional(tx).await?;
    let Some(row) = row else { return Ok(chain::START) };
    let hash: Vec<u8> = row.try_get(0)?;
    // Somebody has cut it short: the chain goes on all the same, and a verification names the place.
    Ok(hash.try_into().unwrap_or(chain::START))
}

/// A sequence as SQL stores it.
pub(crate) fn sql(sequence: u64) -> i64 {
    i64::try_from(sequence).unwrap_or(i64::MAX)
}
