//! A journal folded without a broker: what a start does with a snapshot and the messages after it, as a function.

use super::{Decider, Positions, fold::Folded, snapshot};
use crate::log::Stored;

/// A journal that was folded.
#[derive(Debug)]
pub struct Replayed<S> {
    /// The decider's state.
    pub state: S,
    /// How far the inputs were read.
    pub positions: Positions,
    /// The last sequence folded.
    pub sequence: u64,
    /// The sequence it began after: that of the snapshot, 0 without one.
    pub after: u64,
    /// What would be stored as a snapshot of it.
    pub snapshot: Vec<u8>,
}

/// Folds `messages`, those before the end of `snapshot` left out.
///
/// # Errors
/// The snapshot cannot be read by this version, or the messages do not continue it; in words.
pub fn replay<D: Decider>(
    decider: &D,
    control: &str,
    snapshot: Option<&[u8]>,
    messages: &[Stored],
) -> Result<Replayed<D::State>, String> {
    let mut folded = match snapshot {
        Some(body) => snapshot::decode::<D>(body)?,
        None => Folded::default(),
    };
    let after = folded.sequence;
    for message in messages {
        folded.apply(decider, control, message).map_err(|error| error.to_string())?;
    }
    let snapshot = snapshot::encode::<D>(&folded, 0).map_err(|error| error.to_string())?;
    let Folded { state, positions, sequence, .. } = folded;
    Ok(Replayed { state, positions, sequence, after, snapshot })
}
