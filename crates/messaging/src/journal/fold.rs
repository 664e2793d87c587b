//! The fold of a journal: its state, and what else follows from its messages.

use events::{DecodeError, RawEnvelope};

use super::{Decider, Meta, Positions, control::Control, parked::Parked};
use crate::{
    headers::{EPOCH, POSITIONS, PUT_BACK},
    log::Stored,
};

/// A journal folded up to a sequence.
#[derive(Clone)]
pub(super) struct Folded<S> {
    /// The decider's state.
    pub(super) state: S,
    /// How far the inputs are consumed.
    pub(super) positions: Positions,
    /// Inputs that were parked and not decided on since. Whatever else is put back was decided on.
    pub(super) parked: Parked,
    /// The epoch of the newest fence.
    pub(super) epoch: u64,
    /// Who set it.
    pub(super) writer: String,
    /// That writer has handed over.
    pub(super) handed_over: bool,
    /// The last sequence folded.
    pub(super) sequence: u64,
}

/// What a message of the stream is to the journal.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Folding {
    /// Written by the journal's writer; folded.
    Own,
    /// Written by somebody who is not the writer: no part of the journal, skipped.
    Foreign,
}

/// Why a journal's message could not be folded.
#[derive(Debug, thiserror::Error)]
pub(super) enum FoldError {
    /// Messages in between are missing: aged out before this process read them.
    #[error("messages {from} to {to} of the journal are missing")]
    Gap {
        /// First missing.
        from: u64,
        /// Last missing.
        to: u64,
    },
    /// A message of this journal that this version cannot read.
    #[error("message {sequence} of the journal cannot be read: {error}")]
    Unreadable {
        /// Which.
        sequence: u64,
        /// Why.
        error: DecodeError,
    },
}

impl<S: Default> Default for Folded<S> {
    fn default() -> Self {
        Self {
            state: S::default(),
            positions: Positions::default(),
            parked: Parked::default(),
            epoch: 0,
            writer: String::new(),
            handed_over: false,
            sequence: 0,
        }
    }
}

impl<S> Folded<S> {
    /// Folds the next message in, or skips it if the journal's writer did not write it.
    pub(super) fn apply<D: Decider<State = S>>(
        &mut self,
        decider: &D,
        control: &str,
        message: &Stored,
    ) -> Result<Folding, FoldError> {
        let next = self.sequence + 1;
        if message.sequence < next {
            return Ok(Folding::Own);
        }
        if message.sequence > next {
            return Err(FoldError::Gap { from: next, to: message.sequence - 1 });
        }
        let folding = self.fold(decider, control, message)?;
        self.sequence = message.sequence;
        Ok(folding)
    }

    fn fold<D: Decider<State = S>>(
        &mut self,
        decider: &D,
        control: &str,
        message: &Stored,
    ) -> Result<Folding, FoldError> {
        let epoch: Option<u64> = message.headers.get(EPOCH).and_then(|epoch| epoch.parse().ok());
        let begins_turn = message.subject == control && epoch == Some(self.epoch + 1);
        if epoch != Some(self.epoch) && !begins_turn || !is_under(control, &message.subject) {
            return Ok(Folding::Foreign);
        }
        let unreadable = |error| FoldError::Unreadable { sequence: message.sequence, error };
        let raw = RawEnvelope::parse(&message.payload).map_err(unreadable)?;
        if raw.kind != message.subject {
            return Ok(Folding::Foreign);
        }
        if raw.kind == control {
            self.apply_control(&Control::read(&raw).map_err(unreadable)?);
        } else {
            let event = decider.read_event(&raw).map_err(unreadable)?;
            let put_back = message.headers.get(PUT_BACK).is_some();
            let meta = Meta { id: raw.id, at: raw.timestamp, trace_id: raw.trace_id, put_back };
            decider.evolve(&mut self.state, &event, &meta);
        }
        if let Some(positions) = message.headers.get(POSITIONS).and_then(|header| header.parse().ok()) {
            self.positions = positions;
        }
        Ok(Folding::Own)
    }

    /// Takes note of a control message.
    pub(super) fn apply_control(&mut self, control: &Control) {
        match control {
            Control::Fence { instance, epoch } => {
                self.epoch = *epoch;
                self.writer.clone_from(instance);
                self.handed_over = false;
            }
            Control::HandOver { .. } => self.handed_over = true,
            Control::Checkpoint { .. } => {}
            Control::Parked { input, id, .. } => self.parked.insert(input.clone(), *id),
            Control::PutBack { input, id, .. } => {
                self.parked.remove(input);
                if let Some(id) = id {
                    self.parked.remove_copies(*id);
                }
            }
        }
    }
}

/// Whether a subject is one of the journal's own, by that of its control messages. The broker stores a copy in the
/// journal if somebody has it sent there, headers and all, but under the subject under which it was stored first; and
/// only the journal's writer may publish under those of the journal.
fn is_under(control: &str, subject: &str) -> bool {
    subject.split('.').next() == control.split('.').next()
}

#[cfg(test)]
mod tests {
    use events::{Timestamp, TraceId, requests::Request};

    use super::*;
    use crate::{
        headers::Headers,
        journal::{InputStream, Meta},
        log::Message,
    };

    const CONTROL: &str = "orders.control";

    /// Has no events: journals of control messages are all these tests need.
    struct Silent;

    impl Decider for Silent {
        type State = ();
        type Input = ();
        type Event = Request;

        const STATE_VERSION: u32 = 1;

        fn inputs(&self) -> &'static [InputStream] {
            &[]
        }

        fn read_input(&self, _raw: &RawEnvelope<'_>) -> Result<(), DecodeError> {
            Ok(())
        }

        fn read_event(&self, raw: &RawEnvelope<'_>) -> Result<Request, DecodeError> {
            Err(DecodeError::UnknownType(raw.kind.clone().into_owned()))
        }

        fn decide(&self, (): &(), (): &(), _meta: &Meta) -> Vec<Request> {
            Vec::new()
        }

        fn tick(&self, (): &(), _now: Timestamp) -> Vec<(Request, TraceId)> {
            Vec::new()
        }

        fn evolve(&self, (): &mut (), _event: &Request, _meta: &Meta) {}
    }

    fn stored(sequence: u64, Message { subject, headers, payload }: Message) -> Stored {
        Stored { sequence, timestamp: Timestamp::default(), subject, headers, payload }
    }

    fn fence(epoch: u64, sequence: u64) -> Stored {
        let fence = Control::Fence { instance: format!("replica-{epoch}"), epoch };
        stored(sequence, fence.message("ORDERS", CONTROL, sequence - 1, Timestamp::default()))
    }

    fn checkpoint(epoch: u64, sequence: u64) -> Stored {
        let checkpoint = Control::Checkpoint { epoch };
        let mut message = checkpoint.message("ORDERS", CONTROL, sequence - 1, Timestamp::default());
        message.headers.set(POSITIONS, format!("REQUESTS={sequence}"));
        stored(sequence, message)
    }

    fn fold(messages: &[Stored]) -> (Folded<()>, Vec<Result<Folding, FoldError>>) {
        let mut folded = Folded::default();
        let foldings = messages.iter().map(|message| folded.apply(&Silent, CONTROL, message)).collect();
        (folded, foldings)
    }

    #[test]
    fn a_fold_with_a_hole_is_no_fold() {
        let (folded, foldings) = fold(&[fence(1, 1), checkpoint(1, 2), checkpoint(1, 5)]);
        assert!(matches!(foldings[2], Err(FoldError::Gap { from: 3, to: 4 })), "{foldings:?}");
        assert_eq!((folded.sequence, folded.positions.get("REQUESTS")), (2, 2));
    }

    #[test]
    fn what_is_read_again_is_folded_once() {
        let (folded, _) = fold(&[fence(1, 1), checkpoint(1, 2), checkpoint(1, 3), checkpoint(1, 2)]);
        assert_eq!((folded.sequence, folded.positions.get("REQUESTS")), (3, 3));
    }

    /// What others have written, and had copied into the journal, stays what it was, whatever it says of itself.
    #[test]
    fn only_what_stands_under_a_subject_of_the_journal_is_its_own() {
        let under = |subject: &str, mut message: Stored| {
            message.subject = subject.to_owned();
            message
        };
        let mut nonsense = under("requests.order.place", checkpoint(1, 4));
        nonsense.payload = "{".into();
        let messages = [
            fence(1, 1),
            under("dead_letters.audit-service", checkpoint(1, 2)),
            under("orders.created", checkpoint(1, 3)),
            nonsense,
            under("ordersx.control", checkpoint(1, 5)),
            checkpoint(1, 6),
        ];
        let (folded, foldings) = fold(&messages);
        let foreign = foldings.iter().map(|folding| matches!(folding, Ok(Folding::Foreign)));
        assert_eq!(foreign.collect::<Vec<_>>(), [false, true, true, true, true, false], "{foldings:?}");
        assert_eq!(folded.positions.get("REQUESTS"), 6);
    }

    /// Whoever writes under an epoch that is over, or has not begun, or under none, is not the writer.
    #[test]
    fn only_the_newest_epoch_writes() {
        let mut nobody = checkpoint(2, 6);
        nobody.headers = Headers::new();
        let messages =
            [fence(1, 1), fence(2, 2), checkpoint(1, 3), fence(2, 4), fence(4, 5), nobody, checkpoint(2, 7)];
        let (folded, foldings) = fold(&messages);
        let foreign = |folding: &Result<_, _>| matches!(folding, Ok(Folding::Foreign));
        let foreign: Vec<_> = (1..).zip(&foldings).filter(|(_, f)| foreign(f)).map(|(n, _)| n).collect();
        assert_eq!(foreign, [3, 5, 6]);
        assert_eq!((folded.epoch, folded.sequence, folded.positions.get("REQUESTS")), (2, 7, 7));
    }
}
