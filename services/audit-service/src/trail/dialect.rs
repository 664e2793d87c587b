//! How a row is read that somebody may have spoilt.
//!
//! SQLite takes a value of any type in any column, so whoever can write to its file can make a row that does not
//! decode. Such a row is to be found and named, not to keep the whole trail from being read: on SQLite every value is
//! read as the type it was written with, together with whether it still is of that type. PostgreSQL keeps its types.

use projection::Backend;

/// What differs between the databases.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Dialect {
    /// The columns of a message, then whether they are of the types they were written with.
    pub(super) columns: &'static str,
    /// A further condition, which rows meet that have a place in the trail: those without could be neither ordered
    /// nor paged over. They count as taken out.
    pub(crate) has_place: &'static str,
    /// As much of that as the index by stream and sequence can tell.
    pub(crate) has_sequence: &'static str,
    /// The hash of a message.
    pub(crate) hash: &'static str,
}

const SQLITE: Dialect = Dialect {
    columns: "CAST(stream AS BLOB), sequence, CAST(subject AS BLOB), stored_at, CAST(id AS BLOB), \
              CAST(type AS BLOB), CAST(version AS INTEGER), CAST(aggregate_id AS BLOB), CAST(order_id AS BLOB), \
              CAST(trace_id AS BLOB), CAST(causation_id AS BLOB), CAST(timestamp AS INTEGER), \
              CAST(headers AS BLOB), CAST(body AS BLOB), CAST(chain_hash AS BLOB), \
              typeof(subject) = 'text' AND typeof(headers) = 'text' AND typeof(body) = 'blob' \
              AND typeof(chain_hash) = 'blob' AND typeof(id) IN ('text', 'null') \
              AND typeof(type) IN ('text', 'null') AND typeof(version) IN ('integer', 'null') \
              AND typeof(aggregate_id) IN ('text', 'null') AND typeof(order_id) IN ('text', 'null') \
              AND typeof(trace_id) IN ('text', 'null') AND typeof(causation_id) IN ('text', 'null') \
              AND typeof(timestamp) IN ('integer', 'null')",
    has_place: "typeof(stream) = 'text' AND typeof(sequence) = 'integer' AND typeof(stored_at) = 'integer'",
    has_sequence: "typeof(sequence) = 'integer'",
    hash: "CAST(chain_hash AS BLOB)",
};

const POSTGRES: Dialect = Dialect {
    columns: "stream, sequence, subject, stored_at, id, type, version, aggregate_id, order_id, \
              trace_id, causation_id, timestamp, headers, body, chain_hash, CAST(1 AS BIGINT)",
    has_place: "TRUE",
    has_sequence: "TRUE",
    hash: "chain_hash",
};

impl Dialect {
    /// That of a database.
    pub(crate) fn of(backend: Backend) -> Self {
        match backend {
            Backend::Sqlite => SQLITE,
            Backend::Postgres => POSTGRES,
        }
    }
}
