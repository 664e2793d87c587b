//! Evidence: what the fleet has written down, as plain data, reduced to what the checks need.

use std::collections::BTreeMap;

use events::{
    Money, OrderId, Timestamp,
    notifications::Template,
    orders::{CancelReason, Quantity},
};
use messaging::journal::Control;
use uuid::Uuid;

/// Everything that is looked at to judge a fleet.
#[derive(Debug, Clone, Default)]
pub struct Evidence {
    /// The five domain streams by name, as far as they existed at the cut.
    pub streams: BTreeMap<String, StreamEvidence>,
    /// Messages that were given up.
    pub dead_letters: Vec<DeadLetter>,
    /// The card gateway's ledger, in its order.
    pub ledger: Vec<gateway_sim::Entry>,
    /// The audit trail.
    pub audit: AuditEvidence,
    /// What the inventory service says it has, if it was asked.
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
    /// A hash of the body, to compare it with a copy.
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
}

/// What a message says, without what no check looks at.
#[derive(Debug, Clone)]
#[expect(missing_docs, reason = "each names the event type it holds; the payloads are documented")]
pub enum Fact {
    Place(Place),
    Cancel(Cancel),
    Adjust(Adjust),
    Created(Created),
    Confirmed(Confirmed),
    Cancelled(Cancelled),
    RefundRequested(RefundRequested),
    CancelRefused(CancelRefused),
    Reserved(Reserved),
    Rejected(Rejected),
    Committed(Committed),
    Released(Released),
    Adjusted(Adjusted),
    AdjustRefused(AdjustRefused),
    Captured(Captured),
    Declined(Declined),
    Refunded(Refunded),
    Notified(Notified),
    Control(Control),
    Unreadable(Unreadable),
}

macro_rules! facts {
    ($($(#[$doc:meta])* $name:ident { $($(#[$field_doc:meta])* $field:ident: $kind:ty),+ $(,)? })+) => {
        $(
            $(#[$doc])*
            #[derive(Debug, Clone)]
            pub struct $name { $($(#[$field_doc])* pub $field: $kind,)+ }

            impl From<$name> for Fact {
                fn from(fact: $name) -> Self {
                    Self::$name(fact)
                }
            }
        )+
    };
}

facts! {
    /// `requests.order.place`
    Place {
        /// The order.
        order: OrderId,
    }
    /// `requests.order.cancel`
    Cancel {
        /// The order.
        order: OrderId,
    }
    /// `requests.stock.adjust`
    Adjust {
        /// The adjustment.
        adjustment: Uuid,
        /// What.
        sku: String,
    }
    /// `orders.created`
    Created {
        /// The order.
        order: OrderId,
        /// What it costs.
        total: Money,
        /// What is wanted.
        lines: Vec<Quantity>,
    }
    /// `orders.confirmed`
    Confirmed {
        /// The order.
        order: OrderId,
        /// What was paid.
        total: Money,
        /// By which charge.
        charge: String,
    }
    /// `orders.cancelled`
    Cancelled {
        /// The order.
        order: OrderId,
        /// Why.
        reason: CancelReason,
        /// What had been sold and comes back.
        returned: Vec<Quantity>,
    }
    /// `orders.refund_requested`
    RefundRequested {
        /// The order.
        order: OrderId,
        /// The charge to give back.
        charge: String,
        /// How much.
        amount: Money,
    }
    /// `orders.cancel_refused`
    CancelRefused {
        /// The order.
        order: OrderId,
    }
    /// `inventory.reserved`
    Reserved {
        /// The order.
        order: OrderId,
        /// What is set aside.
        lines: Vec<Quantity>,
    }
    /// `inventory.rejected`
    Rejected {
        /// The order.
        order: OrderId,
    }
    /// `inventory.committed`
    Committed {
        /// The order.
        order: OrderId,
        /// What was sold.
        lines: Vec<Quantity>,
    }
    /// `inventory.released`
    Released {
        /// The order.
        order: OrderId,
        /// What is free again.
        lines: Vec<Quantity>,
        /// Whether it had been sold.
        returned: bool,
    }
    /// `inventory.adjusted`
    Adjusted {
        /// What.
        sku: String,
        /// Which request did it.
        adjustment: Uuid,
        /// By how many pieces.
        delta: i64,
        /// Pieces on hand afterwards.
        on_hand: u64,
    }
    /// `inventory.adjust_refused`
    AdjustRefused {
        /// Which request.
        adjustment: Uuid,
    }
    /// `payments.captured`
    Captured {
        /// The order.
        order: OrderId,
        /// The gateway's id of the charge.
        charge: String,
        /// What was taken.
        amount: Money,
    }
    /// `payments.declined`
    Declined {
        /// The order.
        order: OrderId,
    }
    /// `payments.refunded`
    Refunded {
        /// The order.
        order: OrderId,
        /// The charge given back.
        charge: String,
        /// The gateway's id of the refund.
        refund: String,
        /// What went back.
        amount: Money,
    }
    /// `notifications.sent` and `notifications.failed`
    Notified {
        /// The order.
        order: OrderId,
        /// The event that made it necessary.
        about: Uuid,
        /// What the customer was told about.
        template: Template,
        /// Whether the channel took it.
        sent: bool,
    }
    /// A body that is no event of its stream.
    Unreadable {
        /// Where it was published to.
        subject: String,
        /// What is wrong with it.
        error: String,
    }
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
}

/// The audit trail, and what its own proof says.
#[derive(Debug, Clone, Default)]
pub struct AuditEvidence {
    /// What it holds of each stream, by sequence.
    pub streams: BTreeMap<String, Vec<AuditRow>>,
    /// What is wrong with its chain of hashes; empty when it verifies.
    pub broken_chain: Vec<String>,
}

/// One event in the audit trail.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct AuditRow {
    /// Its place in its stream.
    pub sequence: u64,
    /// The event's id, where the body has one.
    pub id: Option<Uuid>,
    /// A hash of the body as the trail holds it, as in [`Recorded::body`].
    pub body: Option<u64>,
}

/// What the inventory service says it has.
#[derive(Debug, Clone, Default)]
pub struct StockEvidence {
    /// The last sequence of INVENTORY both before and after it was asked.
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
    /// The hash by which bodies are compared.
    #[must_use]
    pub fn hash_of(body: &[u8]) -> u64 {
        use std::hash::{DefaultHasher, Hasher};
        let mut hasher = DefaultHasher::new();
        hasher.write(body);
        hasher.finish()
    }
}
