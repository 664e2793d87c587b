//! The files of a backup: written through to the disk, with a checksum each.

use std::path::{Path, PathBuf};

use anyhow::{Context, bail, ensure};
use serde::{Deserialize, Serialize};
use sha2::{Digest, Sha256};
use tokio::{
    fs::{self, File},
    io::{AsyncReadExt, AsyncWriteExt, BufReader},
};

/// Bytes read at once.
const READ: usize = 1024 * 1024;

/// A file of a backup.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct SavedFile {
    /// Its name in the backup's directory.
    pub(crate) file: String,
    /// Its length.
    pub(crate) bytes: u64,
    /// Its SHA-256, in hex.
    pub(crate) sha256: String,
}

/// A file that is being written.
pub(crate) struct Writing {
    path: PathBuf,
    file: File,
    hash: Sha256,
    bytes: u64,
}

impl Writing {
    /// Creates it; it must not exist.
    pub(crate) async fn create(dir: &Path, name: &str) -> anyhow::Result<Self> {
        let path = dir.join(name);
        let file =
            File::create_new(&path).await.with_context(|| format!("cannot create {}", path.display()))?;
        Ok(Self { path, file, hash: Sha256::new(), bytes: 0 })
    }

    /// Adds to it.
    pub(crate) async fn write(&mut self, bytes: &[u8]) -> anyhow::Result<()> {
        self.file.write_all(bytes).await.with_context(|| self.failed())?;
        self.hash.update(bytes);
        self.bytes += bytes.len() as u64;
        Ok(())
    }

    /// Sees to it that it is on the disk.
    pub(crate) async fn finish(mut self) -> anyhow::Result<SavedFile> {
        self.file.flush().await.with_context(|| self.failed())?;
        self.file.sync_all().await.with_context(|| self.failed())?;
        let file = self.path.file_name().map(|name| name.to_string_lossy().into_owned()).unwrap_or_default();
        Ok(SavedFile { file, bytes: self.bytes, sha256: hex(&self.hash.finalize()) })
    }

    fn failed(&self) -> String {
        format!("cannot write {}", self.path.display())
    }
}

impl SavedFile {
    /// Reads it whole, and compares; `read` is told how far that has come.
    pub(crate) async fn check(&self, dir: &Path, mut read: impl FnMut(u64)) -> anyhow::Result<()> {
        let path = self.path(dir)?;
        let unreadable = || format!("cannot read {}", path.display());
        let mut file = File::open(&path).await.with_context(unreadable)?;
        let length = file.metadata().await.with_context(unreadable)?.len();
        ensure!(length == self.bytes, "{} has {length} bytes, not {}", path.display(), self.bytes);
        let (mut hash, mut buffer) = (Sha256::new(), vec![0; READ]);
        loop {
            let count = file.read(&mut buffer).await.with_context(unreadable)?;
            if count == 0 {
                break;
            }
            hash.update(&buffer[..count]);
            read(count as u64);
        }
        let found = hex(&hash.finalize());
        ensure!(
            found == self.sha256,
            "{} is damaged: its SHA-256 is {found}, not {}",
            path.display(),
            self.sha256
        );
        Ok(())
    }

    /// Opens it for reading.
    pub(crate) async fn open(&self, dir: &Path) -> anyhow::Result<BufReader<File>> {
        let path = self.path(dir)?;
        let file = File::open(&path).await.with_context(|| format!("cannot read {}", path.display()))?;
        Ok(BufReader::with_capacity(READ, file))
    }

    fn path(&self, dir: &Path) -> anyhow::Result<PathBuf> {
        // A manifest from elsewhere must not name files elsewhere.
        ensure!(!self.file.contains(['/', '\\']), "{:?} is no file of a backup", self.file);
        Ok(dir.join(&self.file))
    }
}

/// Takes a directory for a backup: a new one, or an empty one.
pub(super) async fn take(dir: &Path) -> anyhow::Result<()> {
    fs::create_dir_all(dir).await.with_context(|| format!("cannot create {}", dir.display()))?;
    let mut entries = fs::read_dir(dir).await.with_context(|| format!("cannot read {}", dir.display()))?;
    if entries.next_entry().await?.is_some() {
        bail!("{} is not empty; a backup goes into a directory of its own", dir.display());
    }
    Ok(())
}

/// Sees to it that the names of the files are on the disk too.
pub(super) async fn sync(dir: &Path) -> anyhow::Result<()> {
    let opened = File::open(dir).await.with_context(|| format!("cannot read {}", dir.display()))?;
    opened.sync_all().await.with_context(|| format!("cannot write {}", dir.display()))
}

/// The SHA-256 of some bytes, in hex.
pub(super) fn sha256(bytes: &[u8]) -> String {
    hex(&Sha256::digest(bytes))
}

fn hex(digest: &[u8]) -> String {
    digest.iter().map(|byte| format!("{byte:02x}")).collect()
}
