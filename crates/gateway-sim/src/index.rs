//! Finds ledger entries by a text they carry, without keeping a second copy of the text.

use std::collections::HashMap;

use crate::dice;

/// Places of entries by the hash of a text. Different texts may share a hash, so the caller compares.
#[derive(Default)]
pub(crate) struct Index {
    places: HashMap<u64, Vec<usize>>,
}

impl Index {
    /// Notes that the entry at `place` carries `text`.
    pub(crate) fn insert(&mut self, text: &str, place: usize) {
        self.places.entry(dice::hash(text)).or_insert_with(|| Vec::with_capacity(1)).push(place);
    }

    /// Places of entries that may carry `text`, oldest first.
    pub(crate) fn candidates(&self, text: &str) -> impl Iterator<Item = usize> + '_ {
        self.places.get(&dice::hash(text)).into_iter().flatten().copied()
    }
}
