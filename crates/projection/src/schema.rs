//! Tables, versioned: each projection's statements are applied once, in order, in one transaction.

use std::fmt::Write;

use sqlx::{AnyConnection, AssertSqlSafe, Connection, Row};

use crate::{
    offsets,
    store::{Backend, Store},
};

/// The statements that lead from one version of a schema to the next.
///
/// The one word on which the databases differ is written `{bytes}`: the type of a string of bytes.
#[derive(Debug, Clone, Copy)]
pub struct Migration(pub &'static [&'static str]);

/// Keeps two processes from creating the same tables at the same time on PostgreSQL.
const LOCK: i64 = 0x6f66_5f73_6368_656d;

const VERSIONS: &str = "CREATE TABLE IF NOT EXISTS projection_schemas \
     (projection TEXT PRIMARY KEY, version BIGINT NOT NULL)";

/// Why the tables are not as they should be.
#[derive(Debug, thiserror::Error)]
pub enum SchemaError {
    /// A later release has been here; this one would misread its tables.
    #[error("the tables of `{projection}` have version {found}, this release knows up to {known}")]
    Newer {
        /// The projection.
        projection: &'static str,
        /// The version of the tables.
        found: i64,
        /// The last version this release knows.
        known: i64,
    },
    /// The database would not.
    #[error(transparent)]
    Database(#[from] sqlx::Error),
}

/// Brings the tables of `projection` to the last version of `schema`.
///
/// # Errors
/// The tables are newer than that, or the database would not. Nothing has changed then.
pub async fn migrate(
    store: &Store,
    projection: &'static str,
    schema: &[Migration],
) -> Result<(), SchemaError> {
    let mut connection = store.writer().await?;
    let done = migrate_on(&mut connection, store.backend(), projection, schema).await;
    // It committed or failed before this; an error while closing changes neither.
    connection.close().await.ok();
    done
}

async fn migrate_on(
    connection: &mut AnyConnection,
    backend: Backend,
    projection: &'static str,
    schema: &[Migration],
) -> Result<(), SchemaError> {
    let mut tx = connection.begin_with(backend.begin()).await?;
    if backend == Backend::Postgres {
        sqlx::query("SELECT pg_advisory_xact_lock($1)").bind(LOCK).execute(&mut *tx).await?;
    }
    sqlx::raw_sql(VERSIONS).execute(&mut *tx).await?;
    sqlx::raw_sql(offsets::TABLE).execute(&mut *tx).await?;
    let row = sqlx::query("SELECT version FROM projection_schemas WHERE projection = $1")
        .bind(projection)
        .fetch_optional(&mut *tx)
        .await?;
    let found: i64 = row.map(|row| row.try_get(0)).transpose()?.unwrap_or(0);
    let known = i64::try_from(schema.len()).unwrap_or(i64::MAX);
    if found > known {
        return Err(SchemaError::Newer { projection, found, known });
    }
    if found == known {
        return Ok(tx.commit().await?);
    }
    for migration in schema.iter().skip(usize::try_from(found).unwrap_or(0)) {
        let script = AssertSqlSafe(script(backend, migration));
        sqlx::raw_sql(script).execute(&mut *tx).await?;
    }
    sqlx::query(
        "INSERT INTO projection_schemas (projection, version) VALUES ($1, $2) \
         ON CONFLICT (projection) DO UPDATE SET version = excluded.version",
    )
    .bind(projection)
    .bind(known)
    .execute(&mut *tx)
    .await?;
    Ok(tx.commit().await?)
}

/// The statements as the database wants them.
fn script(backend: Backend, migration: &Migration) -> String {
    let bytes = match backend {
        Backend::Sqlite => "BLOB",
        Backend::Postgres => "BYTEA",
    };
    let mut script = String::new();
    for statement in migration.0 {
        let statement = statement.replace("{bytes}", bytes);
        // Writing to a string does not fail.
        writeln!(script, "{statement};").ok();
    }
    script
}
