//! Snapshots: the fold as of a sequence, so that a start need not read the journal from its beginning.
//!
//! Each version of them stands on a shelf of its own, and tidies up there alone. Going back to an earlier release
//! therefore finds the last ones that it can read, however long the later one was at work: the beginning of the journal
//! may have aged out by then.

use std::time::Duration;

use serde::{Deserialize, Serialize};
use sha2::{Digest, Sha256};
use tokio::{
    runtime::{Handle, RuntimeFlavor},
    time::timeout,
};
use tracing::{error, info, warn};

use super::{Decider, Positions, fold::Folded, parked::Parked};
use crate::log::{Log, Unavailable};

/// The version of the snapshot's own layout.
const FORMAT: u32 = 2;
/// The version, of layout and state, whose snapshots stand under the journal's own name.
const FIRST: (u32, u32) = (2, 1);
/// How many snapshots of a journal are kept: an unreadable one falls back to the one before.
const KEEP: usize = 3;
/// Length of the hex digest and the line end before the body.
const DIGEST: usize = 64;

/// A snapshot: a SHA-256 in hex, a line end, this as JSON.
#[derive(Serialize, Deserialize)]
struct Snapshot<S> {
    format: u32,
    state_version: u32,
    sequence: u64,
    epoch: u64,
    writer: String,
    positions: Positions,
    parked: Parked,
    state: S,
}

/// The name under which this release keeps a journal's snapshots.
#[must_use]
pub fn shelf<D: Decider>(journal: &str) -> String {
    shelf_of(journal, D::STATE_VERSION)
}

fn shelf_of(journal: &str, state_version: u32) -> String {
    match (FORMAT, state_version) {
        FIRST => journal.to_owned(),
        (format, state) => format!("{journal}@{format}.{state}"),
    }
}

/// Writes the fold down; `room` is how many bytes it may well take. Growing on the way would need as much again.
pub(super) fn encode<D: Decider>(
    folded: &Folded<D::State>,
    room: usize,
) -> Result<Vec<u8>, serde_json::Error> {
    let snapshot = Snapshot {
        format: FORMAT,
        state_version: D::STATE_VERSION,
        sequence: folded.sequence,
        epoch: folded.epoch,
        writer: folded.writer.clone(),
        positions: folded.positions.clone(),
        parked: folded.parked.clone(),
        state: &folded.state,
    };
    let mut body = Vec::with_capacity(room.max(DIGEST + 1));
    body.resize(DIGEST + 1, b'\n');
    serde_json::to_writer(&mut body, &snapshot)?;
    let digest = hex::encode(Sha256::digest(&body[DIGEST + 1..]));
    body[..DIGEST].copy_from_slice(digest.as_bytes());
    Ok(body)
}

/// Reads a fold back; says why not if it cannot be trusted.
pub(super) fn decode<D: Decider>(body: &[u8]) -> Result<Folded<D::State>, String> {
    let (digest, json) = body.split_at_checked(DIGEST + 1).ok_or("it is cut short")?;
    if hex::encode(Sha256::digest(json)).as_bytes() != &digest[..DIGEST] {
        return Err("its checksum is wrong".to_owned());
    }
    #[derive(Deserialize)]
    struct Versions {
        format: u32,
        state_version: u32,
    }
    let found: Versions = serde_json::from_slice(json).map_err(|error| error.to_string())?;
    let state_is_known = (D::READS_FROM..=D::STATE_VERSION).contains(&found.state_version);
    if found.format != FORMAT || !state_is_known {
        return Err(format!("its format is {}.{}", found.format, found.state_version));
    }
    let snapshot: Snapshot<D::State> = serde_json::from_slice(json).map_err(|error| error.to_string())?;
    Ok(Folded {
        state: snapshot.state,
        positions: snapshot.positions,
        parked: snapshot.parked,
        epoch: snapshot.epoch,
        writer: snapshot.writer,
        handed_over: false,
        sequence: snapshot.sequence,
    })
}

/// The newest fold that can be read, whichever release wrote it; the empty one when there is none.
pub(super) async fn load<L: Log, D: Decider>(
    log: &L,
    journal: &str,
) -> Result<Folded<D::State>, Unavailable> {
    let mut found = Vec::new();
    for version in D::READS_FROM..=D::STATE_VERSION {
        let shelf = shelf_of(journal, version);
        found.extend(log.snapshots(&shelf).await?.into_iter().map(|sequence| (sequence, shelf.clone())));
    }
    found.sort_unstable_by(|one, other| other.cmp(one));
    for (sequence, shelf) in found {
        let decoded = match log.load_snapshot(&shelf, sequence).await? {
            Some(body) => decode::<D>(&body),
            None => Err("its bytes are damaged or gone".to_owned()),
        };
        match decoded {
            Ok(folded) => {
                info!(journal, shelf, sequence, "snapshot loaded");
                return Ok(folded);
            }
            Err(reason) => {
                warn!(journal, shelf, sequence, reason, "snapshot unreadable, trying the one before");
            }
        }
    }
    Ok(Folded::default())
}

/// Writes the fold down, stores it within the time given and forgets the oldest ones. Says how many bytes it took, given
/// those of the one before.
pub(super) async fn save<L: Log, D: Decider>(
    log: L,
    journal: &'static str,
    folded: Folded<D::State>,
    before: usize,
    patience: Duration,
) -> usize {
    let (sequence, shelf) = (folded.sequence, shelf::<D>(journal));
    let body = match aside(move || encode::<D>(&folded, before + before / 4)) {
        Ok(body) => body,
        Err(error) => {
            error!(journal, sequence, %error, "the state cannot be written down");
            return before;
        }
    };
    let bytes = body.len();
    let stored = async {
        log.save_snapshot(&shelf, sequence, body).await?;
        for old in log.snapshots(&shelf).await?.into_iter().skip(KEEP) {
            log.drop_snapshot(&shelf, old).await?;
        }
        Ok::<_, Unavailable>(())
    };
    let stored = timeout(patience, stored).await;
    match stored.unwrap_or_else(|_elapsed| Err(Unavailable("it takes too long".to_owned()))) {
        Ok(()) => info!(journal, sequence, bytes, "snapshot stored"),
        Err(error) => warn!(journal, sequence, %error, "snapshot not stored; the next one will be"),
    }
    bytes
}

/// Does what takes long without holding other tasks up, where there are threads to do it on. With a single one, as in
/// the simulation, which has to be the same every time, there is nowhere else to go.
fn aside<T>(work: impl FnOnce() -> T) -> T {
    if Handle::current().runtime_flavor() == RuntimeFlavor::MultiThread {
        tokio::task::block_in_place(work)
    } else {
        work()
    }
}
