//! The directory a fleet works in, held by one fleet at a time.

use std::{
    fs::{self, File, TryLockError},
    path::{Path, PathBuf},
    sync::Arc,
};

use anyhow::{Context, bail, ensure};

use super::options::DataDir;

/// Marks a directory as a fleet's, and is locked while a fleet runs in it.
const MARKER: &str = "fleet.lock";

/// An open data directory.
#[derive(Debug)]
pub(super) struct OpenDir {
    path: PathBuf,
    lock: Arc<File>,
    _temporary: Option<tempfile::TempDir>,
}

impl OpenDir {
    /// Opens or creates the directory and takes it for this fleet alone.
    pub(super) fn open(wanted: &DataDir) -> anyhow::Result<Self> {
        match wanted {
            DataDir::Temporary => {
                let dir = tempfile::Builder::new().prefix("orderfleet-").tempdir()?;
                let lock = take(dir.path())?;
                Self::with_logs(dir.path().to_owned(), lock, Some(dir))
            }
            DataDir::Kept { path, fresh } => {
                fs::create_dir_all(path).with_context(|| format!("cannot create {}", path.display()))?;
                let path = fs::canonicalize(path)?;
                let lock = take(&path)?;
                if *fresh {
                    wipe(&path)?;
                }
                Self::with_logs(path, lock, None)
            }
        }
    }

    fn with_logs(path: PathBuf, lock: File, temporary: Option<tempfile::TempDir>) -> anyhow::Result<Self> {
        let logs = path.join("logs");
        if logs.exists() {
            // The logs of the run before would be mistaken for this one's.
            fs::remove_dir_all(&logs).with_context(|| format!("cannot remove {}", logs.display()))?;
        }
        fs::create_dir_all(&logs).with_context(|| format!("cannot create {}", logs.display()))?;
        Ok(Self { path, lock: Arc::new(lock), _temporary: temporary })
    }

    /// The directory itself.
    pub(super) fn path(&self) -> &Path {
        &self.path
    }

    /// The lock on the directory. Whoever holds it open keeps other fleets out: every process of the fleet does, so
    /// that what survives a killed owner does not lose its files to the next one.
    pub(super) fn lock(&self) -> Arc<File> {
        Arc::clone(&self.lock)
    }

    /// The log file of the instance called `name`.
    pub(super) fn log(&self, name: &str) -> PathBuf {
        self.path.join("logs").join(format!("{name}.log"))
    }
}

fn take(path: &Path) -> anyhow::Result<File> {
    let marker = path.join(MARKER);
    ensure!(
        marker.exists() || fs::read_dir(path)?.next().is_none(),
        "{} holds files that are not a fleet's; choose another --data-dir",
        path.display()
    );
    let file = File::create(&marker).with_context(|| format!("cannot create {}", marker.display()))?;
    match file.try_lock() {
        Ok(()) => Ok(file),
        Err(TryLockError::WouldBlock) => {
            bail!(
                "another fleet is running in {}, or what is left of one; stop it, or choose another --data-dir",
                path.display()
            )
        }
        Err(TryLockError::Error(error)) => {
            Err(error).with_context(|| format!("cannot lock {}", marker.display()))
        }
    }
}

fn wipe(path: &Path) -> anyhow::Result<()> {
    for entry in fs::read_dir(path)? {
        let entry = entry?;
        let target = entry.path();
        if entry.file_name() == MARKER {
            continue;
        }
        let removed =
            if entry.file_type()?.is_dir() { fs::remove_dir_all(&target) } else { fs::remove_file(&target) };
        removed.with_context(|| format!("cannot remove {}", target.display()))?;
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn kept(path: &Path, fresh: bool) -> DataDir {
        DataDir::Kept { path: path.to_owned(), fresh }
    }

    #[test]
    fn one_fleet_at_a_time() -> anyhow::Result<()> {
        let dir = tempfile::tempdir()?;
        let path = dir.path().join("new");
        let open = OpenDir::open(&kept(&path, false))?;
        let message = OpenDir::open(&kept(&path, true)).err().map(|error| error.to_string());
        assert!(message.is_some_and(|text| text.contains("another fleet is running")));
        drop(open);
        OpenDir::open(&kept(&path, false))?;
        Ok(())
    }

    #[test]
    fn what_survives_its_owner_keeps_the_directory() -> anyhow::Result<()> {
        let dir = tempfile::tempdir()?;
        let open = OpenDir::open(&kept(dir.path(), false))?;
        let mut orphan =
            std::process::Command::new("sleep").arg("600").stdin(open.lock().try_clone()?).spawn()?;
        drop(open);
        let refusal = OpenDir::open(&kept(dir.path(), true)).err().map(|error| error.to_string());
        orphan.kill()?;
        orphan.wait()?;
        assert!(refusal.is_some_and(|text| text.contains("what is left of one")));
        OpenDir::open(&kept(dir.path(), true))?;
        Ok(())
    }

    #[test]
    fn data_is_kept_unless_fresh() -> anyhow::Result<()> {
        let dir = tempfile::tempdir()?;
        let database = dir.path().join("order-service-1.db");
        drop(OpenDir::open(&kept(dir.path(), false))?);
        fs::write(&database, "rows")?;
        drop(OpenDir::open(&kept(dir.path(), false))?);
        assert!(database.exists());
        drop(OpenDir::open(&kept(dir.path(), true))?);
        assert!(!database.exists());
        Ok(())
    }

    #[test]
    fn a_strangers_directory_is_never_touched() -> anyhow::Result<()> {
        let dir = tempfile::tempdir()?;
        let precious = dir.path().join("thesis.txt");
        fs::write(&precious, "words")?;
        assert!(OpenDir::open(&kept(dir.path(), true)).is_err());
        assert!(precious.exists());
        Ok(())
    }
}
