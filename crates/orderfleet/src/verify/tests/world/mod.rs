//! A fleet on paper: what it would have written down had it done this or that. The steps are single, so that a test
//! can leave one out or do one too many; the streams, the audit trail and the stock levels follow from them.

mod lives;
mod written;

use events::{
    Money, OrderId,
    catalogue::{INVENTORY, NOTIFICATIONS, ORDERS, PAYMENTS, REQUESTS, StreamDef},
    ids::derive,
    notifications::Template,
    orders::{CancelReason, Quantity},
    requests::StockChange,
};
use gateway_sim::{DeclineCode, Entry, Operation};
use messaging::journal::Control;
use uuid::Uuid;

pub(super) use written::audited;

use crate::verify::evidence::*;

/// What every order costs.
pub(super) const PRICE: i64 = 500;

/// A message of a stream, before its place is known.
#[derive(Clone)]
pub(super) struct Draft {
    pub(super) stream: &'static str,
    pub(super) id: Uuid,
    pub(super) cause: Uuid,
    pub(super) fact: Fact,
}

/// What has happened so far.
#[derive(Clone, Default)]
pub(super) struct World {
    pub(super) drafts: Vec<Draft>,
    pub(super) ledger: Vec<Entry>,
    pub(super) letters: Vec<DeadLetter>,
    pub(super) redriven: Vec<Redriven>,
    /// How far everybody is done with what was put back.
    pub(super) redriven_up_to: u64,
    orders: u64,
    messages: u64,
}

pub(super) fn euro(amount: i64) -> Money {
    Money { amount, currency: "EUR".parse().expect("a currency") }
}

/// What every order wants.
pub(super) fn lines() -> Vec<Quantity> {
    pieces(&[("A", 2), ("B", 1)])
}

pub(super) fn pieces(pieces: &[(&str, u32)]) -> Vec<Quantity> {
    pieces.iter().map(|(sku, quantity)| Quantity { sku: (*sku).to_owned(), quantity: *quantity }).collect()
}

/// The charge that an order is paid by.
pub(super) fn charge(order: OrderId) -> String {
    format!("ch_{order}")
}

impl World {
    /// Both journals have their first writer, and there is something in stock.
    pub(super) fn new() -> Self {
        let mut world = Self::default();
        for journal in [&ORDERS, &INVENTORY] {
            world.fence(journal, 1);
        }
        world.adjust("A", 100, 100);
        world.adjust("B", 100, 100);
        world
    }

    pub(super) fn push(&mut self, stream: &StreamDef, cause: Uuid, fact: impl Into<Fact>) -> Uuid {
        self.messages += 1;
        let id = derive(&["message", &self.messages.to_string()]);
        let fact = fact.into();
        // An adjustment's request bears its id, as a request does that is made under a key.
        let id = if let Fact::Adjust(wish) = &fact { wish.adjustment } else { id };
        self.drafts.push(Draft { stream: stream.name, id, cause, fact });
        id
    }

    pub(super) fn fence(&mut self, journal: &StreamDef, epoch: u64) {
        let fence = Control::Fence { instance: format!("writer-{epoch}"), epoch };
        self.push(journal, Uuid::nil(), Fact::Control(fence));
    }

    pub(super) fn next_order(&mut self) -> OrderId {
        self.orders += 1;
        OrderId(derive(&["order", &self.orders.to_string()]))
    }

    // Single steps.

    pub(super) fn placed(&mut self) -> OrderId {
        let order = self.next_order();
        self.place(order);
        order
    }

    pub(super) fn place(&mut self, order: OrderId) {
        self.push(&REQUESTS, Uuid::nil(), Place { order, total: euro(PRICE), lines: lines() });
    }

    pub(super) fn create(&mut self, order: OrderId) -> Uuid {
        self.push(&ORDERS, Uuid::nil(), Created { order, total: euro(PRICE), lines: lines() })
    }

    pub(super) fn reserve(&mut self, order: OrderId) -> Uuid {
        self.push(&INVENTORY, Uuid::nil(), Reserved { order, lines: lines() })
    }

    pub(super) fn reject(&mut self, order: OrderId) {
        self.push(&INVENTORY, Uuid::nil(), Rejected { order, short: true });
    }

    pub(super) fn book(&mut self, order: &str, id: &str, amount: i64, operation: Operation) {
        let seq = self.ledger.len() as u64 + 1;
        self.ledger.push(Entry {
            seq,
            time_ms: 1,
            id: id.to_owned(),
            idempotency_key: order.to_owned(),
            order_id: order.to_owned(),
            customer_id: None,
            amount,
            currency: "EUR".to_owned(),
            operation,
        });
    }

    /// The gateway takes the money.
    pub(super) fn take(&mut self, order: OrderId, charge: &str, amount: i64) {
        let operation = Operation::Capture { payment_method: "tok_visa".to_owned() };
        self.book(&order.to_string(), charge, amount, operation);
    }

    /// The payment service says so.
    pub(super) fn captured(&mut self, order: OrderId, charge: &str, amount: i64) -> Uuid {
        self.push(&PAYMENTS, Uuid::nil(), Captured { order, charge: charge.to_owned(), amount: euro(amount) })
    }

    pub(super) fn capture(&mut self, order: OrderId) {
        self.take(order, &charge(order), PRICE);
        self.captured(order, &charge(order), PRICE);
    }

    pub(super) fn decline(&mut self, order: OrderId) {
        let operation =
            Operation::Decline { payment_method: "tok".to_owned(), code: DeclineCode::CardDeclined };
        self.book(&order.to_string(), &format!("de_{order}"), PRICE, operation);
        self.push(&PAYMENTS, Uuid::nil(), Declined { order });
    }

    pub(super) fn confirm(&mut self, order: OrderId) -> Uuid {
        self.push(&ORDERS, Uuid::nil(), Confirmed { order, total: euro(PRICE), charge: charge(order) })
    }

    pub(super) fn commit(&mut self, order: OrderId) {
        self.push(&INVENTORY, Uuid::nil(), Committed { order, lines: lines() });
    }

    pub(super) fn wish_cancel(&mut self, order: OrderId) -> Uuid {
        self.push(&REQUESTS, Uuid::nil(), Cancel { order })
    }

    pub(super) fn cancel(&mut self, order: OrderId, cause: Uuid, reason: CancelReason) -> Uuid {
        self.push(&ORDERS, cause, Cancelled { order, reason, returned: Vec::new() })
    }

    pub(super) fn release(&mut self, order: OrderId, returned: bool) {
        self.push(&INVENTORY, Uuid::nil(), Released { order, lines: lines(), returned });
    }

    pub(super) fn ask_refund(&mut self, order: OrderId) {
        self.push(
            &ORDERS,
            Uuid::nil(),
            RefundRequested { order, charge: charge(order), amount: euro(PRICE) },
        );
    }

    /// The gateway gives money back.
    pub(super) fn give_back(&mut self, order: OrderId, amount: i64) {
        let operation = Operation::Refund { charge: charge(order) };
        self.book(&order.to_string(), &format!("re_{order}"), amount, operation);
    }

    /// The payment service says so.
    pub(super) fn refunded(&mut self, order: OrderId) -> Uuid {
        let (charge, refund) = (charge(order), format!("re_{order}"));
        self.push(&PAYMENTS, Uuid::nil(), Refunded { order, charge, refund, amount: euro(PRICE) })
    }

    pub(super) fn notify(&mut self, order: OrderId, about: Uuid, template: Template) -> Uuid {
        self.push(&NOTIFICATIONS, about, Notified { order, about, template, sent: true })
    }

    pub(super) fn wish_adjustment(&mut self, sku: &str, change: StockChange) -> Uuid {
        let adjustment = derive(&["adjustment", &self.messages.to_string()]);
        self.push(&REQUESTS, Uuid::nil(), Adjust { adjustment, sku: sku.to_owned(), change })
    }

    /// Stock is asked for, and comes.
    pub(super) fn adjust(&mut self, sku: &str, delta: i64, on_hand: u64) {
        let adjustment = self.wish_adjustment(sku, StockChange::By(delta));
        self.push(&INVENTORY, adjustment, Adjusted { sku: sku.to_owned(), adjustment, delta, on_hand });
    }

    /// The one message that fits.
    pub(super) fn find(&mut self, fits: impl Fn(&Draft) -> bool) -> &mut Draft {
        let mut found = self.drafts.iter_mut().filter(|draft| fits(draft));
        match (found.next(), found.next()) {
            (Some(draft), None) => draft,
            _ => panic!("not exactly one message fits"),
        }
    }
}
