//! Hashes what the trail has anew, message by message, and compares.

use std::time::Duration;

use tokio::time::Instant;

use super::report::{Broken, Difference, Next, StreamReport, Verification};
use crate::{
    chain::{self, Hash},
    fields::Fields,
    trail::{Columns, Recorded, Trail},
};

/// A verification that takes longer stops, and says where to go on.
const VERIFICATION: Duration = Duration::from_secs(15);
/// Messages verified by one query.
const PORTION: usize = 100;

/// Where to begin.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Scope {
    /// The stream; those after it follow. `None` is the first.
    pub stream: Option<&'static str>,
    /// The sequence in that stream.
    pub from: u64,
}

impl Scope {
    /// Everything.
    pub const ALL: Self = Self { stream: None, from: 1 };
}

/// Verifies the streams as far as they were written when they were counted.
pub(super) async fn verify(
    trail: &Trail,
    scope: Scope,
    streams: &[StreamReport],
) -> Result<Verification, sqlx::Error> {
    let deadline = Instant::now() + VERIFICATION;
    let mut verification =
        Verification { ok: true, verified: 0, finished: true, next: None, broken: Vec::new() };
    let mut from = scope.from.max(1);
    let wanted =
        streams.iter().skip_while(|report| scope.stream.is_some_and(|stream| stream != report.stream));
    for report in wanted {
        verification.stream(trail, report, from, deadline).await?;
        if !verification.finished {
            break;
        }
        from = 1;
    }
    Ok(verification)
}

impl Verification {
    async fn stream(
        &mut self,
        trail: &Trail,
        report: &StreamReport,
        from: u64,
        deadline: Instant,
    ) -> Result<(), sqlx::Error> {
        let stream = report.stream;
        let before = trail.hash_before(stream, from).await?;
        let mut previous = before.map_or(chain::START, |hash| as_hash(&hash));
        let mut after = from - 1;
        loop {
            if Instant::now() > deadline {
                self.finished = false;
                self.next = Some(Next { stream, from: after + 1 });
                return Ok(());
            }
            let portion = trail.stretch(stream, after, report.written, PORTION).await?;
            for event in &portion {
                self.verified += 1;
                if let Some(what) = difference(event, &previous) {
                    self.ok = false;
                    self.broken.push(Broken { stream, sequence: event.sequence, what });
                    return Ok(());
                }
                previous = as_hash(&event.hash);
                after = event.sequence;
            }
            if portion.len() < PORTION {
                return Ok(());
            }
        }
    }
}

/// Something of another length follows nothing that was ever written.
fn as_hash(bytes: &[u8]) -> Hash {
    bytes.try_into().unwrap_or(chain::START)
}

/// In what a message is not as it must be, given the hash of the one before.
fn difference(event: &Recorded, previous: &Hash) -> Option<Difference> {
    if event.hash != event.hash_after(previous) {
        return Some(Difference::Hash);
    }
    let as_written = event.well_typed && event.columns == Fields::read(&event.body).map(Columns::from);
    (!as_written).then_some(Difference::Columns)
}

impl From<Fields<'_>> for Columns {
    fn from(fields: Fields<'_>) -> Self {
        Self {
            id: fields.id.to_string(),
            kind: fields.kind.into_owned(),
            version: fields.version.into(),
            aggregate_id: fields.aggregate_id.into_owned(),
            order_id: fields.order_id.map(|order| order.to_string()),
            trace_id: fields.trace_id.to_string(),
            causation_id: fields.causation_id.to_string(),
            timestamp: fields.timestamp,
        }
    }
}
