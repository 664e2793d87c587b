//! A log that stores every message at once and keeps none: what is left is the cost of those who publish.

use std::{
    future::pending,
    sync::{
        Arc,
        atomic::{AtomicU64, Ordering},
    },
    time::Duration,
};

use messaging::log::{
    Ack, Attempts, Beat, Beats, Consumer, Delivery, DeliveryInfo, Extent, Log, Message, PublishError, Reader,
    Stored, Unavailable,
};

/// Counts what is stored, and answers. Nothing can be read from it.
#[derive(Debug, Clone, Default)]
pub(super) struct PromptLog {
    last: Arc<AtomicU64>,
}

impl PromptLog {
    fn store(&self, messages: usize) -> Ack {
        let messages = messages as u64;
        Ack { sequence: self.last.fetch_add(messages, Ordering::Relaxed) + messages, duplicate: false }
    }
}

/// There is nothing in it.
fn nothing<T>() -> Result<T, Unavailable> {
    Err(Unavailable("this log keeps nothing".to_owned()))
}

/// Waits for ever.
#[derive(Debug)]
pub(super) struct Silence;

/// What silence hands out.
#[derive(Debug)]
pub(super) enum Never {}

impl Log for PromptLog {
    type Reader = Silence;
    type Consumer = Silence;
    type Beats = Silence;

    async fn publish(&self, _message: &Message, _expect: Option<u64>) -> Result<Ack, PublishError> {
        Ok(self.store(1))
    }

    async fn publish_batch(&self, messages: &[Message], _expect: Option<u64>) -> Result<Ack, PublishError> {
        Ok(self.store(messages.len()))
    }

    async fn extent(&self, _stream: &str) -> Result<Extent, Unavailable> {
        nothing()
    }

    async fn get(&self, _stream: &str, _sequence: u64) -> Result<Option<Stored>, Unavailable> {
        nothing()
    }

    fn read(&self, _stream: &str, _subjects: &[&str], _after: u64) -> Silence {
        Silence
    }

    fn consume(&self, _stream: &str, _durable: &str) -> Silence {
        Silence
    }

    async fn save_attempts(
        &self,
        _durable: &str,
        _sequence: u64,
        _attempts: &Attempts,
    ) -> Result<(), Unavailable> {
        nothing()
    }

    async fn load_attempts(&self, _durable: &str, _sequence: u64) -> Result<Option<Attempts>, Unavailable> {
        nothing()
    }

    async fn beat(&self, _journal: &str, _beat: &Beat) {}

    fn beats(&self, _journal: &str) -> Silence {
        Silence
    }

    async fn save_snapshot(&self, _journal: &str, _sequence: u64, _body: Vec<u8>) -> Result<(), Unavailable> {
        nothing()
    }

    async fn snapshots(&self, _journal: &str) -> Result<Vec<u64>, Unavailable> {
        nothing()
    }

    async fn load_snapshot(&self, _journal: &str, _sequence: u64) -> Result<Option<Vec<u8>>, Unavailable> {
        nothing()
    }

    async fn drop_snapshot(&self, _journal: &str, _sequence: u64) -> Result<(), Unavailable> {
        nothing()
    }
}

impl Reader for Silence {
    async fn next_batch(&mut self, _max: usize) -> Vec<Stored> {
        pending().await
    }
}

impl Consumer for Silence {
    type Delivery = Never;

    async fn next(&mut self, _most: usize) -> Vec<Never> {
        pending().await
    }

    async fn leave(self) -> Vec<Never> {
        Vec::new()
    }
}

impl Beats for Silence {
    async fn next(&mut self) -> Beat {
        pending().await
    }
}

impl Delivery for Never {
    fn info(&self) -> &DeliveryInfo {
        match *self {}
    }

    async fn ack(&self) -> Result<(), Unavailable> {
        match *self {}
    }

    async fn in_progress(&self) -> Result<(), Unavailable> {
        match *self {}
    }

    async fn hand_back(&self, _delay: Duration) -> Result<(), Unavailable> {
        match *self {}
    }

    async fn terminate(&self, _reason: &str) -> Result<(), Unavailable> {
        match *self {}
    }
}
