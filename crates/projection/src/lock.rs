//! What keeps a second projector out of a database.

use std::{
    fs::{File, TryLockError},
    io,
    path::{Path, PathBuf},
};

use sqlx::{AnyConnection, Row};

use crate::{session::SessionError, store::Store};

/// The right to project, for as long as it is held.
#[derive(Debug)]
pub(crate) enum Lock {
    /// On SQLite: an advisory lock of the operating system on a file beside the database, which ends with
    /// the process however that ends.
    File { _file: File },
    /// On PostgreSQL: an advisory lock of the server, which belongs to the session of the connection that
    /// also writes.
    Session,
}

/// Takes the lock on a projection, if nobody has it.
pub(crate) async fn try_lock(
    store: &Store,
    connection: &mut AnyConnection,
    projection: &str,
) -> Result<Option<Lock>, SessionError> {
    match store.file() {
        Some(database) => {
            let file = try_lock_file(&lock_file(database, projection)).map_err(SessionError::Lock)?;
            Ok(file.map(|file| Lock::File { _file: file }))
        }
        None => Ok(try_lock_session(connection, projection).await?.then_some(Lock::Session)),
    }
}

/// Beside the database. Not the database itself: SQLite keeps locks of its own on that.
fn lock_file(database: &Path, projection: &str) -> PathBuf {
    let mut path = database.as_os_str().to_owned();
    path.push(format!(".{projection}.lock"));
    path.into()
}

fn try_lock_file(path: &Path) -> io::Result<Option<File>> {
    let file = File::options().create(true).truncate(false).write(true).open(path)?;
    match file.try_lock() {
        Ok(()) => Ok(Some(file)),
        Err(TryLockError::WouldBlock) => Ok(None),
        Err(TryLockError::Error(error)) => Err(error),
    }
}

async fn try_lock_session(connection: &mut AnyConnection, projection: &str) -> Result<bool, sqlx::Error> {
    let row = sqlx::query("SELECT pg_try_advisory_lock($1)")
        .bind(lock_key(projection))
        .fetch_one(connection)
        .await?;
    row.try_get(0)
}

/// A number for a name, by FNV-1a: the same in every release.
fn lock_key(projection: &str) -> i64 {
    let hash = projection.bytes().fold(0xcbf2_9ce4_8422_2325_u64, |hash, byte| {
        (hash ^ u64::from(byte)).wrapping_mul(0x0000_0100_0000_01b3)
    });
    i64::from_be_bytes(hash.to_be_bytes())
}
