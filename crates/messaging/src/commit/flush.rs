//! The task behind a [`GroupCommit`](super::GroupCommit): gathers, sends, answers.

use std::{
    sync::{Arc, Mutex, PoisonError},
    time::Duration,
};

use futures_util::future::join_all;
use tokio::{
    sync::{Semaphore, mpsc},
    task::JoinSet,
    time::Instant,
};

use super::{CommitConfig, CommitError, Lingering, MAX_BATCH, MAX_BATCH_BYTES, Submission, recent::Recent};
use crate::{
    headers::MSG_ID,
    log::{Ack, Log, Message, PublishError, patience::Doubling},
    metrics::Metrics,
};

/// First pause before a message without an answer is sent again.
const FIRST_PAUSE: Duration = Duration::from_millis(50);
/// The longest such pause.
const LONGEST_PAUSE: Duration = Duration::from_secs(1);

/// Runs until every handle is dropped and everything they sent is settled.
pub(super) async fn run<L: Log>(
    log: L,
    config: CommitConfig,
    metrics: Metrics,
    mut submissions: mpsc::Receiver<Submission>,
) {
    let mut lingering = Lingering::new(config.linger);
    let recent = Mutex::default();
    let sender = Arc::new(Sender { log, stream: config.stream, patience: config.patience, metrics, recent });
    let slots = Arc::new(Semaphore::new(config.in_flight));
    let mut under_way = JoinSet::new();
    let mut gathered = Vec::with_capacity(MAX_BATCH);
    loop {
        while let Some(ended) = under_way.try_join_next() {
            match ended {
                Ok(took) => lingering.committed(took),
                // It will never say what became of its messages: nobody is to wait for that.
                Err(_panicked) => *sender.recent() = Recent::default(),
            }
        }
        if gathered.is_empty() && sender.gather(&mut submissions, &mut gathered).await == 0 {
            break;
        }
        if gathered.is_empty() {
            // All of it is under way already, or stored.
            continue;
        }
        sender.linger(&lingering, &mut submissions, &mut gathered).await;
        let Ok(slot) = Arc::clone(&slots).acquire_owned().await else { break };
        // Whatever came while waiting for the slot rides along.
        while gathered.len() < MAX_BATCH {
            let Ok(submission) = submissions.try_recv() else { break };
            gathered.extend(sender.recent().admit(submission));
        }
        let batch = close_batch(&mut gathered);
        lingering.note(batch.len(), Instant::now());
        let sender = Arc::clone(&sender);
        under_way.spawn(async move {
            let took = sender.settle(batch).await;
            drop(slot);
            took
        });
    }
    while under_way.join_next().await.is_some() {}
}

/// Takes from the front what may go out together: not too many bytes. What is left keeps its order.
fn close_batch(gathered: &mut Vec<Submission>) -> Vec<Submission> {
    let mut bytes = 0;
    let fits = gathered.iter().take_while(|submission| {
        bytes += submission.message.payload.len();
        bytes <= MAX_BATCH_BYTES
    });
    let count = fits.count().max(1).min(gathered.len());
    let rest = gathered.split_off(count);
    std::mem::replace(gathered, rest)
}

struct Sender<L> {
    log: L,
    stream: &'static str,
    patience: Duration,
    metrics: Metrics,
    recent: Mutex<Recent>,
}

impl<L: Log> Sender<L> {
    fn recent(&self) -> std::sync::MutexGuard<'_, Recent> {
        // Nothing in there is left half done by a panic.
        self.recent.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Waits for submissions, and adds those that have to be sent; 0 when there are no more to come.
    async fn gather(
        &self,
        submissions: &mut mpsc::Receiver<Submission>,
        gathered: &mut Vec<Submission>,
    ) -> usize {
        let mut arrived = Vec::new();
        let count = submissions.recv_many(&mut arrived, MAX_BATCH - gathered.len()).await;
        let mut recent = self.recent();
        gathered.extend(arrived.into_iter().filter_map(|submission| recent.admit(submission)));
        count
    }

    async fn linger(
        &self,
        lingering: &Lingering,
        submissions: &mut mpsc::Receiver<Submission>,
        gathered: &mut Vec<Submission>,
    ) {
        let wait = lingering.wait(gathered.len());
        if wait.is_zero() {
            return;
        }
        let until = Instant::now() + wait;
        while gathered.len() < lingering.rule.enough {
            match tokio::time::timeout_at(until, self.gather(submissions, gathered)).await {
                Ok(0) | Err(_) => break,
                Ok(_more) => {}
            }
        }
    }

    /// Stores a batch, tells everybody who waits for it, and says how long storing took.
    async fn settle(&self, batch: Vec<Submission>) -> Duration {
        let started = Instant::now();
        self.metrics.commit.began(self.stream, batch.len());
        let (messages, waiting): (Vec<_>, Vec<_>) = batch.into_iter().map(|s| (s.message, s.done)).unzip();
        let outcomes = self.store(&messages).await;
        let took = started.elapsed();
        self.metrics.commit.took(self.stream, took);
        let mut recent = self.recent();
        for ((message, done), outcome) in messages.iter().zip(waiting).zip(outcomes) {
            if let Some(id) = message.headers.get(MSG_ID) {
                recent.settle(id, &outcome);
            }
            // A caller that has gone away does not want to know.
            let _gone = done.send(outcome);
        }
        took
    }

    /// One outcome per message, in order.
    async fn store(&self, messages: &[Message]) -> Vec<Result<Ack, CommitError>> {
        let deadline = Instant::now() + self.patience;
        if let [message] = messages {
            return vec![self.store_one(message, deadline).await];
        }
        let outcome = self.insist(deadline, || self.log.publish_batch(messages, None)).await;
        match outcome {
            Ok(ack) => {
                let first = ack.sequence + 1 - messages.len() as u64;
                (first..=ack.sequence).map(|sequence| Ok(Ack { sequence, duplicate: false })).collect()
            }
            // Some are stored already, or one is bad: each message for itself finds out which.
            Err(PublishError::DuplicateInBatch | PublishError::Refused(_)) => {
                join_all(messages.iter().map(|message| self.store_one(message, deadline))).await
            }
            Err(error) => vec![Err(error.into()); messages.len()],
        }
    }

    async fn store_one(&self, message: &Message, deadline: Instant) -> Result<Ack, CommitError> {
        Ok(self.insist(deadline, || self.log.publish(message, None)).await?)
    }

    /// Sends the same again until a definite answer comes or patience ends. Safe because every message
    /// carries an id: what was stored without our hearing of it is not stored twice.
    async fn insist<F>(&self, deadline: Instant, mut attempt: impl FnMut() -> F) -> Result<Ack, PublishError>
    where
        F: Future<Output = Result<Ack, PublishError>>,
    {
        let mut pauses = Doubling { next: FIRST_PAUSE, longest: LONGEST_PAUSE };
        loop {
            match attempt().await {
                Err(PublishError::Unknown(_)) if Instant::now() + pauses.next < deadline => {
                    self.metrics.commit.retries.with_label_values(&[self.stream]).inc();
                    pauses.pause().await;
                }
                definite => {
                    if let Err(error) = &definite {
                        self.metrics.commit.refused(self.stream, error);
                    }
                    return definite;
                }
            }
        }
    }
}

impl From<PublishError> for CommitError {
    fn from(error: PublishError) -> Self {
        match error {
            PublishError::Unknown(what) => Self::Unavailable(what),
            PublishError::Full => Self::Full,
            PublishError::Refused(why) => Self::Refused(why),
            unexpected @ (PublishError::WrongLastSequence | PublishError::DuplicateInBatch) => {
                Self::Refused(unexpected.to_string())
            }
        }
    }
}
