//! Streams in memory: just enough of a log to feed a projector.

use std::{
    collections::BTreeMap,
    sync::{Arc, Mutex, MutexGuard, PoisonError},
};

use messaging::log::{Extent, Reader, Stored, Unavailable};
use tokio::sync::watch;

use crate::source::Source;

/// Streams that live as long as the value and its clones.
#[derive(Debug, Clone)]
pub struct MemoryStreams {
    streams: Arc<Mutex<BTreeMap<String, Vec<Stored>>>>,
    changed: watch::Sender<()>,
}

impl Default for MemoryStreams {
    fn default() -> Self {
        Self { streams: Arc::default(), changed: watch::Sender::new(()) }
    }
}

impl MemoryStreams {
    /// Adds a message after the last one, and gives its sequence.
    pub fn push(&self, stream: &str, mut message: Stored) -> u64 {
        message.sequence = self.last(stream) + 1;
        let sequence = message.sequence;
        self.push_at(stream, message);
        sequence
    }

    /// Adds a message at its own sequence; what lies between is missing.
    pub fn push_at(&self, stream: &str, message: Stored) {
        self.lock().entry(stream.to_owned()).or_default().push(message);
        self.changed.send_replace(());
    }

    /// The last sequence of a stream; 0 when it is empty.
    #[must_use]
    pub fn last(&self, stream: &str) -> u64 {
        self.lock().get(stream).and_then(|messages| messages.last()).map_or(0, |last| last.sequence)
    }

    fn lock(&self) -> MutexGuard<'_, BTreeMap<String, Vec<Stored>>> {
        self.streams.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn after(&self, stream: &str, after: u64, max: usize) -> Vec<Stored> {
        let streams = self.lock();
        let messages = streams.get(stream).map(Vec::as_slice).unwrap_or_default();
        messages[messages.partition_point(|message| message.sequence <= after)..]
            .iter()
            .take(max)
            .cloned()
            .collect()
    }
}

impl Source for MemoryStreams {
    type Reader = MemoryReader;

    fn read(&self, stream: &str, after: u64) -> MemoryReader {
        MemoryReader {
            streams: self.clone(),
            changed: self.changed.subscribe(),
            stream: stream.to_owned(),
            after,
        }
    }

    async fn extent(&self, stream: &str) -> Result<Extent, Unavailable> {
        let streams = self.lock();
        let messages = streams.get(stream).map(Vec::as_slice).unwrap_or_default();
        let last = messages.last().map_or(0, |last| last.sequence);
        Ok(Extent { first: messages.first().map_or(last + 1, |first| first.sequence), last })
    }
}

/// Reads one of the streams.
#[derive(Debug)]
pub struct MemoryReader {
    streams: MemoryStreams,
    changed: watch::Receiver<()>,
    stream: String,
    after: u64,
}

impl Reader for MemoryReader {
    async fn next_batch(&mut self, max: usize) -> Vec<Stored> {
        loop {
            self.changed.mark_unchanged();
            let messages = self.streams.after(&self.stream, self.after, max);
            if let Some(last) = messages.last() {
                self.after = last.sequence;
                return messages;
            }
            // The sender lives in `streams`, so this only waits.
            self.changed.changed().await.ok();
        }
    }
}
