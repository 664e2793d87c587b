//! Reads the orders from SQL.

pub mod open;

use std::collections::HashMap;

use events::{Currency, Money, OrderId, Timestamp, TraceId};
use projection::Store;
use sqlx::{AssertSqlSafe, Row, any::AnyRow};

use crate::projection::change::Stage;

/// Orders looked up by one statement.
pub(crate) const LOOK_UP: usize = 200;
/// How many a statement looks up; few sizes, so that each is prepared once and then found again.
const SIZES: [usize; 4] = [1, 8, 32, LOOK_UP];

const COLUMNS: &str = "order_id, place, customer_id, lines, amount, currency, fingerprint, created_at, trace_id, \
     stage, reason, detail, charge_id, refund_due, refunded, refund_id, updated_at, version";

/// The orders as the projection has written them. Cheap to clone.
#[derive(Debug, Clone)]
pub struct ReadModel {
    store: Store,
}

/// An order.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Order {
    /// Its id.
    pub order_id: OrderId,
    /// Its place among all orders: the later, the higher.
    pub place: i64,
    /// Who buys.
    pub customer_id: String,
    /// The lines as JSON.
    pub lines: String,
    /// What it costs.
    pub total: Money,
    /// SHA-256 over its content in hex.
    pub fingerprint: String,
    /// When it was created.
    pub created_at: Timestamp,
    /// The trace of its whole life.
    pub trace_id: TraceId,
    /// How far it has come.
    pub stage: Stage,
    /// Why it was cancelled.
    pub reason: Option<String>,
    /// More about that.
    pub detail: Option<String>,
    /// The charge that paid it, or has to go back.
    pub charge_id: Option<String>,
    /// Minor units that have to go back.
    pub refund_due: i64,
    /// Minor units that went back.
    pub refunded: i64,
    /// The gateway's id of a refund.
    pub refund_id: Option<String>,
    /// When something last happened to it.
    pub updated_at: Timestamp,
    /// How many events it is made of.
    pub version: i64,
}

/// Which orders to list.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Filter {
    /// Only this customer's.
    pub customer_id: Option<String>,
    /// Only those that have come exactly so far.
    pub stage: Option<Stage>,
    /// Only those before this place.
    pub before: Option<i64>,
}

impl ReadModel {
    /// Reads from this database.
    #[must_use]
    pub fn new(store: Store) -> Self {
        Self { store }
    }

    /// One order; `None` when it is not there, or not yet.
    ///
    /// # Errors
    /// The database would not.
    pub async fn find(&self, order_id: OrderId) -> Result<Option<Order>, sqlx::Error> {
        let sql = format!("SELECT {COLUMNS} FROM orders WHERE order_id = $1 AND place IS NOT NULL");
        let query = sqlx::query(AssertSqlSafe(sql)).bind(order_id.to_string());
        query.fetch_optional(self.store.reader()).await?.as_ref().map(read).transpose()
    }

    /// Those of at most [`LOOK_UP`] orders that are there.
    ///
    /// # Errors
    /// The database would not.
    pub(crate) async fn find_all(
        &self,
        order_ids: &[OrderId],
    ) -> Result<HashMap<OrderId, Order>, sqlx::Error> {
        let Some(last) = order_ids.last() else { return Ok(HashMap::new()) };
        let size = SIZES.into_iter().find(|size| *size >= order_ids.len()).unwrap_or(order_ids.len());
        let sql = format!(
            "SELECT {COLUMNS} FROM orders WHERE place IS NOT NULL AND order_id IN ({})",
            places(size)
        );
        // The last one fills what is left of the statement.
        let order_ids = order_ids.iter().chain(std::iter::repeat(last)).take(size);
        let query = order_ids
            .fold(sqlx::query(AssertSqlSafe(sql)), |query, order_id| query.bind(order_id.to_string()));
        let rows = query.fetch_all(self.store.reader()).await?;
        rows.iter().map(|row| read(row).map(|order| (order.order_id, order))).collect()
    }

    /// At most `limit` orders, newest first.
    ///
    /// # Errors
    /// The database would not.
    pub async fn list(&self, filter: &Filter, limit: i64) -> Result<Vec<Order>, sqlx::Error> {
        let mut sql = format!("SELECT {COLUMNS} FROM orders WHERE place < $1");
        let mut values = 2;
        if filter.customer_id.is_some() {
            sql.push_str(&format!(" AND customer_id = ${values}"));
            values += 1;
        }
        if let Some(stage) = filter.stage {
            // Written out: the planner shall know that it is one of few.
            sql.push_str(&format!(" AND stage = {}", stage.number()));
        }
        sql.push_str(&format!(" ORDER BY place DESC LIMIT ${values}"));
        let mut query = sqlx::query(AssertSqlSafe(sql)).bind(filter.before.unwrap_or(i64::MAX));
        if let Some(customer_id) = &filter.customer_id {
            query = query.bind(customer_id.clone());
        }
        let rows = query.bind(limit).fetch_all(self.store.reader()).await?;
        rows.iter().map(read).collect()
    }

    /// Which of these orders are settled.
    ///
    /// # Errors
    /// The database would not.
    pub async fn settled(&self, order_ids: &[OrderId]) -> Result<Vec<OrderId>, sqlx::Error> {
        let mut settled = Vec::new();
        for some in order_ids.chunks(LOOK_UP) {
            let sql = format!(
                "SELECT order_id FROM orders WHERE stage >= {} AND order_id IN ({})",
                Stage::Confirmed.number(),
                places(some.len())
            );
            let query = some
                .iter()
                .fold(sqlx::query(AssertSqlSafe(sql)), |query, order_id| query.bind(order_id.to_string()));
            for row in query.fetch_all(self.store.reader()).await? {
                settled.push(parse(&row, 0)?);
            }
        }
        Ok(settled)
    }

    /// Up to which sequence of a stream every outcome can be read here.
    ///
    /// # Errors
    /// The database would not.
    pub async fn reflected(&self, stream: &str) -> Result<u64, sqlx::Error> {
        let row = sqlx::query("SELECT sequence FROM reflected WHERE stream = $1")
            .bind(stream)
            .fetch_optional(self.store.reader())
            .await?;
        let sequence: Option<i64> = row.map(|row| row.try_get(0)).transpose()?;
        Ok(sequence.and_then(|sequence| u64::try_from(sequence).ok()).unwrap_or(0))
    }
}

/// A row of [`COLUMNS`].
fn read(row: &AnyRow) -> Result<Order, sqlx::Error> {
    let currency: Currency = parse(row, 5)?;
    Ok(Order {
        order_id: parse(row, 0)?,
        place: row.try_get(1)?,
        customer_id: row.try_get(2)?,
        lines: row.try_get(3)?,
        total: Money { amount: row.try_get(4)?, currency },
        fingerprint: row.try_get(6)?,
        created_at: Timestamp(row.try_get(7)?),
        trace_id: parse(row, 8)?,
        stage: Stage::from_number(row.try_get(9)?),
        reason: row.try_get(10)?,
        detail: row.try_get(11)?,
        charge_id: row.try_get(12)?,
        refund_due: row.try_get(13)?,
        refunded: row.try_get(14)?,
        refund_id: row.try_get(15)?,
        updated_at: Timestamp(row.try_get(16)?),
        version: row.try_get(17)?,
    })
}

/// So many placeholders for values, from the first on.
pub(crate) fn places(count: usize) -> String {
    let places: Vec<_> = (1..=count).map(|place| format!("${place}")).collect();
    places.join(", ")
}

/// A value kept as text.
pub(crate) fn parse<T>(row: &AnyRow, column: usize) -> Result<T, sqlx::Error>
where
    T: std::str::FromStr<Err: std::error::Error + Send + Sync + 'static>,
{
    let text: String = row.try_get(column)?;
    text.parse().map_err(|error: T::Err| sqlx::Error::Decode(error.into()))
}
