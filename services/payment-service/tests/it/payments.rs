//! Each payment is made once, whatever is delivered twice.

use std::time::Duration;

use events::{
    EventData, RawEnvelope,
    catalogue::PAYMENT_CHARGE,
    orders::RefundRequested,
    payments::{PaymentCaptured, PaymentDeclined, PaymentEvent, PaymentRefunded},
};
use messaging::log::{Consumer, Delivery, Log};
use payment_service::gateway::{ChargeOutcome, ChargeRequest, Gateway, HttpGateway};
use service::testing::{SOON, TRACE, euros, event};
use uuid::Uuid;

use crate::rig::{Rig, decode, reserved};

#[tokio::test]
async fn a_charge_and_its_refund_happen_once_however_often_they_are_delivered() {
    let rig = Rig::started().await;
    rig.publish(&reserved(1, "tok_visa"), 3).await;
    let payments = rig.payments(3).await;
    let raw = RawEnvelope::parse(&payments[0].payload).unwrap();
    assert_eq!((raw.kind.as_ref(), raw.trace_id), (PaymentCaptured::TYPE, TRACE));
    assert!(payments[0].headers.get("traceparent").unwrap().contains(&raw.trace_id.to_string()));
    let events: Vec<_> = payments.iter().map(decode).collect();
    let PaymentEvent::Captured(captured) = &events[0] else { panic!("{:?}", events[0]) };
    assert_eq!(captured.amount, euros(4_497));
    assert!(events.iter().all(|event| *event == events[0]), "each delivery hears of the one charge");

    let refund = RefundRequested {
        order_id: captured.order_id,
        customer_id: "c-1".to_owned(),
        charge_id: captured.charge_id.clone(),
        amount: captured.amount,
    };
    rig.publish(&refund, 2).await;
    let payments = rig.payments(5).await;
    let PaymentEvent::Refunded(PaymentRefunded { charge_id, .. }) = decode(&payments[3]) else { panic!() };
    assert_eq!(charge_id, captured.charge_id);

    let ledger = rig.gateway.sim().summary();
    assert_eq!((ledger.captured, ledger.refunds, ledger.declined), (1, 1, 0));
    assert_eq!(rig.stop().await, 0);
}

#[tokio::test]
async fn the_same_message_published_twice_is_one_payment() {
    let rig = Rig::started().await;
    let charge = event(Uuid::from_u128(1), &reserved(1, "tok_visa"));
    for duplicate in [false, true] {
        let ack = rig.streams.log.publish(&charge, None).await.unwrap();
        assert_eq!(ack.duplicate, duplicate);
    }
    rig.publish(&reserved(2, "tok_expired_card"), 1).await;
    let mut payments: Vec<_> = rig.payments(2).await.iter().map(decode).collect();
    payments.sort_by_key(|payment| matches!(payment, PaymentEvent::Declined(_)));
    let [PaymentEvent::Captured(_), PaymentEvent::Declined(PaymentDeclined { code, .. })] = &payments[..]
    else {
        panic!("{payments:?}")
    };
    assert_eq!(code, "expired_card");
    assert_eq!(rig.gateway.sim().summary().captured, 1);
    assert_eq!(rig.stop().await, 0);
}

#[tokio::test]
async fn a_charge_whose_maker_crashed_is_found_by_the_next() {
    let rig = Rig::idle().await;
    let reserved = reserved(1, "tok_visa");
    rig.publish(&reserved, 1).await;

    // Somebody takes the message twice and charges the card, but never gets to say so.
    let mut crashing = rig.streams.log.consume(PAYMENT_CHARGE.stream, PAYMENT_CHARGE.durable);
    crashing.next(1).await[0].hand_back(Duration::ZERO).await.unwrap();
    let deliveries = crashing.next(1).await;
    let gateway = HttpGateway::new(rig.gateway.base_url(), SOON).unwrap();
    let charge = ChargeRequest {
        order_id: reserved.order_id.0,
        amount: reserved.total.amount,
        currency: "EUR".to_owned(),
        payment_method: reserved.payment_method,
        customer_id: reserved.customer_id,
    };
    let ChargeOutcome::Captured { charge_id: first } = gateway.charge(&charge).await.unwrap() else {
        panic!()
    };
    deliveries[0].hand_back(Duration::ZERO).await.unwrap();
    drop(crashing);

    rig.start().await;
    let PaymentEvent::Captured(PaymentCaptured { charge_id, .. }) = decode(&rig.payments(1).await[0]) else {
        panic!()
    };
    let ledger = rig.gateway.sim().summary();
    assert_eq!((charge_id, ledger.captured, ledger.replays), (first, 1, 0), "found, not asked for again");
    assert_eq!(rig.stop().await, 0);
}
