//! Counts what the trail has of each stream, and names what it lacks.

use ::projection::Projection;
use events::Timestamp;
use sqlx::{AssertSqlSafe, Row, any::AnyRow};

use super::report::{Gap, Removed};
use crate::{
    projection::{AuditTrail, sql},
    trail::{Trail, unsigned},
};

/// Most gaps and removals listed per stream.
const LISTED: i64 = 1_000;

/// What the trail has of one stream.
pub(super) struct Count {
    pub(super) first: u64,
    pub(super) last: u64,
    pub(super) count: u64,
    pub(super) written: u64,
    pub(super) expected: u64,
    pub(super) gaps: Vec<Gap>,
    pub(super) removed: Vec<Removed>,
}

impl Count {
    pub(super) async fn of(trail: &Trail, stream: &str) -> Result<Self, sqlx::Error> {
        // Rows up to here never change again, so that what follows needs no transaction around it.
        let written = written(trail, stream).await?;
        let has_place = trail.dialect().has_place;
        let row = sqlx::query(AssertSqlSafe(format!(
            "SELECT COALESCE(MIN(sequence), 0), COALESCE(MAX(sequence), 0), COUNT(*) \
             FROM events WHERE stream = $1 AND sequence <= $2 AND {has_place}"
        )))
        .bind(stream)
        .bind(sql(written))
        .fetch_one(trail.store().reader())
        .await?;
        let (first, last, count): (i64, i64, i64) = (row.try_get(0)?, row.try_get(1)?, row.try_get(2)?);
        let mut counted = Self {
            first: unsigned(first),
            last: unsigned(last),
            count: unsigned(count),
            written,
            expected: written.saturating_sub(missing(trail, stream, written).await?),
            gaps: gaps(trail, stream, 1, written).await?,
            removed: Vec::new(),
        };
        if counted.count != counted.expected {
            counted.removed = removed(trail, stream, &counted).await?;
        }
        Ok(counted)
    }
}

/// The last sequence ever written.
async fn written(trail: &Trail, stream: &str) -> Result<u64, sqlx::Error> {
    let row = sqlx::query("SELECT sequence FROM projection_offsets WHERE projection = $1 AND stream = $2")
        .bind(AuditTrail::NAME)
        .bind(stream)
        .fetch_optional(trail.store().reader())
        .await?;
    row.map_or(Ok(0), |row| row.try_get(0).map(unsigned))
}

/// How many sequences are known to be gaps.
async fn missing(trail: &Trail, stream: &str, written: u64) -> Result<u64, sqlx::Error> {
    let row = sqlx::query(
        "SELECT CAST(COALESCE(SUM(to_sequence - from_sequence + 1), 0) AS BIGINT) \
         FROM gaps WHERE stream = $1 AND to_sequence <= $2",
    )
    .bind(stream)
    .bind(sql(written))
    .fetch_one(trail.store().reader())
    .await?;
    row.try_get(0).map(unsigned)
}

/// How many messages the trail has that it never wrote: of another stream, or beyond the last one written.
pub(super) async fn strangers(trail: &Trail) -> Result<u64, sqlx::Error> {
    // One statement sees rows and offsets of one moment, and they are committed together.
    let row = sqlx::query(
        "SELECT COUNT(*) FROM events WHERE sequence > COALESCE((SELECT written.sequence \
         FROM projection_offsets AS written WHERE written.projection = $1 \
         AND written.stream = events.stream), 0)",
    )
    .bind(AuditTrail::NAME)
    .fetch_one(trail.store().reader())
    .await?;
    row.try_get(0).map(unsigned)
}

/// The gaps known between two sequences.
async fn gaps(trail: &Trail, stream: &str, from: u64, to: u64) -> Result<Vec<Gap>, sqlx::Error> {
    let rows = sqlx::query(
        "SELECT from_sequence, to_sequence, seen_at FROM gaps \
         WHERE stream = $1 AND from_sequence >= $2 AND to_sequence <= $3 ORDER BY from_sequence LIMIT $4",
    )
    .bind(stream)
    .bind(sql(from))
    .bind(sql(to))
    .bind(LISTED)
    .fetch_all(trail.store().reader())
    .await?;
    let gap = |row: &AnyRow| {
        let (from, to): (i64, i64) = (row.try_get(0)?, row.try_get(1)?);
        Ok(Gap { from: unsigned(from), to: unsigned(to), seen_at: Timestamp(row.try_get(2)?) })
    };
    rows.iter().map(gap).collect()
}

/// Holes that no gap explains: between messages, before the first, after the last.
async fn removed(trail: &Trail, stream: &str, count: &Count) -> Result<Vec<Removed>, sqlx::Error> {
    let mut holes = holes(trail, stream, count.written).await?;
    if count.last < count.written {
        holes.push(Removed { from: count.last + 1, to: count.written });
    }
    let mut removed = Vec::new();
    for hole in holes {
        let known = gaps(trail, stream, hole.from, hole.to).await?;
        removed.extend(hole.without(&known));
    }
    Ok(removed)
}

/// Holes before a message that are not as a whole one known gap, as nearly all are.
async fn holes(trail: &Trail, stream: &str, written: u64) -> Result<Vec<Removed>, sqlx::Error> {
    let has_place = trail.dialect().has_place;
    let rows = sqlx::query(AssertSqlSafe(format!(
        "SELECT before, sequence FROM (SELECT sequence, \
         LAG(sequence, 1, CAST(0 AS BIGINT)) OVER (ORDER BY sequence) AS before \
         FROM events WHERE stream = $1 AND sequence <= $2 AND {has_place}) AS neighbours \
         WHERE sequence > before + 1 AND NOT EXISTS (SELECT 1 FROM gaps WHERE stream = $1 \
         AND from_sequence = before + 1 AND to_sequence = sequence - 1) ORDER BY sequence LIMIT $3"
    )))
    .bind(stream)
    .bind(sql(written))
    .bind(LISTED)
    .fetch_all(trail.store().reader())
    .await?;
    let hole = |row: &AnyRow| {
        let (before, sequence): (i64, i64) = (row.try_get(0)?, row.try_get(1)?);
        Ok(Removed { from: unsigned(before) + 1, to: unsigned(sequence) - 1 })
    };
    rows.iter().map(hole).collect()
}
