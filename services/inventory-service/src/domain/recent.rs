//! A memory of recent things, bounded by event time.

use std::{
    collections::{BTreeMap, BTreeSet},
    time::Duration,
};

use events::Timestamp;
use serde::{Deserialize, Deserializer, Serialize, Serializer};

/// Values by key, each with the time it was remembered at.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Recent<K, V> {
    entries: BTreeMap<K, (Timestamp, V)>,
    by_time: BTreeSet<(Timestamp, K)>,
}

impl<K: Ord + Copy, V> Recent<K, V> {
    pub(super) fn get(&self, key: &K) -> Option<&V> {
        self.entries.get(key).map(|(_, value)| value)
    }

    /// Remembers, in place of what was remembered under the key before.
    pub(super) fn insert(&mut self, key: K, value: V, at: Timestamp) {
        if let Some((before, _)) = self.entries.insert(key, (at, value)) {
            self.by_time.remove(&(before, key));
        }
        self.by_time.insert((at, key));
    }

    /// Forgets what is older than the window. Each entry is dropped once, so that the cost is
    /// amortised over the insertions.
    pub(super) fn forget(&mut self, now: Timestamp, window: Duration) {
        while let Some((at, key)) = self.by_time.first().copied()
            && now.since(at) > window
        {
            self.by_time.pop_first();
            self.entries.remove(&key);
        }
    }
}

impl<K, V> Default for Recent<K, V> {
    fn default() -> Self {
        Self { entries: BTreeMap::new(), by_time: BTreeSet::new() }
    }
}

/// The entries alone: the index by time follows from them.
impl<K: Ord + Serialize, V: Serialize> Serialize for Recent<K, V> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        self.entries.serialize(serializer)
    }
}

impl<'de, K, V> Deserialize<'de> for Recent<K, V>
where
    K: Ord + Copy + Deserialize<'de>,
    V: Deserialize<'de>,
{
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let entries = BTreeMap::<K, (Timestamp, V)>::deserialize(deserializer)?;
        let by_time = entries.iter().map(|(key, (at, _))| (*at, *key)).collect();
        Ok(Self { entries, by_time })
    }
}
