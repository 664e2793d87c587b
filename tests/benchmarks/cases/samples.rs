//! An order of three lines, as it stands in the messages of its life.

use std::borrow::Cow;

use events::{
    Currency, Envelope, EventData, Money, OrderId, Timestamp, TraceId,
    orders::{Line, OrderCreated},
};
use messaging::journal::Meta;
use uuid::Uuid;

/// When the first order was placed.
const START: Timestamp = Timestamp(1_787_565_600_000_001);
const TRACE: TraceId = TraceId([0x5a; 16]);

/// The id of the order with this number: spread as derived ids are.
pub(super) fn order_id(number: u64) -> OrderId {
    let spread = 0x9e37_79b9_7f4a_7c15_f39c_c060_5ced_c835_u128;
    OrderId(Uuid::from_u128(u128::from(number + 1).wrapping_mul(spread)))
}

/// The SKU with this number.
pub(super) fn sku(number: usize) -> String {
    format!("SKU-{number:05}")
}

/// What the order with this number costs.
pub(super) fn total() -> Money {
    #[expect(clippy::expect_used, reason = "the euro is in circulation")]
    let currency = "EUR".parse::<Currency>().expect("a currency");
    Money { amount: 4_497, currency }
}

/// An order exists.
pub(super) fn created(number: u64) -> OrderCreated {
    let lines = (0..3).map(|line| Line { sku: sku(7 + 300 * line), quantity: 1, unit_price: 1_499 });
    OrderCreated {
        order_id: order_id(number),
        customer_id: "customer-100017".to_owned(),
        lines: lines.collect(),
        total: total(),
        payment_method: "pm_card_visa_4242".to_owned(),
        fingerprint: "5e884898da28047151d0e56f8dc6292773603d0d6aabbdd62a11ef721d1542d8".to_owned(),
    }
}

/// An event in its envelope.
pub(super) fn envelope<D: EventData>(data: D) -> Envelope<'static, D> {
    Envelope {
        id: Uuid::from_u128(0x0198_c0de_7a11_7c3e_9b5d_2f6a_1e8d_4c70),
        kind: Cow::Borrowed(D::TYPE),
        version: D::VERSION,
        aggregate_id: Cow::Owned(data.aggregate_id()),
        timestamp: START,
        trace_id: TRACE,
        causation_id: Uuid::from_u128(0x0198_c0de_7a11_7c3e_9b5d_2f6a_1e8d_4c71),
        data,
    }
}

/// What is known of a message that happened so many seconds after the first one.
pub(super) fn meta(seconds: u64) -> Meta {
    let at = START.after(std::time::Duration::from_secs(seconds));
    Meta { id: Uuid::from_u128(seconds.into()), at, trace_id: TRACE, put_back: false }
}
