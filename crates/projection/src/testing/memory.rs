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
    streams: Arc<Mutex<BTreeMap<String, MemoryStream>>>,
    changed: watch::Sender<()>,
}

#[derive(Debug, Default)]
struct MemoryStream {
    messages: Vec<Stored>,
    last: u64,
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
        let mut streams = self.lock();
        let stream = streams.entry(stream.to_owned()).or_default();
        stream.last = message.sequence;
        stream.messages.push(message);
        self.changed.send_replace(());
    }

    /// Takes a message out. Its sequence is not given away again.
    pub fn delete(&self, stream: &str, sequence: u64) {
        if let Some(stream) = self.lock().get_mut(stream) {
            stream.messages.retain(|message| message.sequence != sequence);
        }
    }

    /// The last sequence a stream has given away; 0 when it never had a message.
    #[must_use]
    pub fn last(&self, stream: &str) -> u64 {
        self.lock().get(stream).map_or(0, |stream| stream.last)
    }

    fn lock(&self) -> MutexGuard<'_, BTreeMap<String, MemoryStream>> {
        self.streams.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn after(&self, stream: &str, after: u64, max: usize) -> Vec<Stored> {
        let streams = self.lock();
        let messages = streams.get(stream).map(|stream| stream.messages.as_slice()).unwrap_or_default();
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
        let last = self.last(stream);
        let first = self.after(stream, 0, 1).first().map_or(last + 1, |first| first.sequence);
        Ok(Extent { first, last })
    }

    async fn holds(&self, stream: &str, sequence: u64) -> Result<bool, Unavailable> {
        Ok(self.after(stream, sequence.saturating_sub(1), 1).first().is_some_and(|m| m.sequence == sequence))
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
