//! Snapshots: the fold as of a sequence, so that a start need not read the journal from its beginning.
//!
//! Each version of them stands on a shelf of its own, and tidies up there alone. Going back to an earlier release
//! therefore finds the last ones that it can read, however long the later one was at work: the beginning of the journal
//! may have aged out by then.

use serde::{Deserialize, Serialize};
use sha2::{Digest, Sha256};
use tracing::{info, warn};

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

/// The name under which this version keeps a journal's snapshots.
fn shelf<D: Decider>(journal: &str) -> String {
    match (FORMAT, D::STATE_VERSION) {
        FIRST => journal.to_owned(),
        (format, state) => format!("{journal}@{format}.{state}"),
    }
}

/// Writes the fold down.
pub(super) fn encode<D: Decider>(
    folded: &Folded<D::State>,
    sequence: u64,
) -> Result<Vec<u8>, serde_json::Error> {
    let snapshot = Snapshot {
        format: FORMAT,
        state_version: D::STATE_VERSION,
        sequence,
        epoch: folded.epoch,
        writer: folded.writer.clone(),
        positions: folded.positions.clone(),
        parked: folded.parked.clone(),
        state: &folded.state,
    };
    let json = serde_json::to_vec(&snapshot)?;
    let mut body = hex::encode(Sha256::digest(&json)).into_bytes();
    body.push(b'\n');
    body.extend_from_slice(&json);
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
    if (found.format, found.state_version) != (FORMAT, D::STATE_VERSION) {
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

/// The newest fold that can be read; the empty one when there is none.
pub(super) async fn load<L: Log, D: Decider>(
    log: &L,
    journal: &str,
) -> Result<Folded<D::State>, Unavailable> {
    let shelf = shelf::<D>(journal);
    for sequence in log.snapshots(&shelf).await? {
        let decoded = match log.load_snapshot(&shelf, sequence).await? {
            Some(body) => decode::<D>(&body),
            None => Err("its bytes are damaged or gone".to_owned()),
        };
        match decoded {
            Ok(folded) => {
                info!(journal, sequence, "snapshot loaded");
                return Ok(folded);
            }
            Err(reason) => warn!(journal, sequence, reason, "snapshot unreadable, trying the one before"),
        }
    }
    Ok(Folded::default())
}

/// Stores a snapshot and forgets the oldest ones.
pub(super) async fn save<L: Log, D: Decider>(log: L, journal: &'static str, sequence: u64, body: Vec<u8>) {
    let (bytes, shelf) = (body.len(), shelf::<D>(journal));
    let stored = async {
        log.save_snapshot(&shelf, sequence, body).await?;
        for old in log.snapshots(&shelf).await?.into_iter().skip(KEEP) {
            log.drop_snapshot(&shelf, old).await?;
        }
        Ok::<_, Unavailable>(())
    };
    match stored.await {
        Ok(()) => info!(journal, sequence, bytes, "snapshot stored"),
        Err(error) => warn!(journal, sequence, %error, "snapshot not stored; the next one will be"),
    }
}
