//! What was found, as it is told.

use events::Timestamp;
use serde::Serialize;

/// What was found.
#[derive(Debug, Clone, Serialize)]
pub struct Report {
    /// Whether everything that was ever written to what was examined is still there and, if it was to be verified,
    /// unchanged; and whether there are no strangers.
    pub intact: bool,
    /// Whether, beyond that, no message is missing from what was examined: none was gone before it could be written.
    pub complete: bool,
    /// Whether all that was asked for has been examined. If not, this report speaks of a part of it.
    pub finished: bool,
    /// Where to go on if not: pass them on as `stream` and `from`.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub next: Option<Next>,
    /// Each stream that was examined, or the part of it that was.
    pub streams: Vec<StreamReport>,
    /// How many messages the whole trail has that it never wrote: none when this is 0. Not more than a thousand are
    /// counted in a stream.
    pub strangers: u64,
    /// What the verification found, if one was asked for.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub verification: Option<Verification>,
}

impl Report {
    /// Judges what was found.
    #[must_use]
    pub fn new(
        streams: Vec<StreamReport>,
        strangers: u64,
        verification: Option<Verification>,
        next: Option<Next>,
    ) -> Self {
        let verified = verification.as_ref().is_none_or(|verification| verification.ok);
        let intact = verified && strangers == 0 && streams.iter().all(StreamReport::has_what_was_written);
        let complete = intact && !streams.iter().any(StreamReport::lacks_messages);
        Self { intact, complete, finished: next.is_none(), next, streams, strangers, verification }
    }
}

/// What was found of one stream.
#[derive(Debug, Clone, Serialize)]
pub struct StreamReport {
    /// The stream.
    pub stream: &'static str,
    /// The first sequence in the trail; 0 when there is none.
    pub first: u64,
    /// The last sequence in the trail; 0 when there is none.
    pub last: u64,
    /// The last sequence ever written.
    pub written: u64,
    /// The first sequence examined.
    pub from: u64,
    /// The last sequence examined; less than the first when there was none.
    pub up_to: u64,
    /// How many of the messages examined the trail has.
    pub count: u64,
    /// How many it must have: every sequence examined, without the gaps.
    pub expected: u64,
    /// What the stream no longer had when it was to be written, as far as it touches what was examined.
    pub gaps: Vec<Gap>,
    /// What of it was written and has been taken out.
    pub removed: Vec<Removed>,
    /// The hash of the last message, in hex; `None` when there is none.
    pub head: Option<String>,
    /// What the broker holds; `None` when it could not be asked.
    pub broker: Option<BrokerReport>,
}

impl StreamReport {
    fn has_what_was_written(&self) -> bool {
        self.count == self.expected && self.removed.is_empty()
    }

    fn lacks_messages(&self) -> bool {
        !self.gaps.is_empty() || self.broker.is_some_and(|broker| broker.went_back)
    }
}

/// A run of sequences that the stream no longer had when they were to be written.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
pub struct Gap {
    /// The first of them.
    pub from: u64,
    /// The last of them.
    pub to: u64,
    /// When that was noticed.
    pub seen_at: Timestamp,
}

/// A run of sequences that were written and have been taken out.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
pub struct Removed {
    /// The first of them.
    pub from: u64,
    /// The last of them.
    pub to: u64,
}

impl Removed {
    /// What of this is missing for another reason than the gaps, which are known and in order.
    pub(super) fn without(self, gaps: &[Gap]) -> Vec<Self> {
        let mut rest = Vec::new();
        let mut from = self.from;
        for gap in gaps.iter().filter(|gap| gap.from <= self.to && gap.to >= self.from) {
            if gap.from > from {
                rest.push(Self { from, to: gap.from - 1 });
            }
            from = from.max(gap.to + 1);
        }
        if from <= self.to {
            rest.push(Self { from, to: self.to });
        }
        rest
    }
}

/// What the broker holds.
#[derive(Debug, Clone, Copy, Serialize)]
pub struct BrokerReport {
    /// Its first sequence.
    pub first: u64,
    /// Its last sequence.
    pub last: u64,
    /// How many sequences it has given away that the trail has not come to yet.
    pub behind: u64,
    /// The stream ends before the trail does: it was made anew, or restored from a backup.
    pub went_back: bool,
}

/// What the verification found.
#[derive(Debug, Clone, Default, Serialize)]
pub struct Verification {
    /// Whether nothing was found.
    pub ok: bool,
    /// How many messages were looked at.
    pub verified: u64,
    /// What was found first in each stream. Behind it no more of the stream was hashed.
    pub broken: Vec<Broken>,
}

impl Verification {
    /// Adds what was found in one stream.
    pub(super) fn add(&mut self, verified: u64, broken: Option<Broken>) {
        self.verified += verified;
        self.ok &= broken.is_none();
        self.broken.extend(broken);
    }
}

/// Where an examination goes on.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
pub struct Next {
    /// The stream.
    pub stream: &'static str,
    /// The sequence.
    pub from: u64,
}

/// A message that is not what it was.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
pub struct Broken {
    /// Its stream.
    pub stream: &'static str,
    /// Its sequence.
    pub sequence: u64,
    /// What about it.
    pub what: Difference,
}

/// In what a message is not what it was.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Difference {
    /// It, its hash, or what stood before it was changed.
    Hash,
    /// The columns it is found by do not say what its body says.
    Columns,
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn known_gaps_are_not_held_against_the_trail() {
        let gap = |from, to| Gap { from, to, seen_at: Timestamp(0) };
        let removed = |from, to| Removed { from, to };
        let hole = removed(5, 20);
        for (gaps, rest) in [
            (vec![], vec![removed(5, 20)]),
            (vec![gap(1, 3), gap(22, 30)], vec![removed(5, 20)]),
            (vec![gap(5, 20)], vec![]),
            (vec![gap(1, 30)], vec![]),
            (vec![gap(5, 6), gap(20, 20)], vec![removed(7, 19)]),
            (vec![gap(8, 9), gap(11, 12)], vec![removed(5, 7), removed(10, 10), removed(13, 20)]),
        ] {
            assert_eq!(hole.without(&gaps), rest, "{gaps:?}");
        }
    }
}
