//! Hashes what the trail has anew, message by message, and compares.

use tokio::time::Instant;

use super::report::{Broken, Difference};
use crate::{
    chain::{self, Hash},
    fields::Fields,
    trail::{Columns, Recorded, Trail},
};

/// A walk along one stream's chain.
pub(super) struct Walk {
    stream: &'static str,
    /// The sequence that it has come to.
    reached: u64,
    /// The hash of the message there.
    previous: Hash,
    /// How many messages were looked at.
    pub(super) verified: u64,
    /// What was found. Behind it nothing is looked at.
    pub(super) broken: Option<Broken>,
}

impl Walk {
    /// Begins after a sequence.
    pub(super) async fn after(trail: &Trail, stream: &'static str, after: u64) -> Result<Self, sqlx::Error> {
        let before = trail.hash_before(stream, after + 1).await?;
        let previous = before.map_or(chain::START, |hash| as_hash(&hash));
        Ok(Self { stream, reached: after, previous, verified: 0, broken: None })
    }

    /// Goes on up to a sequence, in portions, or until the deadline has passed; says how far it has come.
    pub(super) async fn go_on(
        &mut self,
        trail: &Trail,
        up_to: u64,
        portion: usize,
        deadline: Instant,
    ) -> Result<u64, sqlx::Error> {
        while self.broken.is_none() && self.reached < up_to {
            let events = trail.stretch(self.stream, self.reached, up_to, portion).await?;
            self.look_at(&events);
            if events.len() < portion {
                self.reached = up_to;
            }
            if Instant::now() >= deadline {
                break;
            }
        }
        Ok(if self.broken.is_some() { up_to } else { self.reached })
    }

    fn look_at(&mut self, events: &[Recorded]) {
        for event in events {
            self.verified += 1;
            if let Some(what) = difference(event, &self.previous) {
                self.broken = Some(Broken { stream: self.stream, sequence: event.sequence, what });
                return;
            }
            self.previous = as_hash(&event.hash);
            self.reached = event.sequence;
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
