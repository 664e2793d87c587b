//! What events say about an order's row: changes that can be made in any order between the streams.
//!
//! Events of one order come from three streams whose readers know nothing of each other, so a change
//! never says "now it is this". It says "it has come at least this far", "this much was added", "this is
//! a fact": the row is the same whichever stream was read first. What workers tell may be told again when the broker has
//! forgotten the event's id, so of that nothing is added without a name.

use std::collections::BTreeMap;

use events::{
    Money, OrderId, Timestamp, TraceId,
    inventory::StockReserved,
    orders::{OrderCancelled, OrderConfirmed, OrderCreated, RefundRequested},
    payments::PaymentRefunded,
};

/// How far an order has come. Later ones win; that a confirmed order may still be cancelled, but no
/// cancelled one confirmed, makes the order of these variants the order of life.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Default)]
pub enum Stage {
    /// Nothing is known of it yet but what came in advance.
    #[default]
    Unknown = 0,
    /// It waits for its stock.
    AwaitingStock = 1,
    /// It waits for its payment.
    AwaitingPayment = 2,
    /// It is paid and will be delivered.
    Confirmed = 3,
    /// It will not be delivered.
    Cancelled = 4,
}

impl Stage {
    /// The number in the database.
    #[must_use]
    pub fn number(self) -> i64 {
        self as i64
    }

    /// Reads it back; a number that no release has written means nothing is known.
    #[must_use]
    pub fn from_number(number: i64) -> Self {
        [Self::AwaitingStock, Self::AwaitingPayment, Self::Confirmed, Self::Cancelled]
            .into_iter()
            .find(|stage| stage.number() == number)
            .unwrap_or_default()
    }

    /// Whether nobody needs to wait for it any longer.
    #[must_use]
    pub fn is_settled(self) -> bool {
        self >= Self::Confirmed
    }
}

/// What is known of an order from its creation.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Created {
    /// The sequence of `orders.created`: the place in the list of all orders.
    pub place: u64,
    /// Who buys.
    pub customer_id: String,
    /// The lines as JSON.
    pub lines: String,
    /// What it costs.
    pub total: Money,
    /// SHA-256 over the content in hex.
    pub fingerprint: String,
    /// When.
    pub at: Timestamp,
    /// The trace of the order's whole life.
    pub trace_id: TraceId,
}

/// Why an order was cancelled.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Cancelled {
    /// The reason's spelling in the contract.
    pub reason: &'static str,
    /// More about it.
    pub detail: Option<String>,
}

/// Everything some events say about one order.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Change {
    /// It has come at least this far.
    pub stage: Stage,
    /// It was created.
    pub created: Option<Created>,
    /// It was cancelled.
    pub cancelled: Option<Cancelled>,
    /// The charge that paid it, or has to go back.
    pub charge_id: Option<String>,
    /// Minor units that have to go back, in addition to what was known.
    pub refund_due: i64,
    /// Money that went back: minor units by the gateway's id of the refund. It may have been told before.
    pub refunds: BTreeMap<String, i64>,
    /// When the last of the events happened.
    pub at: Timestamp,
    /// How many events there were.
    pub events: i64,
}

/// One event as far as it matters here.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Fact {
    /// An order exists.
    Created(OrderCreated),
    /// Its stock is set aside.
    Reserved(StockReserved),
    /// It is paid.
    Confirmed(OrderConfirmed),
    /// It will not be delivered.
    Cancelled(OrderCancelled),
    /// Money has to go back.
    RefundRequested(RefundRequested),
    /// Money went back.
    Refunded(PaymentRefunded),
}

/// Where a fact comes from.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Origin {
    /// Its sequence in its stream.
    pub(crate) sequence: u64,
    /// When it happened.
    pub(crate) at: Timestamp,
    /// Its trace.
    pub(crate) trace_id: TraceId,
}

impl Fact {
    /// The order it is about.
    #[must_use]
    pub fn order_id(&self) -> OrderId {
        match self {
            Self::Created(created) => created.order_id,
            Self::Reserved(reserved) => reserved.order_id,
            Self::Confirmed(confirmed) => confirmed.order_id,
            Self::Cancelled(cancelled) => cancelled.order_id,
            Self::RefundRequested(refund) => refund.order_id,
            Self::Refunded(refunded) => refunded.order_id,
        }
    }

    /// The outcome of its order that it is; `None` if it is none.
    #[must_use]
    pub fn outcome(&self) -> Option<&'static str> {
        match self {
            Self::Confirmed(_) => Some("confirmed"),
            Self::Cancelled(_) => Some("cancelled"),
            Self::Created(_) | Self::Reserved(_) | Self::RefundRequested(_) | Self::Refunded(_) => None,
        }
    }
}

impl Change {
    /// Adds what a fact says.
    pub(crate) fn note(&mut self, fact: Fact, origin: Origin) {
        self.at = self.at.max(origin.at);
        self.events += 1;
        match fact {
            Fact::Created(created) => self.create(created, origin),
            Fact::Reserved(_) => self.reach(Stage::AwaitingPayment),
            Fact::Confirmed(confirmed) => {
                self.reach(Stage::Confirmed);
                self.charge_id.get_or_insert(confirmed.charge_id);
            }
            Fact::Cancelled(cancelled) => {
                self.reach(Stage::Cancelled);
                let OrderCancelled { reason, detail, .. } = cancelled;
                let reason = reason.as_str();
                self.cancelled.get_or_insert(Cancelled { reason, detail });
            }
            Fact::RefundRequested(refund) => {
                self.refund_due = self.refund_due.saturating_add(refund.amount.amount);
                self.charge_id.get_or_insert(refund.charge_id);
            }
            Fact::Refunded(refunded) => {
                self.refunds.insert(refunded.refund_id, refunded.amount.amount);
            }
        }
    }

    fn reach(&mut self, stage: Stage) {
        self.stage = self.stage.max(stage);
    }

    fn create(&mut self, created: OrderCreated, origin: Origin) {
        self.reach(Stage::AwaitingStock);
        #[expect(clippy::expect_used, reason = "plain structs of strings and numbers always serialise")]
        let lines = serde_json::to_string(&created.lines).expect("lines serialise");
        self.created.get_or_insert(Created {
            place: origin.sequence,
            customer_id: created.customer_id,
            lines,
            total: created.total,
            fingerprint: created.fingerprint,
            at: origin.at,
            trace_id: origin.trace_id,
        });
    }
}
