//! The inputs of a journal's leader: one task per input stream reads ahead and decodes.

use std::sync::Arc;

use events::{DecodeError, RawEnvelope, Timestamp};
use tokio::{sync::mpsc, task::JoinSet};
use tracing::error;
use uuid::Uuid;

use super::{Decider, Positions};
use crate::{
    log::{Log, Reader, Stored},
    trace::{self, TraceContext},
};

/// Messages read ahead at once, per input stream.
const READ: usize = 256;
/// Batches that may wait for the leader; beyond that the readers wait.
const AHEAD: usize = 8;

/// An input, decoded but not decided on.
pub(super) struct Input<I> {
    pub(super) stream: &'static str,
    pub(super) sequence: u64,
    pub(super) content: Content<I>,
}

/// What an input turned out to be.
pub(super) enum Content<I> {
    /// Something to decide on.
    Decide { input: I, at: Timestamp, id: Uuid, trace: TraceContext, kind: String, aggregate: String },
    /// No business of this journal.
    Ignored,
    /// Not to be read; it goes to the dead letters.
    Undecodable { message: Box<Stored>, error: DecodeError },
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
        positions: &Positions,
    ) -> Self {
        let (sender, batches) = mpsc::channel(AHEAD);
        let mut readers = JoinSet::new();
        for source in decider.inputs() {
            let position = positions.get(source.stream);
            let mut reader = log.read(source.stream, source.subjects, position);
            let (log, decider, sender) = (log.clone(), Arc::clone(decider), sender.clone());
            readers.spawn(async move {
                report_gap(&log, source.stream, position).await;
                loop {
                    let messages = reader.next_batch(READ).await;
                    let inputs = messages.into_iter().map(|m| decode(&*decider, source.stream, m)).collect();
                    if sender.send(inputs).await.is_err() {
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

/// Says loudly if inputs have aged out before anybody decided on them.
async fn report_gap<L: Log>(log: &L, stream: &str, position: u64) {
    if let Ok(extent) = log.extent(stream).await
        && extent.first > position + 1
    {
        error!(stream, from = position + 1, to = extent.first - 1, "inputs aged out undecided");
    }
}

fn decode<D: Decider>(decider: &D, stream: &'static str, message: Stored) -> Input<D::Input> {
    let sequence = message.sequence;
    let decoded = RawEnvelope::parse(&message.payload).and_then(|raw| {
        let Some(input) = decider.read_input(&raw)? else { return Ok(Content::Ignored) };
        Ok(Content::Decide {
            input,
            at: message.timestamp,
            id: raw.id,
            trace: trace::of_message(&message, raw.trace_id),
            kind: raw.kind.into_owned(),
            aggregate: raw.aggregate_id.into_owned(),
        })
    });
    let content = decoded.unwrap_or_else(|error| Content::Undecodable { message: Box::new(message), error });
    Input { stream, sequence, content }
}
