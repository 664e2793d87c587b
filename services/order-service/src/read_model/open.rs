//! The orders that are not at their end: which step each waits on, and since when.

use events::{OrderId, Timestamp, TraceId};
use sqlx::{Row, any::AnyRow};

use super::{ReadModel, parse};

/// What an open order waits on.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Step {
    /// To be decided on.
    Accepted,
    /// For its stock.
    AwaitingStock,
    /// For its payment.
    AwaitingPayment,
    /// For its money to go back.
    RefundPending,
}

impl Step {
    /// All of them, in the order of life.
    pub const ALL: [Self; 4] =
        [Self::Accepted, Self::AwaitingStock, Self::AwaitingPayment, Self::RefundPending];

    /// The spelling in the API and in metrics.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Accepted => "accepted",
            Self::AwaitingStock => "awaiting_stock",
            Self::AwaitingPayment => "awaiting_payment",
            Self::RefundPending => "refund_pending",
        }
    }

    /// Who has to do what for the order to go on, and where that will be written.
    #[must_use]
    pub fn waits_for(self) -> &'static str {
        match self {
            Self::Accepted => "order-service to decide on the request in REQUESTS: orders.created in ORDERS",
            Self::AwaitingStock => {
                "inventory-service to set its pieces aside: inventory.reserved or inventory.rejected in INVENTORY"
            }
            Self::AwaitingPayment => {
                "payment-service to charge the card: payments.captured or payments.declined in PAYMENTS, then \
                 order-service to decide on it"
            }
            Self::RefundPending => "payment-service to give the money back: payments.refunded in PAYMENTS",
        }
    }

    /// Reads what [`OPEN`] calls `step`.
    fn from_number(number: i64) -> Self {
        match number {
            REFUND => Self::RefundPending,
            2 => Self::AwaitingPayment,
            _ => Self::AwaitingStock,
        }
    }
}

/// An order that is not at its end.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct OpenOrder {
    /// When it became open: it was asked for, or, if it was at its end already, its money was to go back.
    pub opened_at: Timestamp,
    /// Its id.
    pub order_id: OrderId,
    /// The trace of its whole life.
    pub trace_id: TraceId,
    /// What it waits on.
    pub step: Step,
    /// Since when it waits on just that.
    pub since: Timestamp,
}

impl OpenOrder {
    /// Its place in the list of all open orders, longest open first.
    #[must_use]
    pub fn place(&self) -> Place {
        (self.opened_at, self.order_id)
    }
}

/// See [`OpenOrder::place`].
pub type Place = (Timestamp, OrderId);

/// How many orders wait on one step.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct OpenCount {
    /// Which.
    pub step: Step,
    /// How many.
    pub open: i64,
    /// How many of those have been open for too long.
    pub stuck: i64,
    /// When the one that has been open for longest became so.
    pub oldest: Timestamp,
}

const REFUND: i64 = 3;

/// The open orders. The condition is that of the index `orders_open`, word for word, so that the cost depends on how
/// many are open and not on how many there are.
const OPEN: &str = "SELECT order_id, trace_id, updated_at, \
     CASE WHEN stage < 3 THEN stage ELSE 3 END AS step, \
     CASE WHEN stage < 3 THEN created_at ELSE updated_at END AS opened_at \
     FROM orders WHERE (stage < 3 OR refund_due > refunded) AND place IS NOT NULL";

impl ReadModel {
    /// At most `limit` orders that have been open since `before` or longer, longest first, from after a place on.
    ///
    /// # Errors
    /// The database would not.
    pub async fn open(
        &self,
        before: Timestamp,
        after: Option<Place>,
        limit: i64,
    ) -> Result<Vec<OpenOrder>, sqlx::Error> {
        let (at, id) = after.map_or((i64::MIN, String::new()), |(at, id)| (at.0, id.to_string()));
        let sql = of_open(
            "SELECT order_id, trace_id, step, opened_at, updated_at FROM (",
            ") open_orders WHERE opened_at <= $1 AND (opened_at > $2 OR (opened_at = $2 AND order_id > $3)) \
             ORDER BY opened_at, order_id LIMIT $4",
        );
        let query = sqlx::query(sqlx::AssertSqlSafe(sql)).bind(before.0).bind(at).bind(id).bind(limit);
        query.fetch_all(self.store.reader()).await?.iter().map(read).collect()
    }

    /// The open orders by step; `before` tells which are open for too long. A step without any is left out.
    ///
    /// # Errors
    /// The database would not.
    pub async fn count_open(&self, before: Timestamp) -> Result<Vec<OpenCount>, sqlx::Error> {
        let sql = of_open(
            "SELECT step, COUNT(*), SUM(CASE WHEN opened_at <= $1 THEN 1 ELSE 0 END), MIN(opened_at) FROM (",
            ") open_orders GROUP BY step",
        );
        let rows =
            sqlx::query(sqlx::AssertSqlSafe(sql)).bind(before.0).fetch_all(self.store.reader()).await?;
        let count = |row: &AnyRow| {
            Ok(OpenCount {
                step: Step::from_number(row.try_get(0)?),
                open: row.try_get(1)?,
                stuck: row.try_get(2)?,
                oldest: Timestamp(row.try_get(3)?),
            })
        };
        rows.iter().map(count).collect()
    }
}

/// A statement about the open orders.
fn of_open(head: &str, tail: &str) -> String {
    format!("{head}{OPEN}{tail}")
}

fn read(row: &AnyRow) -> Result<OpenOrder, sqlx::Error> {
    Ok(OpenOrder {
        order_id: parse(row, 0)?,
        trace_id: parse(row, 1)?,
        step: Step::from_number(row.try_get(2)?),
        opened_at: Timestamp(row.try_get(3)?),
        since: Timestamp(row.try_get(4)?),
    })
}
