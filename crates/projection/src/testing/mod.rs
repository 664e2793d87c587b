//! Databases and a log in memory, for tests of projections.
//!
//! What fails here is the test's set-up, so everything panics with the reason instead of returning errors.
#![expect(clippy::expect_used, reason = "a failed setup fails the test")]

mod memory;
mod postgres;

pub use memory::MemoryStreams;

use tempfile::TempDir;

/// An empty database for one test.
#[derive(Debug)]
pub struct Database {
    url: String,
    _directory: Option<TempDir>,
}

impl Database {
    /// Where it is, as [`Store::open`](crate::Store::open) wants it.
    #[must_use]
    pub fn url(&self) -> &str {
        &self.url
    }
}

/// An empty SQLite database, in a file that goes with it.
///
/// # Panics
/// When there is no room for a file.
#[must_use]
pub fn sqlite() -> Database {
    let directory = tempfile::tempdir().expect("a temporary directory can be made");
    let url = format!("sqlite://{}/test.db", directory.path().display());
    Database { url, _directory: Some(directory) }
}

/// An empty database on a PostgreSQL server that the test process starts for itself, on a free port of
/// 127.0.0.1; `None`, said loudly, when PostgreSQL is not installed.
///
/// The server's programs are looked for in `$PG_BIN`, in Debian's place and on `PATH`.
///
/// # Panics
/// When PostgreSQL is installed and does not start.
pub async fn postgres() -> Option<Database> {
    let url = postgres::create_database().await?;
    Some(Database { url, _directory: None })
}

/// One empty database of each kind there is. What holds on one must hold on the other.
pub async fn databases() -> Vec<Database> {
    let mut databases = vec![sqlite()];
    databases.extend(postgres().await);
    databases
}
