//! The fenced commit: stores a journal's next messages if nobody else has written, and finds out for
//! certain whether it did.
//!
//! Every attempt expects the same last sequence, so a second copy can never be stored: it is safe to
//! send again whenever the outcome is unknown. If the broker then says that the stream has moved on, the
//! message right after the expected sequence tells who moved it: one of ours carries our commit id.

use std::time::Duration;

use tracing::{debug, error};
use uuid::Uuid;

use crate::{
    headers::COMMIT,
    log::{Log, Message, PublishError, Unavailable, patience::Doubling},
    metrics::Metrics,
};

/// First pause before an attempt without an answer is repeated.
const FIRST_PAUSE: Duration = Duration::from_millis(20);
/// The longest such pause.
const LAST_PAUSE: Duration = Duration::from_secs(1);

/// Somebody else has written to the journal: what was to be committed must be forgotten.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Lost;

/// Commits `messages` right after sequence `after`; gives the last sequence. Keeps trying for as long
/// as the broker is away or full, because what was decided must not be dropped for that.
pub(super) async fn commit<L: Log>(
    log: &L,
    journal: &'static str,
    mut messages: Vec<Message>,
    after: u64,
    metrics: &Metrics,
) -> Result<u64, Lost> {
    #[expect(clippy::disallowed_methods, reason = "a commit's identity is nobody's input")]
    let commit_id = Uuid::now_v7().simple().to_string();
    if let Some(first) = messages.first_mut() {
        first.headers.set(COMMIT, commit_id.clone());
    }
    let last = after + messages.len() as u64;
    let mut pauses = Doubling { next: FIRST_PAUSE, longest: LAST_PAUSE };
    loop {
        match log.publish_batch(&messages, Some(after)).await {
            Ok(_ack) => return Ok(last),
            Err(PublishError::WrongLastSequence) => {
                match written_by_us(log, journal, after, &commit_id).await {
                    Ok(true) => return Ok(last),
                    Ok(false) => return Err(Lost),
                    Err(unavailable) => debug!(journal, %unavailable, "cannot look yet who has written"),
                }
            }
            Err(PublishError::Unknown(what)) => {
                debug!(journal, what, "commit without an answer, sending again")
            }
            Err(
                refusal @ (PublishError::Full | PublishError::Refused(_) | PublishError::DuplicateInBatch),
            ) => {
                error!(journal, %refusal, "the journal cannot be written; nothing moves until it can");
                metrics.commit.refused(journal, &refusal);
                pauses.next = LAST_PAUSE;
            }
        }
        metrics.commit.retries.with_label_values(&[journal]).inc();
        pauses.pause().await;
    }
}

/// Whether the message right after `after` is the first of this commit. Asked of the stream's leader.
async fn written_by_us<L: Log>(
    log: &L,
    journal: &str,
    after: u64,
    commit_id: &str,
) -> Result<bool, Unavailable> {
    match log.get(journal, after + 1).await? {
        Some(message) => Ok(message.headers.get(COMMIT) == Some(commit_id)),
        // The stream has moved past it and it has aged out, or this replica has yet to catch up.
        None => match log.extent(journal).await? {
            extent if extent.first > after + 1 => Ok(false),
            // The stream was cut off or made anew: what is there now has to be read first.
            extent if extent.last < after => Ok(false),
            _ => Err(Unavailable("the message is not there yet".to_owned())),
        },
    }
}
