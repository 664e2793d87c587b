//! Ids of traces and spans.

use opentelemetry::trace::{SpanId, TraceId};
use opentelemetry_sdk::trace::{IdGenerator, RandomIdGenerator};

use crate::clock::Clock;

/// Bytes of a trace id that tell the time: milliseconds since 1970.
const TIME: usize = 6;

/// Trace ids that begin with the time and are random behind it, as UUIDs of version 7 are, and random span ids.
///
/// Whoever keeps an index by trace then adds to its end. With ids that are random as a whole every row would change
/// another page of it, and the larger the index, the more of them would have to be read and written.
#[derive(Debug)]
pub(super) struct TimedIds {
    clock: Clock,
    random: RandomIdGenerator,
}

impl TimedIds {
    pub(super) fn new(clock: Clock) -> Self {
        Self { clock, random: RandomIdGenerator::default() }
    }
}

impl IdGenerator for TimedIds {
    fn new_trace_id(&self) -> TraceId {
        let mut id = self.random.new_trace_id().to_bytes();
        let millis = (self.clock.unix_micros() / 1_000).to_be_bytes();
        let (_, low) = millis.split_at(millis.len() - TIME);
        id[..TIME].copy_from_slice(low);
        TraceId::from_bytes(id)
    }

    fn new_span_id(&self) -> SpanId {
        self.random.new_span_id()
    }
}

#[cfg(test)]
mod tests {
    use std::{
        collections::BTreeSet,
        time::{Duration, UNIX_EPOCH},
    };

    use super::*;

    #[test]
    fn later_traces_have_larger_ids_and_no_two_the_same() {
        let (clock, hand) = Clock::manual(UNIX_EPOCH + Duration::from_millis(1_800_000_000_000));
        let ids = TimedIds::new(clock);
        let earlier: BTreeSet<_> = (0..100).map(|_| ids.new_trace_id().to_bytes()).collect();
        hand.advance(Duration::from_millis(1));
        let later = ids.new_trace_id().to_bytes();
        assert_eq!(earlier.len(), 100);
        assert!(earlier.iter().all(|id| *id < later));
    }
}
