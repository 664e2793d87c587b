//! How far a projection has read each stream, in the database that it writes.

use std::collections::BTreeMap;

use sqlx::{AnyConnection, Row};

/// The last sequence applied, by stream. Absent means that nothing was.
pub(crate) type Offsets = BTreeMap<&'static str, u64>;

pub(crate) const TABLE: &str = "CREATE TABLE IF NOT EXISTS projection_offsets \
     (projection TEXT NOT NULL, stream TEXT NOT NULL, sequence BIGINT NOT NULL, \
      PRIMARY KEY (projection, stream))";

/// Why the offsets could not be moved.
#[derive(Debug, thiserror::Error)]
pub(crate) enum AdvanceError {
    #[error("another projector has moved {stream} on from {expected}")]
    Conflict { stream: &'static str, expected: u64 },
    #[error(transparent)]
    Database(#[from] sqlx::Error),
}

/// The offsets of `streams`, each created as 0 if it was not there.
pub(crate) async fn load_or_create(
    connection: &mut AnyConnection,
    projection: &str,
    streams: &'static [&'static str],
) -> Result<Offsets, sqlx::Error> {
    for stream in streams {
        sqlx::query(
            "INSERT INTO projection_offsets (projection, stream, sequence) VALUES ($1, $2, 0) \
             ON CONFLICT (projection, stream) DO NOTHING",
        )
        .bind(projection)
        .bind(*stream)
        .execute(&mut *connection)
        .await?;
    }
    load(connection, projection, streams).await
}

/// The offsets of `streams`.
pub(crate) async fn load(
    connection: &mut AnyConnection,
    projection: &str,
    streams: &'static [&'static str],
) -> Result<Offsets, sqlx::Error> {
    let rows = sqlx::query("SELECT stream, sequence FROM projection_offsets WHERE projection = $1")
        .bind(projection)
        .fetch_all(connection)
        .await?;
    let mut offsets = Offsets::new();
    for row in rows {
        let (stream, sequence): (&str, i64) = (row.try_get(0)?, row.try_get(1)?);
        if let Some(known) = streams.iter().find(|known| **known == stream) {
            offsets.insert(known, u64::try_from(sequence).unwrap_or(0));
        }
    }
    Ok(offsets)
}

/// Moves one stream's offset inside the open transaction, if it still is where this projector left it.
///
/// This alone keeps two projectors from applying the same message: the lock that usually holds the
/// second one off may be lost with its session.
pub(crate) async fn advance(
    tx: &mut AnyConnection,
    projection: &str,
    stream: &'static str,
    from: u64,
    to: u64,
) -> Result<(), AdvanceError> {
    let moved = sqlx::query(
        "UPDATE projection_offsets SET sequence = $1 WHERE projection = $2 AND stream = $3 AND sequence = $4",
    )
    .bind(sql(to))
    .bind(projection)
    .bind(stream)
    .bind(sql(from))
    .execute(tx)
    .await?;
    match moved.rows_affected() {
        1 => Ok(()),
        _ => Err(AdvanceError::Conflict { stream, expected: from }),
    }
}

/// A sequence as SQL stores it. The broker would need 292,000 years at a million a second to pass the limit.
fn sql(sequence: u64) -> i64 {
    i64::try_from(sequence).unwrap_or(i64::MAX)
}
