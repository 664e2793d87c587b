//! The life of an order as the journal calls it: which inputs there are, and which rule answers each.

#[cfg(test)]
mod tests;

use events::{
    DecodeError, EventData, RawEnvelope, Timestamp, TraceId,
    inventory::StockRejected,
    orders::OrderEvent,
    payments::{PaymentCaptured, PaymentDeclined},
    requests::{CancelOrder, PlaceOrder},
};
use messaging::journal::{Decider, InputStream, Meta};

use crate::domain::{Orders, Windows};

/// How many orders expire per tick at most, which is what one tick may decide: a backlog of them is worked off in steps,
/// between which other inputs have their turn.
const EXPIRE_PER_TICK: usize = messaging::journal::MAX_EVENTS;

/// What the orders answer to.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Input {
    /// A customer wants to buy.
    Place(PlaceOrder),
    /// Somebody wants an order cancelled.
    Cancel(CancelOrder),
    /// The stock does not suffice.
    Rejected(StockRejected),
    /// Money was taken.
    Captured(PaymentCaptured),
    /// The card was declined.
    Declined(PaymentDeclined),
}

/// That stock is reserved or money went back changes no decision: those events are not read here.
const INPUTS: &[InputStream] = &[
    InputStream {
        stream: events::catalogue::REQUESTS.name,
        subjects: &[PlaceOrder::TYPE, CancelOrder::TYPE],
    },
    InputStream { stream: events::catalogue::INVENTORY.name, subjects: &[StockRejected::TYPE] },
    InputStream {
        stream: events::catalogue::PAYMENTS.name,
        subjects: &[PaymentCaptured::TYPE, PaymentDeclined::TYPE],
    },
];

/// Decides about orders.
///
/// The windows are part of the fold, so all replicas of the service have the same. A changed one holds
/// for orders that change from then on.
#[derive(Debug, Clone, Copy)]
pub struct OrderDecider {
    windows: Windows,
}

impl OrderDecider {
    /// A decider with these windows.
    #[must_use]
    pub fn new(windows: Windows) -> Self {
        Self { windows }
    }
}

impl Decider for OrderDecider {
    type State = Orders;
    type Input = Input;
    type Event = OrderEvent;

    const STATE_VERSION: u32 = 2;
    const READS_FROM: u32 = 1;

    fn inputs(&self) -> &'static [InputStream] {
        INPUTS
    }

    fn read_input(&self, raw: &RawEnvelope<'_>) -> Result<Input, DecodeError> {
        match raw.kind.as_ref() {
            PlaceOrder::TYPE => raw.decode_as().map(Input::Place),
            CancelOrder::TYPE => raw.decode_as().map(Input::Cancel),
            StockRejected::TYPE => raw.decode_as().map(Input::Rejected),
            PaymentCaptured::TYPE => raw.decode_as().map(Input::Captured),
            PaymentDeclined::TYPE => raw.decode_as().map(Input::Declined),
            unknown => Err(DecodeError::UnknownType(unknown.to_owned())),
        }
    }

    fn read_event(&self, raw: &RawEnvelope<'_>) -> Result<OrderEvent, DecodeError> {
        OrderEvent::decode(raw)
    }

    fn decide(&self, orders: &Orders, input: &Input, meta: &Meta) -> Vec<OrderEvent> {
        match input {
            Input::Place(wish) => orders.on_place(wish),
            Input::Cancel(wish) => orders.on_cancel(wish, meta.at, self.windows),
            Input::Rejected(rejected) => orders.on_rejected(rejected),
            Input::Captured(captured) => orders.on_captured(captured),
            Input::Declined(declined) => orders.on_declined(declined),
        }
    }

    fn tick(&self, orders: &Orders, now: Timestamp) -> Vec<(OrderEvent, TraceId)> {
        orders.expire(now, EXPIRE_PER_TICK)
    }

    fn evolve(&self, orders: &mut Orders, event: &OrderEvent, meta: &Meta) {
        orders.apply(event, meta.at, meta.put_back, meta.trace_id, self.windows);
    }
}
