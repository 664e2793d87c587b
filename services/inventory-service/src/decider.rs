//! The rules of stock as the journal calls them: which inputs there are, and which rule answers each.

#[cfg(test)]
mod tests;

use events::{
    DecodeError, EventData, RawEnvelope, Timestamp, TraceId,
    inventory::InventoryEvent,
    orders::{OrderCancelled, OrderConfirmed, OrderCreated},
    requests::AdjustStock,
};
use messaging::journal::{Decider, InputStream, Meta};

use crate::domain::{Stock, Windows};

/// What the stock answers to.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Input {
    /// An order wants pieces set aside.
    Created(OrderCreated),
    /// An order is paid.
    Confirmed(OrderConfirmed),
    /// An order will not be delivered.
    Cancelled(OrderCancelled),
    /// Somebody wants the stock of a SKU changed.
    Adjust(AdjustStock),
}

const INPUTS: &[InputStream] = &[
    InputStream {
        stream: events::catalogue::ORDERS.name,
        subjects: &[OrderCreated::TYPE, OrderConfirmed::TYPE, OrderCancelled::TYPE],
    },
    InputStream { stream: events::catalogue::REQUESTS.name, subjects: &[AdjustStock::TYPE] },
];

/// Decides about stock.
///
/// The windows bound memory, and with it for how long a repetition is recognised. They are part of
/// the fold, so all replicas of the service have the same; different ones during a rolling change
/// do no harm beyond a repetition being recognised for the shorter time.
#[derive(Debug, Clone, Copy)]
pub struct InventoryDecider {
    windows: Windows,
}

impl InventoryDecider {
    /// A decider that remembers for so long.
    #[must_use]
    pub fn new(windows: Windows) -> Self {
        Self { windows }
    }
}

impl Decider for InventoryDecider {
    type State = Stock;
    type Input = Input;
    type Event = InventoryEvent;

    const STATE_VERSION: u32 = 1;

    fn inputs(&self) -> &'static [InputStream] {
        INPUTS
    }

    fn read_input(&self, raw: &RawEnvelope<'_>) -> Result<Input, DecodeError> {
        match raw.kind.as_ref() {
            OrderCreated::TYPE => raw.decode_as().map(Input::Created),
            OrderConfirmed::TYPE => raw.decode_as().map(Input::Confirmed),
            OrderCancelled::TYPE => raw.decode_as().map(Input::Cancelled),
            AdjustStock::TYPE => raw.decode_as().map(Input::Adjust),
            unknown => Err(DecodeError::UnknownType(unknown.to_owned())),
        }
    }

    fn read_event(&self, raw: &RawEnvelope<'_>) -> Result<InventoryEvent, DecodeError> {
        InventoryEvent::decode(raw)
    }

    fn decide(&self, stock: &Stock, input: &Input, _meta: &Meta) -> Vec<InventoryEvent> {
        let event = match input {
            Input::Created(order) => stock.on_created(order),
            Input::Confirmed(order) => stock.on_confirmed(order),
            Input::Cancelled(order) => stock.on_cancelled(order),
            Input::Adjust(wish) => stock.on_adjust(wish),
        };
        event.into_iter().collect()
    }

    /// Nothing: a reservation lives as long as its order, and the order's own journal expires that.
    fn tick(&self, _stock: &Stock, _now: Timestamp) -> Vec<(InventoryEvent, TraceId)> {
        Vec::new()
    }

    fn evolve(&self, stock: &mut Stock, event: &InventoryEvent, meta: &Meta) {
        stock.apply(event, meta.at, meta.put_back, self.windows);
    }
}
