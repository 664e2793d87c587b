//! An order's events in causal order: causes before effects, each stream in its own order, and what is
//! left by time.

use std::{
    cmp::Reverse,
    collections::{BTreeSet, BinaryHeap, HashMap},
};

use uuid::Uuid;

/// What the order of an event depends on.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Moment {
    /// Identity of the event. A dead letter has that of the event it is a copy of.
    pub id: Uuid,
    /// What caused it.
    pub causation_id: Uuid,
    /// When it happened, in microseconds since 1970.
    pub timestamp: i64,
    /// When it was stored, in microseconds since 1970.
    pub stored_at: i64,
    /// Which stream it stands in, numbered as an order passes through them.
    pub stream: usize,
    /// Where in that stream.
    pub sequence: u64,
}

/// What decides between events of which neither follows from the other: time, then place.
type Rank = (i64, usize, u64);

impl Moment {
    /// A copy happened when it was stored, whatever the event in it says.
    fn rank(&self, is_copy: bool) -> Rank {
        (if is_copy { self.stored_at } else { self.timestamp }, self.stream, self.sequence)
    }
}

/// The indices of `moments` in causal order. The same moments in any order give the same answer.
///
/// Events that claim to have caused each other, which only a forger can bring about, come by time.
#[must_use]
pub fn causal_order(moments: &[Moment]) -> Vec<usize> {
    let mut graph = Graph::of(moments);
    let mut waiting: BTreeSet<_> = graph.ranks.iter().copied().zip(0..).collect();
    let mut ready: BinaryHeap<_> =
        waiting.iter().filter(|(_, index)| graph.causes[*index] == 0).map(|free| Reverse(*free)).collect();
    let mut order = Vec::with_capacity(moments.len());
    while !waiting.is_empty() {
        // Nothing is free only if there is a ring; its earliest event is let through.
        let next = ready.pop().map(|Reverse(next)| next).or_else(|| waiting.first().copied());
        let Some(next) = next else { break };
        if !waiting.remove(&next) {
            continue;
        }
        order.push(next.1);
        for effect in std::mem::take(&mut graph.effects[next.1]) {
            graph.causes[effect] = graph.causes[effect].saturating_sub(1);
            if graph.causes[effect] == 0 {
                ready.push(Reverse((graph.ranks[effect], effect)));
            }
        }
    }
    order
}

/// Which event waits for which.
struct Graph {
    ranks: Vec<Rank>,
    /// For each event, those that come after it.
    effects: Vec<Vec<usize>>,
    /// For each event, how many come before it.
    causes: Vec<usize>,
}

impl Graph {
    fn of(moments: &[Moment]) -> Self {
        let originals = originals(moments);
        let is_copy = |index: usize| originals.get(&moments[index].id).is_some_and(|other| *other != index);
        let mut graph = Self {
            ranks: moments.iter().enumerate().map(|(index, moment)| moment.rank(is_copy(index))).collect(),
            effects: vec![Vec::new(); moments.len()],
            causes: vec![0; moments.len()],
        };
        let mut in_stream: Vec<usize> = (0..moments.len()).collect();
        in_stream.sort_by_key(|index| (moments[*index].stream, moments[*index].sequence));
        for pair in in_stream.windows(2) {
            if moments[pair[0]].stream == moments[pair[1]].stream {
                graph.add(pair[0], pair[1]);
            }
        }
        for (index, moment) in moments.iter().enumerate() {
            let cause = if is_copy(index) { moment.id } else { moment.causation_id };
            let cause = originals.get(&cause).copied();
            if let Some(cause) = cause.filter(|cause| *cause != index) {
                graph.add(cause, index);
            }
        }
        graph
    }

    fn add(&mut self, cause: usize, effect: usize) {
        self.effects[cause].push(effect);
        self.causes[effect] += 1;
    }
}

/// For each id the event that bore it first; others are copies of it.
fn originals(moments: &[Moment]) -> HashMap<Uuid, usize> {
    let mut originals = HashMap::<Uuid, usize>::new();
    let age = |index: usize| (moments[index].stored_at, moments[index].stream, moments[index].sequence);
    for (index, moment) in moments.iter().enumerate() {
        let original = originals.entry(moment.id).or_insert(index);
        if age(index) < age(*original) {
            *original = index;
        }
    }
    originals
}

#[cfg(test)]
mod tests;
