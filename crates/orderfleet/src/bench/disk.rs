//! What a fleet has written to the disk: each stream, each database, the gateway's ledger.

use std::{collections::BTreeMap, fs, io, path::Path};

use crate::fleet::Fleet;

/// Bytes by what they are.
pub(super) type Sizes = BTreeMap<String, u64>;

/// How much there is now.
pub(super) fn sizes(fleet: &Fleet) -> anyhow::Result<Sizes> {
    let mut sizes = Sizes::new();
    streams(fleet.broker().store_dir(), &mut sizes)?;
    files(fleet.data_dir(), &mut sizes)?;
    Ok(sizes)
}

/// The directories `jetstream/<account>/streams/<stream>`.
fn streams(store: &Path, sizes: &mut Sizes) -> io::Result<()> {
    for account in entries(&store.join("jetstream"))? {
        for stream in entries(&account.path().join("streams"))? {
            *sizes.entry(name(&stream)).or_default() += below(&stream.path())?;
        }
    }
    Ok(())
}

/// The databases, each with the files SQLite puts beside it, and the ledger.
fn files(data: &Path, sizes: &mut Sizes) -> io::Result<()> {
    for entry in entries(data)? {
        let file = name(&entry);
        let what = match file.split_once(".db") {
            Some((instance, _)) => format!("{instance} (SQLite)"),
            None if file == "gateway-ledger.jsonl" => "gateway-sim (ledger)".to_owned(),
            None => continue,
        };
        *sizes.entry(what).or_default() += entry.metadata()?.len();
    }
    Ok(())
}

fn below(path: &Path) -> io::Result<u64> {
    let mut bytes = 0;
    for entry in entries(path)? {
        let is_directory = entry.file_type()?.is_dir();
        bytes += if is_directory {
            below(&entry.path())?
        } else {
            // The broker removes files at any time.
            entry.metadata().map_or(0, |file| file.len())
        };
    }
    Ok(bytes)
}

/// What is in a directory; nothing if there is none.
fn entries(path: &Path) -> io::Result<Vec<fs::DirEntry>> {
    match fs::read_dir(path) {
        Ok(entries) => entries.collect(),
        Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(Vec::new()),
        Err(error) => Err(error),
    }
}

fn name(entry: &fs::DirEntry) -> String {
    entry.file_name().to_string_lossy().into_owned()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn everything_is_counted_once_under_its_name() -> anyhow::Result<()> {
        let dir = tempfile::tempdir()?;
        let write = |path: &str, bytes: usize| -> io::Result<()> {
            let path = dir.path().join(path);
            fs::create_dir_all(path.parent().unwrap_or(dir.path()))?;
            fs::write(path, vec![0; bytes])
        };
        write("jetstream/$G/streams/ORDERS/msgs/1.blk", 100)?;
        write("jetstream/$G/streams/ORDERS/meta.inf", 10)?;
        write("order-service-1.db", 1_000)?;
        write("order-service-1.db-wal", 500)?;
        write("gateway-ledger.jsonl", 7)?;
        write("logs/order-service-1.log", 9_999)?;
        let mut sizes = Sizes::new();
        streams(dir.path(), &mut sizes)?;
        files(dir.path(), &mut sizes)?;
        let told: Vec<_> = sizes.iter().map(|(what, bytes)| (what.as_str(), *bytes)).collect();
        let expected = [("ORDERS", 110), ("gateway-sim (ledger)", 7), ("order-service-1 (SQLite)", 1_500)];
        assert_eq!(told, expected);
        Ok(())
    }
}
