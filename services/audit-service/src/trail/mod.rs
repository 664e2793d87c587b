//! Reading the trail.

mod filter;

use ::projection::Store;
use sqlx::{AssertSqlSafe, Row, any::AnyRow};

pub use filter::{Filter, Place, Start};

use self::filter::{Conditions, Value};
use crate::{
    chain::{Hash, Link},
    projection::sql,
};

/// Bodies are read in portions of so many, so that large ones do not fill memory.
const PORTION: usize = 100;
/// After so many bytes of bodies a page ends early.
const PAGE_BYTES: usize = 4 << 20;

const COLUMNS: &str = "stream, sequence, subject, stored_at, id, type, version, aggregate_id, order_id, \
                       trace_id, causation_id, timestamp, headers, body, chain_hash";

/// A message as it stands in the trail.
#[derive(Debug, Clone)]
pub struct Recorded {
    /// Its stream.
    pub stream: String,
    /// Its place there.
    pub sequence: u64,
    /// Where it was published to.
    pub subject: String,
    /// When the stream stored it, in microseconds since 1970.
    pub stored_at: i64,
    /// What its envelope says; `None` when it has none.
    pub columns: Option<Columns>,
    /// Its headers: a JSON object of lists.
    pub headers: String,
    /// Its body, as it came.
    pub body: Vec<u8>,
    /// Its hash in the chain.
    pub hash: Vec<u8>,
}

/// The columns that repeat what the envelope says.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Columns {
    /// Identity of the event.
    pub id: String,
    /// The type string.
    pub kind: String,
    /// The version of the payload's shape.
    pub version: i64,
    /// What the event is about.
    pub aggregate_id: String,
    /// The order it concerns.
    pub order_id: Option<String>,
    /// The trace it belongs to.
    pub trace_id: String,
    /// What caused it.
    pub causation_id: String,
    /// When it happened, in microseconds since 1970.
    pub timestamp: i64,
}

impl Recorded {
    fn read(row: &AnyRow) -> Result<Self, sqlx::Error> {
        Ok(Self {
            stream: row.try_get(0)?,
            sequence: unsigned(row.try_get(1)?),
            subject: row.try_get(2)?,
            stored_at: row.try_get(3)?,
            columns: Columns::read(row)?,
            headers: row.try_get(12)?,
            body: row.try_get(13)?,
            hash: row.try_get(14)?,
        })
    }

    /// Where it stands in a listing by time.
    #[must_use]
    pub fn place(&self) -> Place {
        Place { stored_at: self.stored_at, stream: self.stream.clone(), sequence: self.sequence }
    }

    /// The hash it must have if the one before it has the hash `previous`.
    #[must_use]
    pub fn hash_after(&self, previous: &Hash) -> Hash {
        let link = Link {
            stream: &self.stream,
            sequence: self.sequence,
            stored_at: self.stored_at,
            subject: &self.subject,
            headers: &self.headers,
            body: &self.body,
        };
        link.after(previous)
    }
}

impl Columns {
    fn read(row: &AnyRow) -> Result<Option<Self>, sqlx::Error> {
        let Some(id) = row.try_get(4)? else { return Ok(None) };
        Ok(Some(Self {
            id,
            kind: row.try_get(5)?,
            version: row.try_get(6)?,
            aggregate_id: row.try_get(7)?,
            order_id: row.try_get(8)?,
            trace_id: row.try_get(9)?,
            causation_id: row.try_get(10)?,
            timestamp: row.try_get(11)?,
        }))
    }
}

/// Part of a listing.
#[derive(Debug, Clone)]
pub struct Page {
    /// The messages.
    pub events: Vec<Recorded>,
    /// Whether there are more.
    pub more: bool,
}

/// The trail, for reading. Cheap to clone.
#[derive(Debug, Clone)]
pub struct Trail {
    store: Store,
}

impl Trail {
    /// The trail in a database.
    #[must_use]
    pub fn new(store: Store) -> Self {
        Self { store }
    }

    pub(crate) fn store(&self) -> &Store {
        &self.store
    }

    /// Part of a listing: at most `limit` messages, fewer if their bodies are large.
    ///
    /// # Errors
    /// The database would not.
    pub async fn list(&self, filter: &Filter, start: Start, limit: usize) -> Result<Page, sqlx::Error> {
        let mut start = start;
        let mut page = Page { events: Vec::new(), more: true };
        let mut bytes = 0;
        while page.more && page.events.len() < limit && bytes < PAGE_BYTES {
            let wanted = PORTION.min(limit - page.events.len());
            // One more tells whether there is more.
            let mut portion = self.portion(filter, &start, wanted + 1).await?;
            page.more = portion.len() > wanted;
            portion.truncate(wanted);
            bytes += portion.iter().map(|event| event.body.len()).sum::<usize>();
            if let Some(last) = portion.last() {
                start = match start {
                    Start::Time(_) => Start::Time(Some(last.place())),
                    Start::Sequence(_) => Start::Sequence(last.sequence),
                };
            }
            page.events.append(&mut portion);
        }
        Ok(page)
    }

    async fn portion(
        &self,
        filter: &Filter,
        start: &Start,
        limit: usize,
    ) -> Result<Vec<Recorded>, sqlx::Error> {
        let conditions = Conditions::of(filter, start);
        let select = format!(
            "SELECT {COLUMNS} FROM events {} ORDER BY {} LIMIT {limit}",
            conditions.sql(),
            start.order()
        );
        let query = sqlx::query(AssertSqlSafe(select));
        let query = conditions.values.into_iter().fold(query, |query, value| match value {
            Value::Text(text) => query.bind(text),
            Value::Number(number) => query.bind(number),
        });
        query.fetch_all(self.store.reader()).await?.iter().map(Recorded::read).collect()
    }

    /// A stretch of one stream: after one sequence, up to another, at most `limit`.
    ///
    /// # Errors
    /// The database would not.
    pub async fn stretch(
        &self,
        stream: &str,
        after: u64,
        up_to: u64,
        limit: usize,
    ) -> Result<Vec<Recorded>, sqlx::Error> {
        let select = format!(
            "SELECT {COLUMNS} FROM events WHERE stream = $1 AND sequence > $2 AND sequence <= $3 \
             ORDER BY sequence LIMIT {limit}"
        );
        let query = sqlx::query(AssertSqlSafe(select)).bind(stream).bind(sql(after)).bind(sql(up_to));
        query.fetch_all(self.store.reader()).await?.iter().map(Recorded::read).collect()
    }

    /// The hash of the last message before a sequence; `None` when there is none.
    ///
    /// # Errors
    /// The database would not.
    pub async fn hash_before(&self, stream: &str, sequence: u64) -> Result<Option<Vec<u8>>, sqlx::Error> {
        let select = "SELECT chain_hash FROM events WHERE stream = $1 AND sequence < $2 \
                      ORDER BY sequence DESC LIMIT 1";
        let query = sqlx::query(select).bind(stream).bind(sql(sequence));
        query.fetch_optional(self.store.reader()).await?.map(|row| row.try_get(0)).transpose()
    }
}

/// A sequence as it came from SQL.
pub(crate) fn unsigned(sequence: i64) -> u64 {
    u64::try_from(sequence).unwrap_or(0)
}
