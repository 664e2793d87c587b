//! The SQL of an examination, in one place so that a test can have the database explain all of it.
//!
//! However large the trail is, none of these statements reads more than what it asks about: a chunk of one stream,
//! or the way to one end of an index. Parts of a stream go from after `$2` up to and with `$3`.

use std::sync::Arc;

use crate::{projection::STREAMS, trail::Dialect};

/// Most gaps and removals listed per stream, and most strangers counted in a stream.
pub(super) const LISTED: usize = 1_000;

/// The statements, as one database wants them.
#[derive(Debug, Clone)]
pub(super) struct Statements {
    /// The last sequence of a stream ever written.
    pub(super) written: Arc<str>,
    /// The first sequence of a stream up to one, and the last.
    pub(super) first: Arc<str>,
    pub(super) last: Arc<str>,
    /// How many rows the next chunk of a part has, and the last sequence of them.
    pub(super) chunk: Arc<str>,
    /// How many messages a part has, and the last sequence of them.
    pub(super) count: Arc<str>,
    /// How many sequences of a part are known to be gaps.
    pub(super) missing: Arc<str>,
    /// The gaps that overlap a part.
    pub(super) gaps: Arc<str>,
    /// The holes in a part before each of its messages, as the sequences on either side.
    pub(super) holes: Arc<str>,
    /// How many messages a stream has before the first sequence there is, or beyond the last one written.
    pub(super) outside: Arc<str>,
    /// How many messages there are of other streams.
    pub(super) foreign: Arc<str>,
}

impl Statements {
    /// Those for a database, and for chunks of so many rows.
    pub(super) fn of(dialect: Dialect, chunk: usize) -> Self {
        let Dialect { has_place, has_sequence, .. } = dialect;
        let part = "FROM events WHERE stream = $1 AND sequence > $2 AND sequence <= $3 AND";
        let end = format!(
            "SELECT sequence FROM events WHERE stream = $1 AND sequence > 0 AND sequence <= $2 \
             AND {has_place} ORDER BY sequence"
        );
        Self {
            written: "SELECT sequence FROM projection_offsets WHERE projection = $1 AND stream = $2".into(),
            first: format!("{end} LIMIT 1").into(),
            last: format!("{end} DESC LIMIT 1").into(),
            chunk: format!(
                "SELECT COUNT(*), COALESCE(MAX(sequence), 0) FROM (SELECT sequence {part} {has_sequence} \
                 ORDER BY sequence LIMIT {chunk}) AS chunk"
            )
            .into(),
            count: format!("SELECT COUNT(*), COALESCE(MAX(sequence), 0) {part} {has_place}").into(),
            missing: missing().into(),
            gaps: gaps().into(),
            holes: holes(part, has_place).into(),
            outside: outside().into(),
            foreign: foreign().into(),
        }
    }
}

/// Gaps do not overlap, so that the last one that begins no later than the part is the first to look at.
const OVERLAPPING: &str = "FROM gaps WHERE stream = $1 AND from_sequence <= $3 AND to_sequence > $2 \
     AND from_sequence >= COALESCE((SELECT MAX(from_sequence) FROM gaps WHERE stream = $1 \
     AND from_sequence <= $2), 0)";

fn missing() -> String {
    format!(
        "SELECT CAST(COALESCE(SUM(CASE WHEN to_sequence < $3 THEN to_sequence ELSE $3 END \
         - CASE WHEN from_sequence > $2 THEN from_sequence - 1 ELSE $2 END), 0) AS BIGINT) {OVERLAPPING}"
    )
}

fn gaps() -> String {
    format!("SELECT from_sequence, to_sequence, seen_at {OVERLAPPING} ORDER BY from_sequence LIMIT {LISTED}")
}

/// Without those that are as a whole one known gap, as nearly all are.
fn holes(part: &str, has_place: &str) -> String {
    format!(
        "SELECT before, sequence FROM (SELECT sequence, \
         LAG(sequence, 1, CAST($2 AS BIGINT)) OVER (ORDER BY sequence) AS before \
         {part} {has_place}) AS neighbours \
         WHERE sequence > before + 1 AND NOT EXISTS (SELECT 1 FROM gaps WHERE stream = $1 \
         AND from_sequence = before + 1 AND to_sequence = sequence - 1) ORDER BY sequence LIMIT {LISTED}"
    )
}

/// One statement sees rows and offsets of one moment, and they are committed together.
fn outside() -> String {
    let of_it = "SELECT COUNT(*) FROM (SELECT sequence FROM events WHERE stream = $1 AND sequence";
    let in_order = format!("ORDER BY sequence LIMIT {LISTED})");
    format!(
        "SELECT ({of_it} < 1 {in_order} AS before) + ({of_it} > COALESCE((SELECT written.sequence \
         FROM projection_offsets AS written WHERE written.projection = $2 AND written.stream = $1), 0) \
         {in_order} AS beyond)"
    )
}

/// From one stream's name to the next by the index: a list of all names would read all messages.
fn foreign() -> String {
    let ours = STREAMS.join("', '");
    let names = STREAMS.len() + LISTED;
    format!(
        "WITH RECURSIVE names (stream) AS (SELECT MIN(stream) FROM events UNION ALL \
         SELECT (SELECT MIN(events.stream) FROM events WHERE events.stream > names.stream) \
         FROM names WHERE names.stream IS NOT NULL) \
         SELECT CAST(COALESCE(SUM((SELECT COUNT(*) FROM (SELECT events.sequence FROM events \
         WHERE events.stream = names.stream ORDER BY events.sequence LIMIT {LISTED}) AS of_it)), 0) AS BIGINT) \
         FROM (SELECT stream FROM names WHERE stream IS NOT NULL LIMIT {names}) AS names \
         WHERE names.stream NOT IN ('{ours}')"
    )
}

#[cfg(test)]
mod tests {
    use projection::{Projection, Store, schema, testing};
    use sqlx::{AssertSqlSafe, Row};

    use super::*;
    use crate::{projection::AuditTrail, trail::Trail};

    /// What SQLite says that it does for a statement, a line for each step.
    async fn plan(store: &Store, statement: &str) -> Vec<String> {
        let explain = AssertSqlSafe(format!("EXPLAIN QUERY PLAN {statement}"));
        let steps = sqlx::query(explain).fetch_all(store.reader()).await.unwrap();
        steps.iter().map(|step| step.get("detail")).collect()
    }

    /// What is scanned otherwise are results of other steps.
    fn reads_a_whole_table(plan: &[String]) -> bool {
        let tables = ["SCAN events", "SCAN gaps", "SCAN projection_offsets", "SCAN written"];
        plan.iter().any(|step| tables.iter().any(|table| step.starts_with(table)))
    }

    fn reads_a_whole_stream(plan: &[String]) -> bool {
        plan.iter().any(|step| step.starts_with("SEARCH events") && step.ends_with("(stream=?)"))
    }

    fn sorts(plan: &[String]) -> bool {
        plan.iter().any(|step| step.starts_with("USE TEMP B-TREE"))
    }

    #[tokio::test]
    async fn nothing_that_is_asked_reads_more_than_it_has_to() {
        let database = testing::sqlite();
        let store = Store::open(database.url()).await.unwrap();
        schema::migrate(&store, AuditTrail::NAME, AuditTrail::SCHEMA).await.unwrap();
        let trail = Trail::new(store.clone());
        // Named one by one, so that none is forgotten.
        let Statements { written, first, last, chunk, count, missing, gaps, holes, outside, foreign } =
            Statements::of(trail.dialect(), 10);
        for statement in
            [&written, &first, &last, &chunk, &count, &missing, &gaps, &holes, &outside, &foreign]
        {
            let plan = plan(&store, statement).await;
            assert!(!reads_a_whole_table(&plan), "{statement}: {plan:#?}");
            // There it is a limit that ends it.
            let limited = *statement == foreign;
            assert!(limited || !reads_a_whole_stream(&plan), "{statement}: {plan:#?}");
            // Whatever limit there is, what is sorted is read to its end: there it is the holes of one chunk.
            let few = *statement == holes;
            assert!(few || !sorts(&plan), "{statement}: {plan:#?}");
        }
        // And a plan that does is told.
        for statement in ["SELECT COUNT(*) FROM events", "SELECT DISTINCT stream FROM events"] {
            assert!(reads_a_whole_table(&plan(&store, statement).await), "{statement}");
        }
        let all_of_it =
            plan(&store, "SELECT body FROM events WHERE stream = 'ORDERS' ORDER BY subject").await;
        assert!(reads_a_whole_stream(&all_of_it) && sorts(&all_of_it), "{all_of_it:#?}");
    }
}
