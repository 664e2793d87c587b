//! Evidence: what the fleet has written down, as plain data, reduced to what the checks need.

mod fact;

use std::collections::BTreeMap;

use events::{OrderId, Timestamp};
use messaging::{dead_letter, topology};
use sha2::{Digest, Sha256};
use uuid::Uuid;

pub use fact::*;

/// Everything that is looked at to judge a fleet.
#[derive(Debug, Clone, Default)]
pub struct Evidence {
    /// The five domain streams by name, as far as they existed at the cut.
    pub streams: BTreeMap<String, StreamEvidence>,
    /// The streams beside them that the audit trail holds too, by name: one each of [`BESIDE`], as far as read.
    pub beside: BTreeMap<String, Beside>,
    /// Messages that were given up, each once, and what operators did about them.
    pub dead_letters: Vec<DeadLetter>,
    /// What operators have put back.
    pub redriven: Vec<Redriven>,
    /// How far each worker's consumer is done with what was put back for it: a sequence in REDRIVE. How far a journal
    /// is, its own positions tell.
    pub handled: BTreeMap<String, u64>,
    /// The card gateway's ledger, in its order.
    pub ledger: Vec<gateway_sim::Entry>,
    /// The audit trail.
    pub audit: AuditEvidence,
    /// What the inventory service says it has; `None` when it was not asked, or stock moved all the while.
    pub stock: Option<StockEvidence>,
    /// When the evidence was taken; ages are counted from here.
    pub as_of: Timestamp,
}

/// One stream up to the cut.
#[derive(Debug, Clone, Default)]
pub struct StreamEvidence {
    /// The oldest sequence that was still there; above 1 when older messages have aged out.
    pub first: u64,
    /// The newest sequence of the cut; 0 in a stream that never had a message.
    pub last: u64,
    /// The messages from `first` to `last`, in order.
    pub messages: Vec<Recorded>,
}

/// The streams that the audit trail holds beside those of the domain: what was given up, what was put back, and what
/// the broker reports.
pub const BESIDE: [&str; 3] = [dead_letter::STREAM, topology::REDRIVE, topology::ADVISORIES];

/// A stream of [`BESIDE`] up to the cut: no more of its messages than is compared with the trail.
#[derive(Debug, Clone, Default)]
pub struct Beside {
    /// The newest sequence of the cut; 0 in a stream that never had a message.
    pub last: u64,
    /// What the trail must hold of it.
    pub rows: Vec<AuditRow>,
}

/// One message of a stream.
#[derive(Debug, Clone)]
pub struct Recorded {
    /// Its place in the stream.
    pub sequence: u64,
    /// When the stream stored it.
    pub at: Timestamp,
    /// The event's own id; nil when the body is no event.
    pub id: Uuid,
    /// What caused it.
    pub cause: Uuid,
    /// The epoch of the journal's writer.
    pub epoch: Option<u64>,
    /// How far the journal had consumed its inputs, on the last message of a commit.
    pub reached: Option<Box<Reached>>,
    /// [`Recorded::hash_of`] its body, to compare it with a copy.
    pub body: u64,
    /// What it says.
    pub fact: Fact,
}

/// Positions in the input streams of a journal.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Reached {
    /// In REQUESTS.
    pub requests: u64,
    /// In ORDERS.
    pub orders: u64,
    /// In INVENTORY.
    pub inventory: u64,
    /// In PAYMENTS.
    pub payments: u64,
    /// In REDRIVE.
    pub redrive: u64,
}

/// A message that was given up.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub struct DeadLetter {
    /// The stream the message stands in.
    pub stream: String,
    /// Its sequence there.
    pub sequence: u64,
    /// Who gave it up: a durable consumer or a journal.
    pub consumer: String,
    /// Why, in one word.
    pub cause: String,
    /// Why, in more words.
    pub error: String,
    /// Its number: its own sequence among the dead letters.
    pub letter: u64,
    /// What an operator has done about it.
    pub standing: Standing,
}

/// What an operator has done about a dead letter.
#[derive(Debug, Clone, Default, PartialEq, Eq, PartialOrd, Ord)]
pub enum Standing {
    /// Nothing yet.
    #[default]
    Open,
    /// Put it back: the sequences in REDRIVE, oldest first. If it was given up again, there is a letter about that.
    Redriven(Vec<u64>),
    /// Written it off.
    Discarded,
}

/// A message that an operator has put back.
#[derive(Debug, Clone)]
pub struct Redriven {
    /// The message as it stands in REDRIVE.
    pub message: Recorded,
    /// For whom: a durable consumer or a journal.
    pub consumer: String,
    /// The dead letter it comes from.
    pub letter: u64,
}

/// The audit trail, and what its own proof says.
#[derive(Debug, Clone, Default)]
pub struct AuditEvidence {
    /// What it holds of each stream, by sequence.
    pub streams: BTreeMap<String, Vec<AuditRow>>,
    /// What its own proof finds wrong with it; empty when its chain of hashes verifies.
    pub flaws: Vec<TrailFlaw>,
}

/// One message as the audit trail holds it, or as it must.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct AuditRow {
    /// Its place in its stream.
    pub sequence: u64,
    /// [`Recorded::hash_of`] its body.
    pub body: u64,
}

/// Something that was done to the audit trail.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct TrailFlaw {
    /// Where: `STREAM:sequence`, or the trail as a whole.
    pub place: String,
    /// What.
    pub what: String,
}

/// What the inventory service says it has.
#[derive(Debug, Clone, Default)]
pub struct StockEvidence {
    /// The sequence of INVENTORY that the levels are the outcome of; not beyond the cut.
    pub at: u64,
    /// Pieces on hand and set aside, by SKU.
    pub levels: BTreeMap<String, Level>,
}

/// Pieces of one SKU.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Level {
    /// On the shelf, set aside or not.
    pub on_hand: i64,
    /// Set aside for open orders.
    pub reserved: i64,
}

/// What is expected beyond the promise itself.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Expectations {
    /// Nothing may be open any more.
    pub complete: bool,
    /// Which dead letters there should be.
    pub dead_letters: ExpectedDeadLetters,
    /// Orders of which callers were told that they are accepted. Whoever has placed some knows; none may be missing.
    pub accepted: Vec<OrderId>,
}

/// Which dead letters there should be.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum ExpectedDeadLetters {
    /// So many, whichever they are.
    Count(usize),
    /// Those of these messages: stream and sequence.
    Of(Vec<(String, u64)>),
}

impl Default for ExpectedDeadLetters {
    fn default() -> Self {
        Self::Count(0)
    }
}

impl Evidence {
    /// The messages of a stream; none when it is not part of the evidence.
    #[must_use]
    pub fn messages(&self, stream: &str) -> &[Recorded] {
        self.streams.get(stream).map_or(&[], |evidence| &evidence.messages)
    }
}

impl Recorded {
    /// The hash by which bodies are compared: the first eight bytes of the SHA-256.
    #[must_use]
    pub fn hash_of(body: &[u8]) -> u64 {
        let digest = Sha256::digest(body);
        digest.iter().take(8).fold(0, |hash, byte| hash << 8 | u64::from(*byte))
    }
}
