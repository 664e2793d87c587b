//! Waiting until messages that were put back are handled, and what came of it.

use std::{
    collections::{BTreeMap, BTreeSet},
    time::Duration,
};

use events::catalogue::STREAMS;
use messaging::{
    commit::MAX_BATCH,
    dead_letter::{Entry, State, redrive},
    headers::POSITIONS,
    jetstream::JetStream,
    journal::Positions,
    log::Log,
    topology::REDRIVE,
};
use tokio::time::{Instant, sleep};

use super::desk::{Desk, Filed};
use crate::broker;

/// Pause between two looks.
const PAUSE: Duration = Duration::from_millis(200);

/// A message that was put back.
#[derive(Debug, Clone)]
pub(super) struct Sent {
    /// The letter it comes from.
    pub(super) letter: u64,
    /// Where it stands now.
    pub(super) redrive: u64,
    /// For whom.
    pub(super) consumer: String,
}

/// What came of a message that was put back.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Outcome {
    /// It is done.
    Handled,
    /// It was given up again: the new letter, and why.
    FailedAgain { letter: u64, cause: String, error: String },
    /// Nobody has handled it yet.
    Waiting,
}

/// Waits until every message is handled or given up again, or the time is over. `progress` hears how many are.
pub(super) async fn settle(
    desk: &mut Desk,
    sent: &[Sent],
    within: Duration,
    progress: impl Fn(usize),
) -> anyhow::Result<Vec<Outcome>> {
    let deadline = Instant::now() + within;
    loop {
        // Before the letters: a message that fails is parked first and settled then.
        let mut reached = BTreeMap::new();
        for consumer in sent.iter().map(|sent| sent.consumer.as_str()).collect::<BTreeSet<_>>() {
            reached.insert(consumer, handled_up_to(&desk.js, consumer).await?);
        }
        desk.look_again().await?;
        let outcomes: Vec<_> = sent.iter().map(|sent| outcome(desk, sent, &reached)).collect();
        let waiting = outcomes.iter().filter(|outcome| **outcome == Outcome::Waiting).count();
        progress(sent.len() - waiting);
        if waiting == 0 || Instant::now() >= deadline {
            return Ok(outcomes);
        }
        sleep(PAUSE).await;
    }
}

fn outcome(desk: &Desk, sent: &Sent, reached: &BTreeMap<&str, u64>) -> Outcome {
    let failure = desk.book.failure(sent.redrive);
    let done = reached.get(sent.consumer.as_str()).is_some_and(|reached| *reached >= sent.redrive);
    match failure.or_else(|| passed_over(desk, sent).filter(|_| done)) {
        Some(failure) => {
            let letter = &failure.letter.letter;
            let (cause, error) = (letter.cause.clone(), letter.error.clone());
            Outcome::FailedAgain { letter: failure.sequence, cause, error }
        }
        None if done => Outcome::Handled,
        None => Outcome::Waiting,
    }
}

/// The letter that a journal knows the message as since it has given up an earlier attempt: it passes over any later
/// one.
fn passed_over<'a>(desk: &'a Desk, sent: &Sent) -> Option<Entry<'a, Filed>> {
    let newest = desk.book.came_back(sent.letter).filter(|_| is_journal(&sent.consumer));
    newest.filter(|newest| newest.state() == State::Open)
}

/// The last message of REDRIVE that a consumer is done with, and with all before it that were for it.
async fn handled_up_to(js: &JetStream, consumer: &str) -> anyhow::Result<u64> {
    if is_journal(consumer) {
        return position(js, consumer).await;
    }
    Ok(js.settled(REDRIVE, &redrive::durable(consumer)).await?.unwrap_or(0))
}

/// Whether that names a journal rather than a durable consumer.
pub(super) fn is_journal(consumer: &str) -> bool {
    STREAMS.iter().any(|stream| stream.name == consumer && stream.control.is_some())
}

/// The position in REDRIVE that a journal's last commit tells.
async fn position(js: &JetStream, journal: &str) -> anyhow::Result<u64> {
    let extent = broker::extent(js, journal).await?;
    let is_own = |subject: &str| STREAMS.iter().any(|def| def.name == journal && def.holds(subject));
    // It stands on the last message of each commit; foreign messages may stand behind it.
    for sequence in (extent.first..=extent.last).rev().take(2 * MAX_BATCH) {
        let message = js.get(journal, sequence).await?;
        let own = message.as_ref().filter(|message| is_own(&message.subject));
        let positions = own.and_then(|message| message.headers.get(POSITIONS));
        if let Some(positions) = positions.and_then(|text| text.parse::<Positions>().ok()) {
            return Ok(positions.get(REDRIVE));
        }
    }
    Ok(0)
}
