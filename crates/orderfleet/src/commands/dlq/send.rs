//! Storing what an operator does: the message put back, and the events that tell of it.

use std::time::Duration;

use anyhow::Context;
use events::{
    Envelope, EventData,
    dead_letters::{LetterDiscarded, LetterRedriven},
    ids::derive,
};
use messaging::{
    dead_letter::Redrive,
    jetstream::JetStream,
    log::{Ack, Log, Message, PublishError},
    topology::REDRIVE,
    trace::TraceContext,
};
use tokio::time::{Instant, sleep};
use uuid::Uuid;

use super::{
    desk::{About, Desk, Filed},
    words::now,
};
use crate::broker;

/// How long a message without a definite answer is sent again.
const PATIENCE: Duration = Duration::from_secs(15);
/// Pause before it is.
const PAUSE: Duration = Duration::from_millis(250);

/// A message stands in REDRIVE, and by whom it was put there.
#[derive(Debug)]
pub(super) struct PutBack {
    pub(super) redrive: Redrive,
    /// What it says of itself, which need not be what its letter says.
    pub(super) about: About,
    /// Another operator was faster: theirs is stored, ours is not.
    pub(super) by_somebody_else: bool,
}

/// Puts a message back; the same redrive is stored once, whoever sends it.
pub(super) async fn put_back(js: &JetStream, message: &Message, run: &str) -> anyhow::Result<PutBack> {
    let ack = insist(js, message).await.context("the message was not put back")?;
    let (redrive, about) = stands_at(js, ack.sequence).await?;
    // A first try of our own may have been stored without an answer.
    let by_somebody_else = redrive.run != run;
    Ok(PutBack { redrive, about, by_somebody_else })
}

async fn stands_at(js: &JetStream, sequence: u64) -> anyhow::Result<(Redrive, About)> {
    let stored = js.get(REDRIVE, sequence).await?;
    let read = stored.and_then(|message| Some((Redrive::of(&message)?, About::of(&message.payload))));
    read.with_context(|| format!("{REDRIVE}:{sequence} is not what was put there"))
}

/// Tells the audit trail that a message was put back. Telling it again changes nothing.
pub(super) async fn tell_redriven(
    js: &JetStream,
    filed: &Filed,
    PutBack { redrive, about, .. }: &PutBack,
) -> anyhow::Result<()> {
    let filed = &Filed { about: about.clone(), ..filed.clone() };
    let event = LetterRedriven {
        letter: redrive.letter,
        consumer: filed.letter.consumer.clone(),
        cause: filed.letter.cause.clone(),
        about: filed.subject(),
        order_id: filed.about.order,
        operator: redrive.operator.clone(),
        reason: redrive.reason.clone(),
        redrive: redrive.sequence,
        edited: redrive.edited,
    };
    tell(js, filed, derive(&[LetterRedriven::TYPE, &redrive.id]), event).await
}

/// Tells the audit trail of messages that were put back by a run that died before it could.
pub(super) async fn tell_what_was_left_untold(desk: &Desk) -> anyhow::Result<()> {
    for entry in desk.book.entries() {
        for attempt in entry.attempts.values().filter(|attempt| attempt.event.is_none()) {
            if let Some(redrive) = &attempt.message {
                let (redrive, about) = stands_at(&desk.js, redrive.sequence).await?;
                let put_back = PutBack { redrive, about, by_somebody_else: true };
                tell_redriven(&desk.js, entry.letter, &put_back).await?;
            }
        }
    }
    Ok(())
}

/// Writes a letter off, for the `number`-th time.
pub(super) async fn discard(
    js: &JetStream,
    filed: &Filed,
    number: usize,
    operator: &str,
    reason: &str,
) -> anyhow::Result<()> {
    let event = LetterDiscarded {
        letter: filed.letter.sequence,
        consumer: filed.letter.consumer.clone(),
        cause: filed.letter.cause.clone(),
        about: filed.subject(),
        order_id: filed.about.order,
        operator: operator.to_owned(),
        reason: reason.to_owned(),
    };
    let id = derive(&[LetterDiscarded::TYPE, &filed.letter.id, &number.to_string()]);
    tell(js, filed, id, event).await
}

async fn tell<D: EventData>(js: &JetStream, filed: &Filed, id: Uuid, data: D) -> anyhow::Result<()> {
    let envelope = Envelope {
        id,
        kind: D::TYPE.into(),
        version: D::VERSION,
        aggregate_id: data.aggregate_id().into(),
        timestamp: now(),
        trace_id: filed.about.trace,
        causation_id: filed.about.id.unwrap_or_default(),
        data: &data,
    };
    let message = Message::event(&envelope, &TraceContext::unsampled(filed.about.trace));
    insist(js, &message).await.with_context(|| format!("{} was not stored", D::TYPE))?;
    Ok(())
}

/// Sends the same message until the broker says something definite.
async fn insist(js: &JetStream, message: &Message) -> anyhow::Result<Ack> {
    let deadline = Instant::now() + PATIENCE;
    let insisting = async {
        loop {
            match js.publish(message, None).await {
                Err(PublishError::Unknown(_)) if Instant::now() < deadline => sleep(PAUSE).await,
                answer => return Ok(answer?),
            }
        }
    };
    broker::unless_refused(js, insisting).await
}
