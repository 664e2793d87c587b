//! Merges several streams: whatever has arrived, from each of them its share.

use std::{
    future::{Future, poll_fn},
    pin::Pin,
    task::Poll,
    time::Duration,
};

use messaging::log::{Reader, Stored};
use tokio::time::{Instant, timeout_at};

use crate::{
    offsets::Offsets,
    projection::{Batch, Entry, Gap},
    source::Source,
};

/// One reader for each stream.
pub(crate) struct Readers<R> {
    readers: Vec<(&'static str, R)>,
}

impl<R: Reader> Readers<R> {
    /// Opens every stream after its offset.
    pub(crate) fn open<S: Source<Reader = R>>(
        source: &S,
        streams: &'static [&'static str],
        offsets: &Offsets,
    ) -> Self {
        let reader =
            |stream: &&'static str| (*stream, source.read(stream, offsets.get(stream).copied().unwrap_or(0)));
        Self { readers: streams.iter().map(reader).collect() }
    }

    /// Waits for a first message, and takes what else is there, about `limit` altogether. Cancel safe.
    pub(crate) async fn first(&mut self, limit: usize) -> Vec<Entry> {
        let share = limit.div_ceil(self.readers.len().max(1));
        let mut waiting: Vec<(&'static str, Waiting<'_>)> = Vec::with_capacity(self.readers.len());
        for (stream, reader) in &mut self.readers {
            waiting.push((stream, Box::pin(reader.next_batch(share))));
        }
        // Every reader is asked each time, so that a busy stream cannot keep a quiet one waiting.
        poll_fn(|context| {
            let mut arrived = Vec::new();
            waiting.retain_mut(|(stream, next)| match next.as_mut().poll(context) {
                Poll::Ready(messages) => {
                    arrived.extend(messages.into_iter().map(|message| Entry { stream, message }));
                    false
                }
                Poll::Pending => true,
            });
            if arrived.is_empty() { Poll::Pending } else { Poll::Ready(arrived) }
        })
        .await
    }

    /// Adds to `entries` what arrives within `linger`, until there are `limit`.
    pub(crate) async fn more(&mut self, entries: &mut Vec<Entry>, limit: usize, linger: Duration) {
        let deadline = Instant::now() + linger;
        while entries.len() < limit {
            let Ok(arrived) = timeout_at(deadline, self.first(limit - entries.len())).await else { return };
            entries.extend(arrived);
        }
    }
}

type Waiting<'a> = Pin<Box<dyn Future<Output = Vec<Stored>> + Send + 'a>>;

/// Drops what was applied before, and notes what is missing.
pub(crate) fn inspect(entries: Vec<Entry>, offsets: &Offsets) -> (Batch, Offsets) {
    let mut reached = offsets.clone();
    let mut batch = Batch { entries: Vec::with_capacity(entries.len()), gaps: Vec::new() };
    for entry in entries {
        let last = reached.entry(entry.stream).or_insert(0);
        let sequence = entry.message.sequence;
        if sequence <= *last {
            continue;
        }
        if sequence > *last + 1 {
            batch.gaps.push(Gap { stream: entry.stream, first: *last + 1, last: sequence - 1 });
        }
        *last = sequence;
        batch.entries.push(entry);
    }
    (batch, reached)
}
