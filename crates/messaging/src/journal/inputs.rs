//! The inputs of a journal's leader: one task per input stream reads ahead and decodes.

use std::sync::Arc;

use events::{RawEnvelope, Timestamp};
use tokio::{sync::mpsc, task::JoinSet};
use tracing::warn;
use uuid::Uuid;

use super::{Decider, Positions, contain::contain, control::Place};
use crate::{
    dead_letter::{Cause, ORIGINAL_SEQUENCE, ORIGINAL_STREAM, redrive},
    error_chain,
    log::{Log, Reader, Stored},
    topology::REDRIVE,
    trace::{self, TraceContext},
};

/// Messages read ahead at once, per input stream.
const READ: usize = 256;
/// Batches that may wait for the leader; beyond that the readers wait.
const AHEAD: usize = 8;

/// Where a journal's inputs come from.
pub(super) struct Source {
    pub(super) stream: &'static str,
    subjects: Vec<String>,
}

/// The inputs that the decider names, and those that were parked and put back for this journal.
pub(super) fn sources<D: Decider>(decider: &D, journal: &str) -> Vec<Source> {
    let named = decider.inputs().iter().map(|input| Source {
        stream: input.stream,
        subjects: input.subjects.iter().map(|&subject| subject.to_owned()).collect(),
    });
    let put_back = Source { stream: REDRIVE, subjects: vec![redrive::subject(journal)] };
    named.chain([put_back]).collect()
}

/// An input, decoded but not decided on.
pub(super) struct Input<I> {
    pub(super) stream: &'static str,
    pub(super) sequence: u64,
    /// Which input it was when it was parked, if it was put back.
    pub(super) original: Option<Place>,
    pub(super) content: Content<I>,
}

/// What an input turned out to be.
pub(super) enum Content<I> {
    /// Something to decide on.
    Decide { input: I, at: Timestamp, id: Uuid, trace: TraceContext, kind: String, aggregate: String },
    /// Not to be read; it goes to the dead letters.
    Unreadable { message: Box<Stored>, cause: Cause, error: String },
}

/// Reads every input stream of a decider from its position, until dropped.
pub(super) struct Inputs<I> {
    batches: mpsc::Receiver<Vec<Input<I>>>,
    /// The readers; dropping the set ends them.
    _readers: JoinSet<()>,
}

impl<I: Send + 'static> Inputs<I> {
    pub(super) fn open<L: Log, D: Decider<Input = I>>(
        log: &L,
        decider: &Arc<D>,
        journal: &'static str,
        positions: &Positions,
    ) -> Self {
        let (sender, batches) = mpsc::channel(AHEAD);
        let mut readers = JoinSet::new();
        for Source { stream, subjects } in sources(&**decider, journal) {
            let subjects: Vec<_> = subjects.iter().map(String::as_str).collect();
            let position = positions.get(stream);
            let mut reader = log.read(stream, &subjects, position);
            let (log, decider, sender) = (log.clone(), Arc::clone(decider), sender.clone());
            readers.spawn(async move {
                report_gap(&log, stream, position).await;
                loop {
                    let messages = reader.next_batch(READ).await;
                    let inputs = messages.into_iter().map(|message| decode(&*decider, stream, message));
                    if sender.send(inputs.collect()).await.is_err() {
                        break;
                    }
                }
            });
        }
        Self { batches, _readers: readers }
    }

    /// Waits for more. Cancel safe.
    pub(super) async fn next(&mut self) -> Vec<Input<I>> {
        match self.batches.recv().await {
            Some(batch) => batch,
            None => std::future::pending().await,
        }
    }
}

/// Says so if messages have aged out that came after the position. Those of other subjects never move it,
/// so this need not be a loss; whoever stopped the fleet for longer than the streams keep must know.
async fn report_gap<L: Log>(log: &L, stream: &str, position: u64) {
    if let Ok(extent) = log.extent(stream).await
        && extent.first > position + 1
    {
        let (from, to) = (position + 1, extent.first - 1);
        warn!(stream, from, to, "messages aged out; inputs among them were never decided on");
    }
}

fn decode<D: Decider>(decider: &D, stream: &'static str, message: Stored) -> Input<D::Input> {
    let sequence = message.sequence;
    let original = original(&message).filter(|_| stream == REDRIVE);
    let content = read(decider, stream, &message).unwrap_or_else(|(cause, error)| Content::Unreadable {
        message: Box::new(message),
        cause,
        error,
    });
    Input { stream, sequence, original, content }
}

fn original(message: &Stored) -> Option<Place> {
    let stream = message.headers.get(ORIGINAL_STREAM)?.to_owned();
    Some(Place { stream, sequence: message.headers.get(ORIGINAL_SEQUENCE)?.parse().ok()? })
}

fn read<D: Decider>(
    decider: &D,
    stream: &str,
    message: &Stored,
) -> Result<Content<D::Input>, (Cause, String)> {
    if stream == REDRIVE && original(message).is_none() {
        return Err((Cause::Undecodable, "it does not say where it stood before".to_owned()));
    }
    let undecodable = |error| (Cause::Undecodable, error_chain(&error));
    let raw = RawEnvelope::parse(&message.payload).map_err(undecodable)?;
    // What was put back stands under the journal's name; elsewhere a subject that is not the type is a lie,
    // and the other readers of the stream would not have seen it as what it says it is.
    if stream != REDRIVE && raw.kind != message.subject {
        return Err((Cause::Undecodable, format!("its type `{}` is not its subject", raw.kind)));
    }
    let input = contain(|| decider.read_input(&raw))
        .map_err(|panic| (Cause::Panicked, format!("reading it {panic}")))?
        .map_err(undecodable)?;
    Ok(Content::Decide {
        input,
        at: message.timestamp,
        id: raw.id,
        trace: trace::of_message(message, raw.trace_id),
        kind: raw.kind.into_owned(),
        aggregate: raw.aggregate_id.into_owned(),
    })
}
