//! Backups of everything the broker holds, taken while the fleet works, and putting one back into an empty broker.
//!
//! Streams refer to one another: a journal says how far it has read its inputs, an outcome says what caused it, a
//! consumer counts as settled what has its outcome elsewhere. Streams saved one after another would contradict each
//! other, in whatever order: orders and stock read each other. So a backup has three parts:
//!
//! 1. the broker's own snapshot of each stream with its consumers, in any order;
//! 2. then, how far each consumer has settled its messages, and after that where each stream ends;
//! 3. of what was stored since the backup began, everything up to the [`cut`]: the first place after (2) at which
//!    every cause of what is in the backup is in the backup too.
//!
//! [Restoring](restore()) puts the snapshots back, adds what was stored since under its old sequences, and settles what
//! was settled. The result is a state in which the fleet could have been stopped at one instant.

mod cut;
mod files;
mod manifest;
mod restore;
mod save;
mod tail;

pub(crate) use manifest::{Manifest, SavedStream};
pub(crate) use restore::{Restored, Wishes, check, refuse_if_there, restore, take_back};
pub(crate) use save::save;

/// How far saving or restoring has come.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Progress<'a> {
    /// What is being done.
    pub(crate) step: &'a str,
    /// Bytes done of this step.
    pub(crate) done: u64,
    /// About how many there are.
    pub(crate) total: u64,
}

/// Streams that only hint at things, and whose old messages give way to new ones: saved as they are.
fn is_bucket(stream: &str) -> bool {
    stream.starts_with("KV_") || stream.starts_with("OBJ_")
}
