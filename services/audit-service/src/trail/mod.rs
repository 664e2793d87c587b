//! Reading the trail.

mod dialect;
mod filter;

use ::projection::Store;
use sqlx::{AssertSqlSafe, Row, any::AnyRow};

pub(crate) use dialect::Dialect;
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
    /// Every value is of the type it was written with.
    pub well_typed: bool,
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
            stream: text(row, 0)?.unwrap_or_default(),
            sequence: unsigned(row.try_get(1)?),
            subject: text(row, 2)?.unwrap_or_default(),
            stored_at: row.try_get(3)?,
            columns: Columns::read(row)?,
            headers: text(row, 12)?.unwrap_or_default(),
            body: row.try_get(13)?,
            hash: row.try_get(14)?,
            well_typed: row.try_get::<i64, _>(15)? != 0,
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
        let (id, kind, aggregate_id, order_id) = (text(row, 4)?, text(row, 5)?, text(row, 7)?, text(row, 8)?);
        let (trace_id, causation_id) = (text(row, 9)?, text(row, 10)?);
        let (version, timestamp): (Option<i64>, Option<i64>) = (row.try_get(6)?, row.try_get(11)?);
        let texts = [&id, &kind, &aggregate_id, &order_id, &trace_id, &causation_id];
        if texts.iter().all(|text| text.is_none()) && version.is_none() && timestamp.is_none() {
            return Ok(None);
        }
        // All are written, or none: what is missing was taken out, and equals nothing that a body says.
        Ok(Some(Self {
            id: id.unwrap_or_default(),
            kind: kind.unwrap_or_default(),
            version: version.unwrap_or(i64::MIN),
            aggregate_id: aggregate_id.unwrap_or_default(),
            order_id,
            trace_id: trace_id.unwrap_or_default(),
            causation_id: causation_id.unwrap_or_default(),
            timestamp: timestamp.unwrap_or(i64::MIN),
        }))
    }
}

/// A text, whichever way the database gives it. What was never one is shown as well as can be.
fn text(row: &AnyRow, column: usize) -> Result<Option<String>, sqlx::Error> {
    match row.try_get::<Option<Vec<u8>>, _>(column) {
        Ok(bytes) => Ok(bytes.map(|bytes| String::from_utf8_lossy(&bytes).into_owned())),
        Err(_no_bytes) => row.try_get(column),
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

    /// How rows are to be read.
    pub(crate) fn dialect(&self) -> Dialect {
        Dialect::of(self.store.backend())
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
        let Dialect { columns, has_place, .. } = self.dialect();
        let select = format!(
            "SELECT {columns} FROM events WHERE {has_place}{} ORDER BY {} LIMIT {limit}",
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
        let Dialect { columns, has_place, .. } = self.dialect();
        let select = format!(
            "SELECT {columns} FROM events WHERE stream = $1 AND sequence > $2 AND sequence <= $3 \
             AND {has_place} ORDER BY sequence LIMIT {limit}"
        );
        let query = sqlx::query(AssertSqlSafe(select)).bind(stream).bind(sql(after)).bind(sql(up_to));
        query.fetch_all(self.store.reader()).await?.iter().map(Recorded::read).collect()
    }

    /// The hash of the last message before a sequence; `None` when there is none.
    ///
    /// # Errors
    /// The database would not.
    pub async fn hash_before(&self, stream: &str, sequence: u64) -> Result<Option<Vec<u8>>, sqlx::Error> {
        let Dialect { hash, has_place, .. } = self.dialect();
        let select = format!(
            "SELECT {hash} FROM events WHERE stream = $1 AND sequence < $2 AND {has_place} \
             ORDER BY sequence DESC LIMIT 1"
        );
        let query = sqlx::query(AssertSqlSafe(select)).bind(stream).bind(sql(sequence));
        query.fetch_optional(self.store.reader()).await?.map(|row| row.try_get(0)).transpose()
    }
}

/// A sequence as it came from SQL.
pub(crate) fn unsigned(sequence: i64) -> u64 {
    u64::try_from(sequence).unwrap_or(0)
}
