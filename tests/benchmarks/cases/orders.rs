//! The order service: from a caller's JSON to the fold of its journal.

use std::hint::black_box;

use events::{
    orders::{OrderConfirmed, OrderEvent},
    payments::PaymentCaptured,
    requests::PlaceOrder,
};
use messaging::journal::Decider;
use order_service::{
    decider::{Input, OrderDecider},
    domain::{Orders, Windows},
    intake::read_order,
};

use super::{Work, samples};

/// Orders in the book that is decided on.
const BOOK: u64 = 1_000;
/// Between two orders that are folded: few are remembered at once, so that the book soon forgets as many as it takes in.
const SECONDS_APART: u64 = 5;

pub(super) fn intake() -> Work {
    let order = samples::created(1);
    let body = serde_json::json!({
        "customer_id": order.customer_id, "currency": "EUR", "lines": order.lines,
        "payment_method": order.payment_method,
    });
    let body = body.to_string().into_bytes();
    Box::new(move || {
        let read = read_order(black_box(&body)).map(|content| content.fingerprint());
        assert!(black_box(read).is_ok());
    })
}

pub(super) fn place() -> Work {
    let order = samples::created(BOOK);
    decide(Input::Place(PlaceOrder {
        order_id: order.order_id,
        customer_id: order.customer_id,
        lines: order.lines,
        total: order.total,
        payment_method: order.payment_method,
        fingerprint: order.fingerprint,
    }))
}

pub(super) fn capture() -> Work {
    let order_id = samples::order_id(BOOK / 2);
    decide(Input::Captured(PaymentCaptured { order_id, charge_id: charge_id(), amount: samples::total() }))
}

fn decide(input: Input) -> Work {
    let (decider, mut orders) = (OrderDecider::new(Windows::DEFAULT), Orders::default());
    for number in 0..BOOK {
        decider.evolve(&mut orders, &samples::created(number).into(), &samples::meta(number));
    }
    let meta = samples::meta(BOOK);
    Box::new(move || {
        let events = decider.decide(black_box(&orders), black_box(&input), &meta);
        assert_eq!(black_box(events).len(), 1);
    })
}

/// The life of one order, then of the next.
pub(super) fn fold() -> Work {
    let (decider, mut orders) = (OrderDecider::new(Windows::DEFAULT), Orders::default());
    let (mut created, mut number) = (samples::created(0), 0);
    let mut confirmed = OrderConfirmed {
        order_id: created.order_id,
        customer_id: created.customer_id.clone(),
        total: created.total,
        charge_id: charge_id(),
    };
    Box::new(move || {
        number += 1;
        (created.order_id, confirmed.order_id) = (samples::order_id(number), samples::order_id(number));
        let meta = samples::meta(number * SECONDS_APART);
        for event in [OrderEvent::Created(created.clone()), confirmed.clone().into()] {
            decider.evolve(&mut orders, black_box(&event), &meta);
        }
        assert_eq!(orders.counts().awaiting, 0);
    })
}

fn charge_id() -> String {
    "ch_0198c0de7a117c3e9b5d2f6a1e8d4c70".to_owned()
}
