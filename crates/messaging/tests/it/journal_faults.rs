//! A log that misbehaves when told to: what a journal does about a broker or a process in trouble.

use std::{
    sync::{
        Arc,
        atomic::{AtomicUsize, Ordering},
    },
    time::Duration,
};

use messaging::{
    jetstream::{JetStream, JetStreamBeats, JetStreamConsumer, JetStreamReader},
    log::{Ack, Attempts, Beat, Beats, Extent, Log, Message, PublishError, Reader, Stored, Unavailable},
};
use testkit::eventually;
use tokio::sync::watch;

use crate::support::SOON;

/// What happens to publishes on subjects that begin so.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Fault {
    /// They are stored.
    None,
    /// They are refused, as if the stream were full.
    Refuse(&'static str),
    /// They are sent only when the fault is over.
    HoldBefore(&'static str),
    /// They are stored, and their sender hears of it only when the fault is over.
    HoldAfter(&'static str),
    /// They are stored, and their sender is told that nobody knows.
    LoseAnswer(&'static str),
    /// The first snapshot from now is never stored, and nobody hears of it.
    HoldSnapshot,
    /// The process sends and hears nothing at all, whatever the subject.
    Freeze,
}

/// The log of one process.
#[derive(Clone)]
pub(crate) struct Faulty {
    inner: JetStream,
    fault: Arc<watch::Sender<Fault>>,
    struck: Arc<AtomicUsize>,
}

impl Faulty {
    pub(crate) fn new(inner: JetStream) -> Self {
        Self { inner, fault: Arc::new(watch::Sender::new(Fault::None)), struck: Arc::default() }
    }

    /// From now on.
    pub(crate) fn set(&self, fault: Fault) {
        self.struck.store(0, Ordering::SeqCst);
        self.fault.send_replace(fault);
    }

    /// How many publishes the fault has struck.
    pub(crate) fn struck(&self) -> usize {
        self.struck.load(Ordering::SeqCst)
    }

    /// Waits until it has struck.
    pub(crate) async fn strikes(&self) {
        eventually(SOON, "the fault to strike", async || self.struck() > 0).await;
    }

    async fn over(&self, fault: Fault) {
        // The sender is part of `self`, so it cannot be gone.
        let _ = self.fault.subscribe().wait_for(|now| *now != fault).await;
    }

    async fn thawed(&self) {
        self.over(Fault::Freeze).await;
    }

    async fn strike(
        &self,
        subject: &str,
        publish: impl Future<Output = Result<Ack, PublishError>>,
    ) -> Result<Ack, PublishError> {
        let fault = *self.fault.borrow();
        let (Fault::Refuse(prefix)
        | Fault::HoldBefore(prefix)
        | Fault::HoldAfter(prefix)
        | Fault::LoseAnswer(prefix)) = fault
        else {
            self.thawed().await;
            return publish.await;
        };
        if !subject.starts_with(prefix) {
            return publish.await;
        }
        if fault == Fault::HoldBefore(prefix) {
            self.struck.fetch_add(1, Ordering::SeqCst);
            self.over(fault).await;
            self.thawed().await;
            return publish.await;
        }
        if fault == Fault::Refuse(prefix) {
            self.struck.fetch_add(1, Ordering::SeqCst);
            return Err(PublishError::Full);
        }
        let ack = publish.await?;
        self.struck.fetch_add(1, Ordering::SeqCst);
        if fault == Fault::LoseAnswer(prefix) {
            return Err(PublishError::Unknown("the answer was lost".to_owned()));
        }
        self.over(fault).await;
        Ok(ack)
    }
}

impl Log for Faulty {
    type Reader = Frozen<JetStreamReader>;
    type Consumer = JetStreamConsumer;
    type Beats = Frozen<JetStreamBeats>;

    async fn publish(&self, message: &Message, expect: Option<u64>) -> Result<Ack, PublishError> {
        self.strike(&message.subject, self.inner.publish(message, expect)).await
    }

    async fn publish_batch(&self, messages: &[Message], expect: Option<u64>) -> Result<Ack, PublishError> {
        self.strike(&messages[0].subject, self.inner.publish_batch(messages, expect)).await
    }

    async fn extent(&self, stream: &str) -> Result<Extent, Unavailable> {
        self.thawed().await;
        self.inner.extent(stream).await
    }

    async fn get(&self, stream: &str, sequence: u64) -> Result<Option<Stored>, Unavailable> {
        self.thawed().await;
        self.inner.get(stream, sequence).await
    }

    fn read(&self, stream: &str, subjects: &[&str], after: u64) -> Self::Reader {
        Frozen { inner: self.inner.read(stream, subjects, after), log: self.clone() }
    }

    fn consume(&self, stream: &str, durable: &str) -> Self::Consumer {
        self.inner.consume(stream, durable)
    }

    async fn save_attempts(
        &self,
        durable: &str,
        sequence: u64,
        attempts: &Attempts,
    ) -> Result<(), Unavailable> {
        self.inner.save_attempts(durable, sequence, attempts).await
    }

    async fn load_attempts(&self, durable: &str, sequence: u64) -> Result<Option<Attempts>, Unavailable> {
        self.inner.load_attempts(durable, sequence).await
    }

    async fn beat(&self, journal: &str, beat: &Beat) {
        if *self.fault.borrow() != Fault::Freeze {
            self.inner.beat(journal, beat).await;
        }
    }

    fn beats(&self, journal: &str) -> Self::Beats {
        Frozen { inner: self.inner.beats(journal), log: self.clone() }
    }

    async fn save_snapshot(&self, journal: &str, sequence: u64, body: Vec<u8>) -> Result<(), Unavailable> {
        self.thawed().await;
        if *self.fault.borrow() == Fault::HoldSnapshot && self.struck.fetch_add(1, Ordering::SeqCst) == 0 {
            std::future::pending::<()>().await;
        }
        self.inner.save_snapshot(journal, sequence, body).await
    }

    async fn snapshots(&self, journal: &str) -> Result<Vec<u64>, Unavailable> {
        self.inner.snapshots(journal).await
    }

    async fn load_snapshot(&self, journal: &str, sequence: u64) -> Result<Option<Vec<u8>>, Unavailable> {
        self.inner.load_snapshot(journal, sequence).await
    }

    async fn drop_snapshot(&self, journal: &str, sequence: u64) -> Result<(), Unavailable> {
        self.inner.drop_snapshot(journal, sequence).await
    }
}

/// Hears nothing while its process is frozen.
pub(crate) struct Frozen<T> {
    inner: T,
    log: Faulty,
}

impl<T: Reader> Reader for Frozen<T> {
    async fn next_batch(&mut self, max: usize) -> Vec<Stored> {
        let batch = self.inner.next_batch(max).await;
        self.log.thawed().await;
        batch
    }
}

impl<T: Beats> Beats for Frozen<T> {
    async fn next(&mut self) -> Beat {
        let beat = self.inner.next().await;
        self.log.thawed().await;
        beat
    }
}

/// The next beats of a journal's leader, none of them late.
pub(crate) async fn beats(js: &JetStream, count: usize, within: Duration) -> Vec<Beat> {
    let mut heard = Vec::new();
    let mut beats = js.beats("ORDERS");
    while heard.len() < count {
        let beat = tokio::time::timeout(within, beats.next()).await;
        heard.push(beat.expect("a beat in time"));
    }
    heard
}
