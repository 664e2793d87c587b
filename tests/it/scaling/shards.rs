//! Journals driven without a broker: one that is told everything, or many that are told a part each.

use std::collections::{BTreeMap, VecDeque};

use events::{OrderId, StreamEvent, Timestamp, TraceId};
use fastrand::Rng;
use messaging::journal::{Decider, Meta};

/// Into how many a journal is divided.
pub(super) const SHARDS: [usize; 3] = [2, 4, 16];

/// The name of the goods with a number.
pub(super) fn sku(number: usize) -> String {
    format!("SKU-{number}")
}

/// What a journal's leader is told next.
#[derive(Debug, Clone)]
pub(super) enum Step<I> {
    /// An input, and what is known of it.
    Input(I, Meta),
    /// Time has passed; every journal is told.
    Tick(Timestamp),
}

/// An event, and which step it follows from, when it happened, in which trace.
pub(super) type Decided<E> = (usize, E, Timestamp, TraceId);
/// What was decided about one order or SKU, in the order of the steps.
pub(super) type Life<E> = Vec<Decided<E>>;
/// The lives of all of them.
pub(super) type Lives<E> = BTreeMap<String, Life<E>>;

/// The shard of an order: FNV-1a over the sixteen bytes of its id, modulo the number of shards. An order of shard `s` of
/// `n` is in `s` or `s + n` of `2 n`.
pub(super) fn shard_of(order: OrderId, shards: usize) -> usize {
    hash(order.0.as_bytes(), shards)
}

/// The same of any bytes.
pub(super) fn hash(bytes: &[u8], shards: usize) -> usize {
    let mix = |hash: u64, byte: &u8| (hash ^ u64::from(*byte)).wrapping_mul(0x0000_0100_0000_01b3);
    let mixed = bytes.iter().fold(0xcbf2_9ce4_8422_2325, mix);
    usize::try_from(mixed % shards as u64).unwrap_or_default()
}

/// A journal's leader: its state, and nothing around it.
pub(super) struct Journal<'d, D: Decider> {
    decider: &'d D,
    pub(super) state: D::State,
}

impl<'d, D: Decider> Journal<'d, D> {
    pub(super) fn new(decider: &'d D) -> Self {
        Self { decider, state: D::State::default() }
    }

    /// Whether anything would follow from an input.
    pub(super) fn would_decide(&self, step: &Step<D::Input>) -> bool {
        match step {
            Step::Input(input, meta) => !self.decider.decide(&self.state, input, meta).is_empty(),
            Step::Tick(now) => !self.decider.tick(&self.state, *now).is_empty(),
        }
    }

    /// Decides, and folds what was decided.
    pub(super) fn take(&mut self, step: &Step<D::Input>) -> Vec<(D::Event, Meta)> {
        let decided: Vec<(D::Event, Meta)> = match step {
            Step::Input(input, meta) => {
                let events = self.decider.decide(&self.state, input, meta);
                events.into_iter().map(|event| (event, *meta)).collect()
            }
            Step::Tick(now) => {
                let meta = |trace_id| Meta { id: uuid::Uuid::nil(), at: *now, trace_id, put_back: false };
                let events = self.decider.tick(&self.state, *now);
                events.into_iter().map(|(event, trace_id)| (event, meta(trace_id))).collect()
            }
        };
        for (event, meta) in &decided {
            self.decider.evolve(&mut self.state, event, meta);
        }
        decided
    }
}

/// Lets so many journals decide on the steps that `shard` gives them, by place and input. Which of them is how far ahead
/// of the others is left to chance.
pub(super) fn run<D: Decider>(
    decider: &D,
    steps: &[Step<D::Input>],
    shards: usize,
    shard: impl Fn(usize, &D::Input) -> usize,
    rng: &mut Rng,
) -> Lives<D::Event> {
    let mut queues = vec![VecDeque::new(); shards];
    for (place, step) in steps.iter().enumerate() {
        match step {
            Step::Input(input, _) => queues[shard(place, input)].push_back(place),
            Step::Tick(_) => queues.iter_mut().for_each(|queue| queue.push_back(place)),
        }
    }
    let mut journals: Vec<_> = queues.into_iter().map(|queue| (queue, Journal::new(decider))).collect();
    let mut lives = Lives::new();
    while !journals.is_empty() {
        let chosen = rng.usize(..journals.len());
        let (queue, journal) = &mut journals[chosen];
        for place in queue.drain(..queue.len().min(rng.usize(1..64))) {
            for (event, meta) in journal.take(&steps[place]) {
                let life = lives.entry(event.aggregate_id()).or_default();
                life.push((place, event, meta.at, meta.trace_id));
            }
        }
        if queue.is_empty() {
            journals.swap_remove(chosen);
        }
    }
    lives.values_mut().for_each(|life| life.sort_by_key(|(place, ..)| *place));
    lives
}

/// Whose life is not the same in both.
pub(super) fn differing<'l, E: PartialEq>(one: &'l Lives<E>, many: &'l Lives<E>) -> Vec<&'l str> {
    let mut all: Vec<_> = one.keys().chain(many.keys()).map(String::as_str).collect();
    all.sort_unstable();
    all.dedup();
    all.retain(|name| one.get(*name) != many.get(*name));
    all
}
