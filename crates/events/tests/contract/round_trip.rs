//! Any event that can be built can be written and reads back as itself.

use std::fmt::Debug;

use events::{
    Currency, DecodeError, Envelope, Money, OrderId, RawEnvelope, StreamEvent, Timestamp, TraceId,
    dead_letters::{LetterDiscarded, LetterEvent, LetterRedriven},
    inventory::{
        AdjustRefused, InventoryEvent, Shortage, StockAdjusted, StockCommitted, StockRejected, StockReleased,
        StockReserved,
    },
    notifications::{NotificationEvent, NotificationFailed, NotificationSent, Template},
    orders::{
        CancelReason, CancelRefusal, CancelRefused, Line, OrderCancelled, OrderConfirmed, OrderCreated,
        OrderEvent, Quantity, RefundRequested,
    },
    payments::{PaymentCaptured, PaymentDeclined, PaymentEvent, PaymentRefunded},
    requests::{AdjustStock, CancelOrder, PlaceOrder, Request, StockChange},
};
use proptest::{option, prelude::*, sample::select};
use uuid::Uuid;

fn uuid() -> impl Strategy<Value = Uuid> {
    any::<u128>().prop_map(Uuid::from_u128)
}

fn order() -> impl Strategy<Value = OrderId> {
    uuid().prop_map(OrderId)
}

fn text() -> impl Strategy<Value = String> {
    any::<String>()
}

fn money() -> impl Strategy<Value = Money> {
    let currency = select(vec!["AED", "EUR", "JPY", "USD", "ZWG"]);
    let currency = currency.prop_map(|code| code.parse::<Currency>().expect("these are currencies"));
    (any::<i64>(), currency).prop_map(|(amount, currency)| Money { amount, currency })
}

fn lines() -> impl Strategy<Value = Vec<Line>> {
    let line = (text(), any::<u32>(), any::<i64>()).prop_map(|(sku, quantity, unit_price)| Line {
        sku,
        quantity,
        unit_price,
    });
    prop::collection::vec(line, 0..4)
}

fn quantities() -> impl Strategy<Value = Vec<Quantity>> {
    let quantity = (text(), any::<u32>()).prop_map(|(sku, quantity)| Quantity { sku, quantity });
    prop::collection::vec(quantity, 0..4)
}

fn request() -> impl Strategy<Value = Request> {
    let change = prop_oneof![any::<i64>().prop_map(StockChange::By), any::<u64>().prop_map(StockChange::To)];
    prop_oneof![
        (order(), text(), lines(), money(), text(), text()).prop_map(
            |(order_id, customer_id, lines, total, payment_method, fingerprint)| {
                PlaceOrder { order_id, customer_id, lines, total, payment_method, fingerprint }.into()
            }
        ),
        (order(), option::of(text())).prop_map(|(order_id, reason)| CancelOrder { order_id, reason }.into()),
        (uuid(), text(), change, option::of(text())).prop_map(|(adjustment_id, sku, change, reason)| {
            AdjustStock { adjustment_id, sku, change, reason }.into()
        }),
    ]
}

fn order_event() -> impl Strategy<Value = OrderEvent> {
    let reason = select(vec![
        CancelReason::OutOfStock,
        CancelReason::UnknownSku,
        CancelReason::PaymentDeclined,
        CancelReason::Customer,
        CancelReason::Expired,
    ]);
    let refusal =
        select(vec![CancelRefusal::NotOpen, CancelRefusal::AlreadyCancelled, CancelRefusal::TooLate]);
    prop_oneof![
        (order(), text(), lines(), money(), text(), text()).prop_map(
            |(order_id, customer_id, lines, total, payment_method, fingerprint)| {
                OrderCreated { order_id, customer_id, lines, total, payment_method, fingerprint }.into()
            }
        ),
        (order(), text(), money(), text()).prop_map(|(order_id, customer_id, total, charge_id)| {
            OrderConfirmed { order_id, customer_id, total, charge_id }.into()
        }),
        (order(), text(), reason, option::of(text()), money(), quantities()).prop_map(
            |(order_id, customer_id, reason, detail, total, returned)| {
                OrderCancelled { order_id, customer_id, reason, detail, total, returned }.into()
            }
        ),
        (order(), text(), text(), money()).prop_map(|(order_id, customer_id, charge_id, amount)| {
            RefundRequested { order_id, customer_id, charge_id, amount }.into()
        }),
        (order(), refusal).prop_map(|(order_id, reason)| CancelRefused { order_id, reason }.into()),
    ]
}

fn inventory_event() -> impl Strategy<Value = InventoryEvent> {
    let shortage = (text(), any::<u32>(), option::of(any::<u64>()))
        .prop_map(|(sku, requested, available)| Shortage { sku, requested, available });
    let shortages = prop::collection::vec(shortage, 0..4);
    prop_oneof![
        (order(), text(), quantities(), money(), text()).prop_map(
            |(order_id, customer_id, lines, total, payment_method)| {
                StockReserved { order_id, customer_id, lines, total, payment_method }.into()
            }
        ),
        (order(), shortages).prop_map(|(order_id, shortages)| StockRejected { order_id, shortages }.into()),
        (order(), quantities()).prop_map(|(order_id, lines)| StockCommitted { order_id, lines }.into()),
        (order(), quantities(), any::<bool>()).prop_map(|(order_id, lines, returned)| StockReleased {
            order_id,
            lines,
            returned
        }
        .into()),
        (text(), uuid(), any::<i64>(), any::<u64>(), option::of(text())).prop_map(
            |(sku, adjustment_id, delta, on_hand, reason)| {
                StockAdjusted { sku, adjustment_id, delta, on_hand, reason }.into()
            }
        ),
        (text(), uuid(), any::<u64>(), any::<u64>()).prop_map(|(sku, adjustment_id, on_hand, reserved)| {
            AdjustRefused { sku, adjustment_id, on_hand, reserved }.into()
        }),
    ]
}

fn payment_event() -> impl Strategy<Value = PaymentEvent> {
    prop_oneof![
        (order(), text(), money()).prop_map(|(order_id, charge_id, amount)| {
            PaymentCaptured { order_id, charge_id, amount }.into()
        }),
        (order(), text(), money()).prop_map(|(order_id, code, amount)| PaymentDeclined {
            order_id,
            code,
            amount
        }
        .into()),
        (order(), text(), text(), text(), money()).prop_map(
            |(order_id, customer_id, charge_id, refund_id, amount)| {
                PaymentRefunded { order_id, customer_id, charge_id, refund_id, amount }.into()
            }
        ),
    ]
}

fn notification_event() -> impl Strategy<Value = NotificationEvent> {
    let template = select(vec![Template::OrderConfirmed, Template::OrderCancelled, Template::OrderRefunded]);
    (order(), text(), template, text(), uuid(), option::of(text())).prop_map(
        |(order_id, customer_id, template, channel, about, error)| match error {
            None => NotificationSent { order_id, customer_id, template, channel, about }.into(),
            Some(error) => {
                NotificationFailed { order_id, customer_id, template, channel, about, error }.into()
            }
        },
    )
}

fn letter_event() -> impl Strategy<Value = LetterEvent> {
    let texts = (text(), text(), text(), text(), option::of(text()));
    (any::<u64>(), texts, option::of(order()), any::<u64>(), any::<bool>()).prop_map(
        |(letter, (consumer, cause, about, operator, reason), order_id, redrive, edited)| {
            if redrive % 2 == 0 {
                let reason = reason.unwrap_or_default();
                LetterDiscarded { letter, consumer, cause, about, order_id, operator, reason }.into()
            } else {
                LetterRedriven { letter, consumer, cause, about, order_id, operator, reason, redrive, edited }
                    .into()
            }
        },
    )
}

type Ids = (Uuid, i64, u128, Uuid);

fn ids() -> impl Strategy<Value = Ids> {
    (uuid(), Timestamp::MIN.0..=Timestamp::MAX.0, any::<u128>(), uuid())
}

fn check<E: StreamEvent + PartialEq + Debug>(
    event: &E,
    (id, at, trace, cause): Ids,
    decode: fn(&RawEnvelope<'_>) -> Result<E, DecodeError>,
) -> Result<(), TestCaseError> {
    let envelope = Envelope {
        id,
        kind: event.kind().into(),
        version: event.version(),
        aggregate_id: event.aggregate_id().into(),
        timestamp: Timestamp(at),
        trace_id: TraceId(trace.to_be_bytes()),
        causation_id: cause,
        data: event,
    };
    let body = envelope.to_body();
    let raw = RawEnvelope::parse(&body).map_err(|error| TestCaseError::fail(error.to_string()))?;
    let read = decode(&raw).map_err(|error| TestCaseError::fail(error.to_string()))?;
    prop_assert_eq!(&read, event);
    let again = Envelope {
        id: raw.id,
        kind: raw.kind,
        version: raw.version,
        aggregate_id: raw.aggregate_id,
        timestamp: raw.timestamp,
        trace_id: raw.trace_id,
        causation_id: raw.causation_id,
        data: &read,
    };
    prop_assert_eq!(again.to_body(), body);
    Ok(())
}

proptest! {
    #[test]
    fn requests(event in request(), ids in ids()) {
        check(&event, ids, Request::decode)?;
    }

    #[test]
    fn orders(event in order_event(), ids in ids()) {
        check(&event, ids, OrderEvent::decode)?;
    }

    #[test]
    fn inventory(event in inventory_event(), ids in ids()) {
        check(&event, ids, InventoryEvent::decode)?;
    }

    #[test]
    fn payments(event in payment_event(), ids in ids()) {
        check(&event, ids, PaymentEvent::decode)?;
    }

    #[test]
    fn notifications(event in notification_event(), ids in ids()) {
        check(&event, ids, NotificationEvent::decode)?;
    }

    #[test]
    fn dead_letters(event in letter_event(), ids in ids()) {
        check(&event, ids, LetterEvent::decode)?;
    }
}
