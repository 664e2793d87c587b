//! What a backup consists of. Written last: a directory without it holds a backup that was not finished.

use std::{collections::BTreeMap, path::Path};

use anyhow::{Context, bail, ensure};
use events::Timestamp;
use messaging::jetstream::Exported;
use serde::{Deserialize, Serialize};
use tokio::fs;

use super::files::{self, SavedFile};

/// The manifest's file.
const NAME: &str = "manifest.json";
/// Its checksum, in a file as `sha256sum --check` reads it: nothing else tells whether the manifest is whole, and how far
/// the consumers had come stands nowhere else.
const CHECKSUM: &str = "manifest.sha256";
/// What it is called until it is complete.
const UNFINISHED: &str = "manifest.json.part";
/// The version of the backup's layout.
const FORMAT: u32 = 1;

/// A whole backup.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub(crate) struct Manifest {
    /// The version of the backup's layout.
    pub(crate) format: u32,
    /// The version of the program that took it.
    pub(crate) orderfleet: String,
    /// The version of the server it was taken from.
    pub(crate) server: String,
    /// When it was begun. What was accepted before is in it.
    pub(crate) began: Timestamp,
    /// When the streams were cut. What was accepted after is not in it.
    pub(crate) cut: Timestamp,
    /// The streams, in the order in which they were saved.
    pub(crate) streams: Vec<SavedStream>,
}

/// One stream of it.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub(crate) struct SavedStream {
    /// Its name.
    pub(crate) name: String,
    /// What it was when its snapshot began.
    #[serde(flatten)]
    pub(crate) exported: Exported,
    /// Its last sequence when restored; unknown of a bucket, whose old messages give way to new ones.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) last: Option<u64>,
    /// The broker's snapshot.
    pub(crate) snapshot: SavedFile,
    /// What was stored after the backup had begun, up to `last`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) tail: Option<SavedFile>,
    /// How far its durable consumers had settled what they were given.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub(crate) settled: BTreeMap<String, u64>,
}

impl SavedStream {
    /// Its files.
    pub(crate) fn files(&self) -> impl Iterator<Item = &SavedFile> {
        std::iter::once(&self.snapshot).chain(&self.tail)
    }

    /// Bytes of its files.
    pub(crate) fn bytes(&self) -> u64 {
        self.files().map(|file| file.bytes).sum()
    }
}

impl Manifest {
    /// A new one.
    pub(super) fn new(server: String, began: Timestamp, cut: Timestamp, streams: Vec<SavedStream>) -> Self {
        let orderfleet = env!("CARGO_PKG_VERSION").to_owned();
        Self { format: FORMAT, orderfleet, server, began, cut, streams }
    }

    /// Bytes of all files.
    pub(crate) fn bytes(&self) -> u64 {
        self.streams.iter().map(SavedStream::bytes).sum()
    }

    /// Writes it down, all or nothing.
    pub(super) async fn write(&self, dir: &Path) -> anyhow::Result<()> {
        let mut file = files::Writing::create(dir, UNFINISHED).await?;
        let mut text = serde_json::to_vec_pretty(self).context("cannot write the manifest")?;
        text.push(b'\n');
        file.write(&text).await?;
        let whole = file.finish().await?;
        let mut checksum = files::Writing::create(dir, CHECKSUM).await?;
        checksum.write(format!("{}  {NAME}\n", whole.sha256).as_bytes()).await?;
        checksum.finish().await?;
        fs::rename(dir.join(UNFINISHED), dir.join(NAME)).await.context("cannot write the manifest")?;
        files::sync(dir).await
    }

    /// Reads the one of a backup.
    pub(crate) async fn read(dir: &Path) -> anyhow::Result<Self> {
        #[derive(Deserialize)]
        struct Layout {
            format: u32,
        }
        let path = dir.join(NAME);
        let text = match fs::read(&path).await {
            Ok(text) => text,
            Err(error) if error.kind() == std::io::ErrorKind::NotFound && dir.is_dir() => {
                bail!("{} holds no finished backup: there is no {NAME}, which is written last", dir.display())
            }
            Err(error) => return Err(error).with_context(|| format!("cannot read {}", path.display())),
        };
        let no_manifest = || format!("{} is no manifest of a backup", path.display());
        let Layout { format } = serde_json::from_slice(&text).with_context(no_manifest)?;
        ensure!(
            format == FORMAT,
            "{} is of format {format}, this program reads format {FORMAT}",
            path.display()
        );
        let checksum = dir.join(CHECKSUM);
        let should = fs::read_to_string(&checksum).await;
        let should = should.with_context(|| format!("cannot read {}", checksum.display()))?;
        let (found, should) = (files::sha256(&text), should.split_whitespace().next().unwrap_or_default());
        ensure!(found == should, "{} is damaged: its SHA-256 is {found}, not {should}", path.display());
        serde_json::from_slice(&text).with_context(no_manifest)
    }
}
