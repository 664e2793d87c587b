//! Opens the database: SQLite in a file, or PostgreSQL, and neither with less than full durability.

use std::{
    fmt::{self, Write},
    path::{Path, PathBuf},
    str::FromStr,
    time::Duration,
};

use sqlx::{
    AnyConnection, AnyPool, ConnectOptions, Connection, Database, Row, Sqlite,
    any::{AnyConnectOptions, AnyPoolOptions},
    sqlite::SqliteConnectOptions,
};

/// Connections that answer queries. SQLite runs each on a thread of its own.
const READERS: u32 = 4;
/// How long a query waits for one of them.
const ACQUIRE_TIMEOUT: Duration = Duration::from_secs(5);

/// Readers of SQLite may not write, not even by mistake.
const SQLITE_READER: &str = "PRAGMA query_only = ON; PRAGMA cache_size = -4096;";
/// A large cache, because ids arrive in random order and their index pages should not be read again. In memory is what
/// could undo one statement of many rows: each would otherwise create and delete a file for it.
const SQLITE_WRITER: &str = "PRAGMA synchronous = FULL; PRAGMA cache_size = -16384; PRAGMA temp_store = MEMORY; \
     PRAGMA journal_size_limit = 67108864; PRAGMA wal_autocheckpoint = 4000;";
const POSTGRES_READER: &str = "SET statement_timeout = '20s'; SET lock_timeout = '5s'; \
     SET idle_in_transaction_session_timeout = '60s'; SET default_transaction_read_only = on;";
/// The keep-alives end the session of a writer that vanished within half a minute; until then it holds
/// the lock that keeps its successor waiting.
const POSTGRES_WRITER: &str = "SET statement_timeout = '20s'; SET lock_timeout = '5s'; \
     SET idle_in_transaction_session_timeout = '60s'; SET synchronous_commit = on; \
     SET tcp_keepalives_idle = 10; SET tcp_keepalives_interval = 5; SET tcp_keepalives_count = 3;";

/// Which database.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Backend {
    /// A file beside the process.
    Sqlite,
    /// A server.
    Postgres,
}

impl Backend {
    /// That of a connection.
    #[must_use]
    pub fn of(connection: &AnyConnection) -> Self {
        if connection.backend_name() == Sqlite::NAME { Self::Sqlite } else { Self::Postgres }
    }

    /// What begins a transaction that writes. On SQLite it takes the write lock at once: one that began
    /// by reading could not be promoted if somebody else had written meanwhile.
    pub(crate) fn begin(self) -> &'static str {
        match self {
            Self::Sqlite => "BEGIN IMMEDIATE",
            Self::Postgres => "BEGIN",
        }
    }
}

impl fmt::Display for Backend {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Sqlite => "SQLite",
            Self::Postgres => "PostgreSQL",
        })
    }
}

/// Why the database cannot be used. Never contains the URL, which may hold a password.
#[derive(Debug, thiserror::Error)]
pub enum OpenError {
    /// Neither of the two.
    #[error("a database URL begins with sqlite:// or postgres://")]
    UnknownScheme,
    /// It is one of the two, but not a sound one.
    #[error("the database URL cannot be read: {0}")]
    BadUrl(#[source] sqlx::Error),
    /// Memory, or parameters: what cannot be durable, or is not ours to change.
    #[error("a SQLite URL is sqlite:// and a file name, without parameters")]
    NotAFile,
    /// The directory of the file is not there and cannot be made.
    #[error("the directory of the database cannot be created: {0}")]
    Directory(#[source] std::io::Error),
    /// The file is no database, is not writable, and so on.
    #[error("the database cannot be opened: {0}")]
    Unusable(#[source] sqlx::Error),
    /// It would forget commits in a power cut, or block readers.
    #[error("the database does not take the setting {setting}: it says {found}")]
    NotDurable {
        /// The setting asked for.
        setting: &'static str,
        /// What it is instead.
        found: String,
    },
}

impl OpenError {
    /// Whether the URL itself is wrong, not what it leads to.
    #[must_use]
    pub fn is_bad_url(&self) -> bool {
        match self {
            Self::UnknownScheme | Self::BadUrl(_) | Self::NotAFile => true,
            Self::Directory(_) | Self::Unusable(_) | Self::NotDurable { .. } => false,
        }
    }
}

/// A database. Cheap to clone.
#[derive(Clone)]
pub struct Store {
    backend: Backend,
    /// The file, without symbolic links, if it is one.
    file: Option<PathBuf>,
    options: AnyConnectOptions,
    readers: AnyPool,
}

impl Store {
    /// Opens the database. A SQLite file and its directory are created; a PostgreSQL server may be away,
    /// and is then tried again by whoever needs it.
    ///
    /// # Errors
    /// See [`OpenError`].
    pub async fn open(url: &str) -> Result<Self, OpenError> {
        sqlx::any::install_default_drivers();
        let Location { backend, file, options } = parse(url)?;
        let setup = match backend {
            Backend::Sqlite => SQLITE_READER,
            Backend::Postgres => POSTGRES_READER,
        };
        let readers = AnyPoolOptions::new()
            .max_connections(READERS)
            .acquire_timeout(ACQUIRE_TIMEOUT)
            // A server may have gone away; a file has not, and asking its thread would cost as much as the query.
            .test_before_acquire(backend == Backend::Postgres)
            .after_connect(move |connection, _| {
                Box::pin(async move { sqlx::raw_sql(setup).execute(connection).await.map(drop) })
            })
            .connect_lazy_with(options.clone());
        let mut store = Self { backend, file, options, readers };
        if let Some(file) = store.file.take() {
            store.prepare_sqlite().await?;
            // Now there is a file to be found, and whichever way led to it, it has one name.
            store.file = Some(file.canonicalize().map_err(OpenError::Directory)?);
        }
        Ok(store)
    }

    /// Which database it is.
    #[must_use]
    pub fn backend(&self) -> Backend {
        self.backend
    }

    /// The file of the database, if it is one.
    pub(crate) fn file(&self) -> Option<&Path> {
        self.file.as_deref()
    }

    /// Connections for reading. On SQLite they never wait for the writer, nor it for them.
    #[must_use]
    pub fn reader(&self) -> &AnyPool {
        &self.readers
    }

    /// A new connection that may write.
    pub(crate) async fn writer(&self) -> Result<AnyConnection, sqlx::Error> {
        let setup = match self.backend {
            Backend::Sqlite => SQLITE_WRITER,
            Backend::Postgres => POSTGRES_WRITER,
        };
        let mut connection = AnyConnection::connect_with(&self.options).await?;
        sqlx::raw_sql(setup).execute(&mut connection).await?;
        Ok(connection)
    }

    /// Turns write-ahead logging on, which stays with the file, and believes nothing that is not read back.
    async fn prepare_sqlite(&self) -> Result<(), OpenError> {
        let mut connection = self.writer().await.map_err(OpenError::Unusable)?;
        let mode = sqlx::query("PRAGMA journal_mode = WAL").fetch_one(&mut connection).await;
        let mode: String = mode.and_then(|row| row.try_get(0)).map_err(OpenError::Unusable)?;
        if mode != "wal" {
            return Err(OpenError::NotDurable { setting: "journal_mode = WAL", found: mode });
        }
        let level = sqlx::query("PRAGMA synchronous").fetch_one(&mut connection).await;
        let level: i64 = level.and_then(|row| row.try_get(0)).map_err(OpenError::Unusable)?;
        if level != 2 {
            return Err(OpenError::NotDurable { setting: "synchronous = FULL", found: level.to_string() });
        }
        connection.close().await.map_err(OpenError::Unusable)
    }
}

impl fmt::Debug for Store {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Store").field("backend", &self.backend).finish_non_exhaustive()
    }
}

/// What a URL says.
struct Location {
    backend: Backend,
    file: Option<PathBuf>,
    options: AnyConnectOptions,
}

fn parse(url: &str) -> Result<Location, OpenError> {
    let (backend, file, options) = match url.split_once(':') {
        Some(("sqlite", _)) => {
            let options = SqliteConnectOptions::from_str(url).map_err(OpenError::BadUrl)?;
            let file = file_of(url, options.get_filename())?;
            create_directory(file).map_err(OpenError::Directory)?;
            (Backend::Sqlite, Some(file.to_owned()), AnyConnectOptions::from_str(&sqlite_url(file)))
        }
        Some(("postgres" | "postgresql", _)) => (Backend::Postgres, None, AnyConnectOptions::from_str(url)),
        _ => return Err(OpenError::UnknownScheme),
    };
    // The metrics tell how long statements take; a log line each would cost more than the statement.
    let options = options.map_err(OpenError::BadUrl)?.disable_statement_logging();
    Ok(Location { backend, file, options })
}

/// The file of a SQLite URL, unless it asks for what is no plain file.
fn file_of<'f>(url: &str, file: &'f Path) -> Result<&'f Path, OpenError> {
    let parameters = url.split_once('?').map(|(_, parameters)| parameters);
    let plain = parameters.is_none_or(|parameters| parameters == "mode=rwc");
    if !plain || url.contains(":memory:") || file.as_os_str().is_empty() {
        return Err(OpenError::NotAFile);
    }
    Ok(file)
}

/// The URL that opens or creates the file, whatever is in its name.
fn sqlite_url(file: &Path) -> String {
    let mut url = "sqlite:".to_owned();
    for byte in file.as_os_str().as_encoded_bytes() {
        match byte {
            b'/' | b'.' | b'-' | b'_' | b'0'..=b'9' | b'a'..=b'z' | b'A'..=b'Z' => {
                url.push(char::from(*byte))
            }
            // Writing to a string does not fail.
            byte => write!(url, "%{byte:02X}").unwrap_or_default(),
        }
    }
    url.push_str("?mode=rwc");
    url
}

fn create_directory(file: &Path) -> std::io::Result<()> {
    match file.parent() {
        Some(directory) if !directory.as_os_str().is_empty() => std::fs::create_dir_all(directory),
        _ => Ok(()),
    }
}
