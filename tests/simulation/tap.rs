//! A process's way to the broker, with a place to die before and after everything it does there.

use std::sync::Arc;

use messaging::log::{Ack, Attempts, Beat, Extent, Log, Message, PublishError, Stored, Unavailable};
use testkit::simulated::SimLog;

use crate::{
    body::Body,
    chance::Chance,
    sabotage::{Guard, altered},
    tap_consumer::TapConsumer,
};

/// The log as one process sees it.
#[derive(Clone)]
pub(crate) struct Tap {
    pub(crate) log: SimLog,
    pub(crate) body: Arc<Body>,
    pub(crate) chance: Arc<Chance>,
    /// The guard that is switched off.
    pub(crate) off: Option<Guard>,
}

impl Tap {
    fn is_off(&self, guard: Guard) -> bool {
        self.off == Some(guard)
    }

    fn told(&self, messages: &[Message], result: &Result<Ack, PublishError>) {
        let rare = match result {
            Err(PublishError::Unknown(_)) => "a publish has no answer",
            Err(PublishError::Full) => "the disk is full",
            Err(PublishError::WrongLastSequence) => "a journal's writer was overtaken",
            Err(PublishError::DuplicateInBatch) => "a batch holds what is stored already",
            Ok(Ack { duplicate: true, .. }) => "a message is stored already",
            Ok(_) if messages.iter().any(is_letter) => "a message is parked",
            Ok(_) | Err(PublishError::Refused(_)) => "",
        };
        if !rare.is_empty() {
            self.body.trace.sometimes(rare);
        }
        let number = result.as_ref().map_or(0, |ack| ack.sequence);
        self.body.trace.note(&self.body.name, "publish", number, || {
            let subjects: Vec<&str> = messages.iter().map(|message| message.subject.as_str()).collect();
            let outcome = match result {
                Ok(ack) if ack.duplicate => format!("known as {}", ack.sequence),
                Ok(ack) => ack.sequence.to_string(),
                Err(error) => error.to_string(),
            };
            format!("{} -> {outcome}", subjects.join(" "))
        });
    }

    /// What is answered at once instead of asking the broker, where that guard is off.
    fn skipped(&self, messages: &[Message], expect: Option<u64>) -> Option<Ack> {
        let loses = |guard, is: fn(&Message) -> bool| self.is_off(guard) && messages.iter().any(is);
        let skips = loses(Guard::HandOver, is_hand_over)
            || (loses(Guard::LetterFirst, is_letter) && self.chance.hits(0.5));
        skips.then(|| Ack { sequence: expect.unwrap_or(0) + messages.len() as u64, duplicate: false })
    }
}

fn is_hand_over(message: &Message) -> bool {
    message.subject.ends_with(".control") && contains(&message.payload, b"\"hand_over\"")
}

fn is_letter(message: &Message) -> bool {
    message.subject.starts_with("dead_letters.")
}

fn contains(text: &[u8], part: &[u8]) -> bool {
    text.windows(part.len()).any(|window| window == part)
}

impl Log for Tap {
    type Reader = <SimLog as Log>::Reader;
    type Consumer = TapConsumer;
    type Beats = <SimLog as Log>::Beats;

    async fn publish(&self, message: &Message, expect: Option<u64>) -> Result<Ack, PublishError> {
        self.publish_batch(std::slice::from_ref(message), expect).await
    }

    async fn publish_batch(&self, messages: &[Message], expect: Option<u64>) -> Result<Ack, PublishError> {
        self.body.step("before a publish").await;
        if let Some(ack) = self.skipped(messages, expect) {
            self.told(messages, &Ok(ack));
            return Ok(ack);
        }
        let expect = expect.filter(|_| !self.is_off(Guard::Fence));
        let sent: Vec<Message> =
            messages.iter().map(|message| altered(message, self.off, &self.chance)).collect();
        let mut result = match sent.as_slice() {
            [message] => self.log.publish(message, expect).await,
            batch => self.log.publish_batch(batch, expect).await,
        };
        if self.is_off(Guard::UnknownPublish) && matches!(result, Err(PublishError::Unknown(_))) {
            result = Ok(Ack { sequence: 0, duplicate: false });
        }
        self.body.step("after a publish").await;
        self.told(messages, &result);
        result
    }

    async fn extent(&self, stream: &str) -> Result<Extent, Unavailable> {
        self.log.extent(stream).await
    }

    async fn get(&self, stream: &str, sequence: u64) -> Result<Option<Stored>, Unavailable> {
        self.log.get(stream, sequence).await
    }

    fn read(&self, stream: &str, subjects: &[&str], after: u64) -> Self::Reader {
        self.log.read(stream, subjects, after)
    }

    fn consume(&self, stream: &str, durable: &str) -> TapConsumer {
        TapConsumer { inner: self.log.consume(stream, durable), tap: self.clone() }
    }

    async fn save_attempts(
        &self,
        durable: &str,
        sequence: u64,
        attempts: &Attempts,
    ) -> Result<(), Unavailable> {
        self.body.step("before attempts are noted").await;
        // That it is suspected is noted all the same: only what is no attempt is forgotten.
        if self.is_off(Guard::AttemptsRecord) && !attempts.alone {
            return Ok(());
        }
        self.body.trace.sometimes("attempts are noted");
        self.body.note("notes", || format!("{durable}:{sequence} {attempts:?}"));
        self.log.save_attempts(durable, sequence, attempts).await
    }

    async fn load_attempts(&self, durable: &str, sequence: u64) -> Result<Option<Attempts>, Unavailable> {
        let loaded = self.log.load_attempts(durable, sequence).await?;
        Ok(loaded.map(|noted| Attempts { begun: noted.begun && !self.is_off(Guard::Begun), ..noted }))
    }

    async fn beat(&self, journal: &str, beat: &Beat) {
        self.log.beat(journal, beat).await;
    }

    fn beats(&self, journal: &str) -> Self::Beats {
        self.log.beats(journal)
    }

    async fn save_snapshot(&self, journal: &str, sequence: u64, body: Vec<u8>) -> Result<(), Unavailable> {
        self.body.step("before a snapshot").await;
        let saved = self.log.save_snapshot(journal, sequence, body).await;
        self.body.note("snapshot", || format!("{journal}:{sequence}"));
        self.body.trace.sometimes("a snapshot is taken");
        saved
    }

    async fn snapshots(&self, journal: &str) -> Result<Vec<u64>, Unavailable> {
        self.log.snapshots(journal).await
    }

    async fn load_snapshot(&self, journal: &str, sequence: u64) -> Result<Option<Vec<u8>>, Unavailable> {
        let loaded = self.log.load_snapshot(journal, sequence).await;
        if matches!(loaded, Ok(Some(_))) {
            self.body.trace.sometimes("a journal begins from a snapshot");
        }
        loaded
    }

    async fn drop_snapshot(&self, journal: &str, sequence: u64) -> Result<(), Unavailable> {
        self.log.drop_snapshot(journal, sequence).await
    }
}
