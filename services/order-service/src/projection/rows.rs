//! The tables of the read model, and how changes get into them.

use std::collections::HashMap;

use events::{OrderId, Timestamp};
use projection::{Insert, Migration, Tx};
use sqlx::{AssertSqlSafe, Row};

use super::change::{Change, Stage};
use crate::read_model::{LOOK_UP, parse, places};

/// A row whose `place` is null holds what came in advance of `orders.created`; it is not shown.
pub(super) const SCHEMA: &[Migration] = &[FIRST, OPEN, REFUNDS];

const FIRST: Migration = Migration(&[
    "CREATE TABLE orders (\
       order_id TEXT PRIMARY KEY, place BIGINT, customer_id TEXT, lines TEXT, amount BIGINT, currency TEXT, \
       fingerprint TEXT, created_at BIGINT, trace_id TEXT, stage BIGINT NOT NULL, reason TEXT, detail TEXT, \
       charge_id TEXT, refund_due BIGINT NOT NULL, refunded BIGINT NOT NULL, \
       refund_id TEXT, updated_at BIGINT NOT NULL, version BIGINT NOT NULL)",
    "CREATE INDEX orders_by_place ON orders (place)",
    "CREATE INDEX orders_by_customer ON orders (customer_id, place)",
    "CREATE INDEX orders_by_stage ON orders (stage, place)",
    "CREATE TABLE reflected (stream TEXT PRIMARY KEY, sequence BIGINT NOT NULL)",
]);

/// The few orders that are not at their end, among the many that are.
const OPEN: Migration =
    Migration(&["CREATE INDEX orders_open ON orders (order_id) WHERE stage < 3 OR refund_due > refunded"]);

/// The refunds that are part of `refunded`. Of those counted before there was this table, one of each order is known.
const REFUNDS: Migration = Migration(&[
    "CREATE TABLE refunds (order_id TEXT NOT NULL, refund_id TEXT NOT NULL, PRIMARY KEY (order_id, refund_id))",
    "INSERT INTO refunds (order_id, refund_id) SELECT order_id, refund_id FROM orders WHERE refund_id IS NOT NULL",
]);

/// Facts are kept once known, counts are added, and of what can only grow the larger wins: the outcome
/// does not depend on the order of the streams. Both databases spell a maximum of two differently, hence
/// the cases.
const UPSERT: Insert = Insert {
    head: "INSERT INTO orders (order_id, place, customer_id, lines, amount, currency, fingerprint, created_at, \
           trace_id, stage, reason, detail, charge_id, refund_due, refunded, refund_id, \
           updated_at, version) VALUES",
    columns: 18,
    tail: "ON CONFLICT (order_id) DO UPDATE SET \
           place = COALESCE(orders.place, excluded.place), \
           customer_id = COALESCE(orders.customer_id, excluded.customer_id), \
           lines = COALESCE(orders.lines, excluded.lines), \
           amount = COALESCE(orders.amount, excluded.amount), \
           currency = COALESCE(orders.currency, excluded.currency), \
           fingerprint = COALESCE(orders.fingerprint, excluded.fingerprint), \
           created_at = COALESCE(orders.created_at, excluded.created_at), \
           trace_id = COALESCE(orders.trace_id, excluded.trace_id), \
           stage = CASE WHEN excluded.stage > orders.stage THEN excluded.stage ELSE orders.stage END, \
           reason = COALESCE(orders.reason, excluded.reason), \
           detail = COALESCE(orders.detail, excluded.detail), \
           charge_id = COALESCE(orders.charge_id, excluded.charge_id), \
           refund_due = orders.refund_due + excluded.refund_due, \
           refunded = orders.refunded + excluded.refunded, \
           refund_id = CASE WHEN orders.refund_id IS NULL OR excluded.refund_id > orders.refund_id \
             THEN excluded.refund_id ELSE orders.refund_id END, \
           updated_at = CASE WHEN excluded.updated_at > orders.updated_at \
             THEN excluded.updated_at ELSE orders.updated_at END, \
           version = orders.version + excluded.version",
};

/// Makes the changes, each order's at most once.
pub(super) async fn upsert(tx: &mut Tx, changes: &[(OrderId, Change)]) -> Result<(), sqlx::Error> {
    let mut rows = Vec::with_capacity(changes.len());
    for (order_id, change) in changes {
        rows.push((order_id, change, newly_refunded(tx, *order_id, change).await?));
    }
    UPSERT
        .execute(tx, &rows, |query, (order_id, change, refunded)| {
            let Change { created, cancelled, .. } = change;
            query
                .bind(order_id.to_string())
                .bind(created.as_ref().map(|created| number(created.place)))
                .bind(created.as_ref().map(|created| text(&created.customer_id)))
                .bind(created.as_ref().map(|created| text(&created.lines)))
                .bind(created.as_ref().map(|created| created.total.amount))
                .bind(created.as_ref().map(|created| created.total.currency.to_string()))
                .bind(created.as_ref().map(|created| text(&created.fingerprint)))
                .bind(created.as_ref().map(|created| created.at.0))
                .bind(created.as_ref().map(|created| created.trace_id.to_string()))
                .bind(change.stage.number())
                .bind(cancelled.as_ref().map(|cancelled| cancelled.reason))
                .bind(cancelled.as_ref().and_then(|cancelled| cancelled.detail.as_deref()).map(text))
                .bind(change.charge_id.as_deref().map(text))
                .bind(change.refund_due)
                .bind(*refunded)
                .bind(change.refunds.last_key_value().map(|(refund_id, _)| text(refund_id)))
                .bind(change.at.0)
                .bind(change.events)
        })
        .await
}

/// How much went back that is not counted yet; from here on it is.
async fn newly_refunded(tx: &mut Tx, order_id: OrderId, change: &Change) -> Result<i64, sqlx::Error> {
    let mut sum = 0_i64;
    for (refund_id, amount) in &change.refunds {
        let statement = "INSERT INTO refunds (order_id, refund_id) VALUES ($1, $2) \
                         ON CONFLICT (order_id, refund_id) DO NOTHING";
        let query = sqlx::query(statement).bind(order_id.to_string()).bind(text(refund_id));
        if query.execute(&mut *tx).await?.rows_affected() > 0 {
            sum = sum.saturating_add(*amount);
        }
    }
    Ok(sum)
}

/// When those of the orders were created that have no outcome yet.
pub(super) async fn open_since(
    tx: &mut Tx,
    order_ids: &[OrderId],
) -> Result<HashMap<OrderId, Timestamp>, sqlx::Error> {
    let mut open = HashMap::new();
    for some in order_ids.chunks(LOOK_UP) {
        let sql = format!(
            "SELECT order_id, created_at FROM orders \
             WHERE stage < {} AND created_at IS NOT NULL AND order_id IN ({})",
            Stage::Confirmed.number(),
            places(some.len())
        );
        let query = some
            .iter()
            .fold(sqlx::query(AssertSqlSafe(sql)), |query, order_id| query.bind(order_id.to_string()));
        for row in query.fetch_all(&mut *tx).await? {
            open.insert(parse(&row, 0)?, Timestamp(row.try_get(1)?));
        }
    }
    Ok(open)
}

/// Remembers up to where a stream is reflected; never goes back.
pub(super) async fn store_position(tx: &mut Tx, stream: &str, sequence: u64) -> Result<(), sqlx::Error> {
    sqlx::query(
        "INSERT INTO reflected (stream, sequence) VALUES ($1, $2) ON CONFLICT (stream) DO UPDATE SET \
         sequence = CASE WHEN excluded.sequence > reflected.sequence \
         THEN excluded.sequence ELSE reflected.sequence END",
    )
    .bind(stream)
    .bind(number(sequence))
    .execute(tx)
    .await
    .map(drop)
}

/// A sequence as SQL stores it.
fn number(sequence: u64) -> i64 {
    i64::try_from(sequence).unwrap_or(i64::MAX)
}

/// A text as PostgreSQL takes it: without the one character that it refuses, and that would keep the
/// whole batch out for ever.
fn text(text: &str) -> String {
    text.replace('\0', "\u{fffd}")
}
