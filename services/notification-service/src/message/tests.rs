//! The words of every template, by value.

use std::borrow::Cow;

use events::{Envelope, Money, Timestamp, TraceId, orders::Quantity};

use super::*;

const ABOUT: Uuid = Uuid::from_u128(7);
const ORDER: OrderId = OrderId(Uuid::from_u128(0x0198_c0de_7a11_7c3e_9b5d_2f6a_1e8d_4c70));

fn money(amount: i64, currency: &str) -> Money {
    Money { amount, currency: currency.parse().unwrap() }
}

fn told<D: EventData>(event: D, version: u32) -> Result<Message, DecodeError> {
    let envelope = Envelope {
        id: ABOUT,
        kind: Cow::Borrowed(D::TYPE),
        version,
        aggregate_id: Cow::Owned(event.aggregate_id()),
        timestamp: Timestamp::default(),
        trace_id: TraceId::default(),
        causation_id: Uuid::nil(),
        data: event,
    };
    Message::about(&RawEnvelope::parse(&envelope.to_body())?)
}

/// The message, checked for whom and what it is about.
fn words<D: EventData>(event: D, template: Template) -> (String, String) {
    let message = told(event, D::VERSION).unwrap();
    let Message { about, order_id, customer_id, template: of, subject, text } = message;
    assert_eq!((about, order_id, customer_id.as_str(), of), (ABOUT, ORDER, "c-1001", template));
    (subject, text)
}

fn cancelled(reason: CancelReason, detail: Option<&str>, returned: u32) -> (String, String) {
    let event = OrderCancelled {
        order_id: ORDER,
        customer_id: "c-1001".to_owned(),
        reason,
        detail: detail.map(str::to_owned),
        total: money(4_497, "EUR"),
        returned: (0..returned).map(|_| Quantity { sku: "A".to_owned(), quantity: 1 }).collect(),
    };
    words(event, Template::OrderCancelled)
}

#[test]
fn a_confirmed_order() {
    let event = OrderConfirmed {
        order_id: ORDER,
        customer_id: "c-1001".to_owned(),
        total: money(4_497, "JPY"),
        charge_id: "ch_1".to_owned(),
    };
    let (subject, text) = words(event, Template::OrderConfirmed);
    assert_eq!(subject, "Your order 0198c0de-7a11-7c3e-9b5d-2f6a1e8d4c70 is confirmed");
    assert_eq!(
        text,
        "Thank you for your order 0198c0de-7a11-7c3e-9b5d-2f6a1e8d4c70. It is confirmed, and 4497 JPY was \
         charged to your card."
    );
}

#[test]
fn a_cancelled_order_for_each_reason() {
    let table = [
        (
            CancelReason::OutOfStock,
            Some("A-1: 5 wanted, 2 free"),
            0,
            "we do not have enough of what you ordered (A-1: 5 wanted, 2 free). Your card was not charged the \
             44.97 EUR.",
        ),
        (
            CancelReason::OutOfStock,
            None,
            0,
            "we do not have enough of what you ordered. Your card was not charged the 44.97 EUR.",
        ),
        (
            CancelReason::UnknownSku,
            Some("B-2: unknown"),
            0,
            "we do not have what you ordered (B-2: unknown). Your card was not charged the 44.97 EUR.",
        ),
        (
            CancelReason::PaymentDeclined,
            Some("stolen_card"),
            0,
            "your card could not be charged. If your card was charged all the same, the money goes back to it.",
        ),
        (
            CancelReason::Customer,
            Some("changed my mind"),
            0,
            "you asked us to. If your card was already charged the 44.97 EUR, they go back to it; we tell you \
             when they are on their way.",
        ),
        (
            CancelReason::Customer,
            None,
            1,
            "you asked us to. The 44.97 EUR you paid go back to your card; we tell you when they are on their \
             way.",
        ),
        (
            CancelReason::Expired,
            None,
            0,
            "it could not be completed in time. If your card was already charged the 44.97 EUR, they go back \
             to it; we tell you when they are on their way.",
        ),
    ];
    for (reason, detail, returned, words) in table {
        let (subject, text) = cancelled(reason, detail, returned);
        assert_eq!(subject, "Your order 0198c0de-7a11-7c3e-9b5d-2f6a1e8d4c70 is cancelled");
        assert_eq!(
            text,
            format!("Your order 0198c0de-7a11-7c3e-9b5d-2f6a1e8d4c70 is cancelled: {words}"),
            "{reason:?}"
        );
    }
}

#[test]
fn a_refund() {
    let event = PaymentRefunded {
        order_id: ORDER,
        customer_id: "c-1001".to_owned(),
        charge_id: "ch_1".to_owned(),
        refund_id: "re_1".to_owned(),
        amount: money(4_497, "KWD"),
    };
    let (subject, text) = words(event, Template::OrderRefunded);
    assert_eq!(subject, "Your money for order 0198c0de-7a11-7c3e-9b5d-2f6a1e8d4c70 is on its way back");
    assert_eq!(
        text,
        "We gave back 4.497 KWD for your order 0198c0de-7a11-7c3e-9b5d-2f6a1e8d4c70. Your bank may take some \
         days to show it on your card."
    );
}

#[test]
fn a_detail_is_one_line_and_not_endless() {
    let (_, text) = cancelled(CancelReason::OutOfStock, Some(&format!("A\r\nB{}", "x".repeat(10_000))), 0);
    assert!(text.contains("(A  Bxxx") && text.contains("x…)"), "{text}");
    assert!(text.chars().count() < MAX_DETAIL + 300 && !text.contains('\n'), "{text}");
    let (_, text) = cancelled(CancelReason::OutOfStock, Some(" \n "), 0);
    assert!(text.contains("what you ordered. "), "{text}");
}

#[test]
fn nobody_is_told_about_what_cannot_be_read() {
    let event = OrderConfirmed {
        order_id: ORDER,
        customer_id: "c-1001".to_owned(),
        total: money(1, "EUR"),
        charge_id: "ch_1".to_owned(),
    };
    assert!(matches!(told(event, 2), Err(DecodeError::UnknownVersion { version: 2, .. })));
    let requested = events::orders::RefundRequested {
        order_id: ORDER,
        customer_id: "c-1001".to_owned(),
        charge_id: "ch_1".to_owned(),
        amount: money(1, "EUR"),
    };
    assert!(matches!(told(requested, 1), Err(DecodeError::UnknownType(_))));
}
