//! Counts what the trail has of each stream, and names what it lacks.

use std::sync::Arc;

use ::projection::Projection;
use events::Timestamp;
use sqlx::{
    Any, AssertSqlSafe, Row,
    any::{AnyArguments, AnyRow},
    query::Query,
};

use super::{
    report::{Gap, Removed},
    statements::Statements,
};
use crate::{
    projection::{AuditTrail, STREAMS, sql},
    trail::{Trail, unsigned},
};

/// Counts rows of a trail.
#[derive(Debug, Clone)]
pub(super) struct Counter {
    trail: Trail,
    chunk: usize,
    statements: Statements,
}

/// Part of a stream: what comes after a sequence, up to and with another.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Part {
    pub(super) after: u64,
    pub(super) up_to: u64,
}

/// What the trail has of a part.
pub(super) struct Count {
    /// Where the part ends that this is about.
    pub(super) up_to: u64,
    pub(super) count: u64,
    pub(super) expected: u64,
    pub(super) removed: Vec<Removed>,
}

impl Counter {
    /// Counts a trail in chunks of so many rows.
    pub(super) fn new(trail: Trail, chunk: usize) -> Self {
        let chunk = chunk.max(1);
        Self { statements: Statements::of(trail.dialect(), chunk), trail, chunk }
    }

    /// The last sequence ever written. Rows up to there never change again, so that no transaction has to be around
    /// what is asked about them.
    pub(super) async fn written(&self, stream: &str) -> Result<u64, sqlx::Error> {
        let query = query(&self.statements.written).bind(AuditTrail::NAME).bind(stream);
        self.optional(query).await.map(Option::unwrap_or_default)
    }

    /// The first and the last sequence of what was written; 0 when there is none.
    pub(super) async fn ends(&self, stream: &str, written: u64) -> Result<(u64, u64), sqlx::Error> {
        let end = |statement| self.optional(query(statement).bind(stream).bind(sql(written)));
        let (first, last) = (end(&self.statements.first).await?, end(&self.statements.last).await?);
        Ok((first.unwrap_or_default(), last.unwrap_or_default()))
    }

    /// Where the next chunk of a part ends: at a row, or with the part.
    pub(super) async fn end_of_chunk(&self, stream: &str, part: Part) -> Result<u64, sqlx::Error> {
        // Planned anew each time: a plan for any two sequences may read all that is between them, and then sort.
        let query = of_part(&self.statements.chunk, stream, part).persistent(false);
        let (rows, last) = two(&query.fetch_one(self.trail.store().reader()).await?)?;
        Ok(if rows < self.chunk as u64 { part.up_to } else { last })
    }

    /// Counts a chunk, and lists at most so many holes in it. One after which there is more ends with its last message:
    /// the hole behind it is as a whole part of what follows.
    pub(super) async fn count(
        &self,
        stream: &str,
        chunk: Part,
        written: u64,
        most: usize,
    ) -> Result<Count, sqlx::Error> {
        let query = of_part(&self.statements.count, stream, chunk);
        let (count, last) = two(&query.fetch_one(self.trail.store().reader()).await?)?;
        let up_to = if chunk.up_to < written && count > 0 { last } else { chunk.up_to };
        let part = Part { up_to, ..chunk };
        let missing = of_part(&self.statements.missing, stream, part);
        let missing = self.optional(missing).await?.unwrap_or_default();
        let expected = (up_to - part.after).saturating_sub(missing);
        let mut removed = Vec::new();
        // What was moved into a gap is missing where it stood, although there are as many as there must be.
        if count != expected || missing > 0 {
            removed = self.removed(stream, part, last.max(part.after)).await?;
            removed.truncate(most);
        }
        Ok(Count { up_to, count, expected, removed })
    }

    /// The known gaps that overlap a part, and be it by one sequence.
    pub(super) async fn gaps(&self, stream: &str, part: Part) -> Result<Vec<Gap>, sqlx::Error> {
        let query = of_part(&self.statements.gaps, stream, part);
        let rows = query.fetch_all(self.trail.store().reader()).await?;
        let gap = |row: &AnyRow| {
            let (from, to) = two(row)?;
            Ok(Gap { from, to, seen_at: Timestamp(row.try_get(2)?) })
        };
        rows.iter().map(gap).collect()
    }

    /// How many messages the trail has that it never wrote: of another stream, or of none of a stream's sequences.
    pub(super) async fn strangers(&self) -> Result<u64, sqlx::Error> {
        let mut strangers = self.optional(query(&self.statements.foreign)).await?.unwrap_or_default();
        for stream in STREAMS {
            let outside = query(&self.statements.outside).bind(*stream).bind(AuditTrail::NAME);
            strangers += self.optional(outside).await?.unwrap_or_default();
        }
        Ok(strangers)
    }

    /// Holes that no gap explains: before a message, and after the last.
    async fn removed(&self, stream: &str, part: Part, last: u64) -> Result<Vec<Removed>, sqlx::Error> {
        let query = of_part(&self.statements.holes, stream, part);
        let rows = query.fetch_all(self.trail.store().reader()).await?;
        let hole = |row: &AnyRow| {
            let (before, sequence) = two(row)?;
            Ok(Removed { from: before + 1, to: sequence - 1 })
        };
        let mut holes: Vec<Removed> = rows.iter().map(hole).collect::<Result<_, sqlx::Error>>()?;
        if last < part.up_to {
            holes.push(Removed { from: last + 1, to: part.up_to });
        }
        let mut removed = Vec::new();
        for hole in holes {
            let known = self.gaps(stream, Part { after: hole.from - 1, up_to: hole.to }).await?;
            removed.extend(hole.without(&known));
        }
        Ok(removed)
    }

    /// The one number that is asked for.
    async fn optional(&self, query: Query<'_, Any, AnyArguments>) -> Result<Option<u64>, sqlx::Error> {
        let row = query.fetch_optional(self.trail.store().reader()).await?;
        row.map(|row| row.try_get(0).map(unsigned)).transpose()
    }
}

fn query<'q>(statement: &Arc<str>) -> Query<'q, Any, AnyArguments> {
    sqlx::query(AssertSqlSafe(Arc::clone(statement)))
}

fn of_part<'q>(statement: &Arc<str>, stream: &'q str, part: Part) -> Query<'q, Any, AnyArguments> {
    query(statement).bind(stream).bind(sql(part.after)).bind(sql(part.up_to))
}

fn two(row: &AnyRow) -> Result<(u64, u64), sqlx::Error> {
    Ok((unsigned(row.try_get(0)?), unsigned(row.try_get(1)?)))
}
