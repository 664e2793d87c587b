//! The ledger on disk: one JSON line per entry, appended before the caller is answered.

use std::{
    fs::{File, OpenOptions, TryLockError},
    io::{self, BufRead, BufReader, Seek, SeekFrom, Write},
    path::{Path, PathBuf},
};

use crate::entry::Entry;

/// An open ledger file, locked against a second process.
///
/// A line is in the system's page cache before the answer leaves, so it survives a kill of the process; it is not
/// synced, a simulator need not survive a power cut.
pub(crate) struct LedgerFile {
    file: File,
    /// Bytes of whole lines.
    len: u64,
}

/// Why a ledger file cannot be used.
#[derive(Debug, thiserror::Error)]
pub enum OpenLedgerError {
    /// Opening, reading or repairing it failed.
    #[error("cannot open the ledger {path}")]
    Io {
        /// The file.
        path: PathBuf,
        /// What the system said.
        source: io::Error,
    },
    /// Another process has it open.
    #[error("the ledger {0} is in use by another process")]
    InUse(PathBuf),
    /// A line other than the last is not an entry: not a torn write, so not ours to mend.
    #[error("line {line} of the ledger {path} is not the next entry")]
    Corrupt {
        /// The file.
        path: PathBuf,
        /// Number of the line, from 1.
        line: u64,
    },
}

impl LedgerFile {
    /// Opens or creates the file and reads its entries. A torn last line is cut off.
    pub(crate) fn open(path: &Path) -> Result<(Self, Vec<Entry>), OpenLedgerError> {
        let failed = |source| OpenLedgerError::Io { path: path.to_owned(), source };
        let file = OpenOptions::new()
            .read(true)
            .write(true)
            .create(true)
            .truncate(false)
            .open(path)
            .map_err(failed)?;
        match file.try_lock() {
            Ok(()) => {}
            Err(TryLockError::WouldBlock) => return Err(OpenLedgerError::InUse(path.to_owned())),
            Err(TryLockError::Error(source)) => return Err(failed(source)),
        }
        let Loaded { entries, len, torn } = load(BufReader::new(&file)).map_err(|stop| match stop {
            LoadStop::Io(source) => failed(source),
            LoadStop::Corrupt(line) => OpenLedgerError::Corrupt { path: path.to_owned(), line },
        })?;
        if torn {
            tracing::warn!(path = %path.display(), kept = entries.len(), "cut a torn last line off the ledger");
        }
        let mut ledger = Self { file, len };
        ledger.cut().map_err(failed)?;
        Ok((ledger, entries))
    }

    /// Appends one entry, wholly or not at all.
    pub(crate) fn append(&mut self, entry: &Entry) -> io::Result<()> {
        let mut line = serde_json::to_vec(entry)?;
        line.push(b'\n');
        if let Err(error) = self.file.write_all(&line) {
            // Half a line in the middle would make the file unreadable.
            self.cut()?;
            return Err(error);
        }
        self.len += u64::try_from(line.len()).unwrap_or(u64::MAX);
        Ok(())
    }

    /// Drops whatever follows the last whole line, and goes there.
    fn cut(&mut self) -> io::Result<()> {
        self.file.set_len(self.len)?;
        self.file.seek(SeekFrom::Start(self.len))?;
        Ok(())
    }
}

struct Loaded {
    entries: Vec<Entry>,
    len: u64,
    torn: bool,
}

enum LoadStop {
    Io(io::Error),
    Corrupt(u64),
}

fn load(mut reader: impl BufRead) -> Result<Loaded, LoadStop> {
    let mut loaded = Loaded { entries: Vec::new(), len: 0, torn: false };
    let mut line = Vec::new();
    for number in 1_u64.. {
        line.clear();
        let read = reader.read_until(b'\n', &mut line).map_err(LoadStop::Io)?;
        if read == 0 {
            break;
        }
        match parse(&line, number) {
            Some(entry) => loaded.entries.push(entry),
            None if reader.fill_buf().map_err(LoadStop::Io)?.is_empty() => {
                loaded.torn = true;
                break;
            }
            None => return Err(LoadStop::Corrupt(number)),
        }
        loaded.len += u64::try_from(read).unwrap_or(u64::MAX);
    }
    Ok(loaded)
}

/// The entry on a whole line that stands where its sequence says.
fn parse(line: &[u8], number: u64) -> Option<Entry> {
    let body = line.strip_suffix(b"\n")?;
    serde_json::from_slice::<Entry>(body).ok().filter(|entry| entry.seq == number)
}
