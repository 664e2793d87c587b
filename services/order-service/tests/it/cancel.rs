//! Cancelling: in time, too late, twice, and what does not exist.

use std::time::{Duration, SystemTime};

use events::{
    orders::Line,
    requests::{CancelOrder, PlaceOrder},
};
use runtime::Clock;
use serde_json::json;
use service::testing::{SOON, TRACE, euros};

use crate::{
    client::{Answer, lamps},
    rig::{Rig, Setup, data, order, trace},
};

const WAIT: [(&str, &str); 1] = [("Prefer", "wait=20")];

async fn confirmed(rig: &Rig) -> String {
    let id = rig.client().place(&lamps("c-1", 1), &[]).await.expect(202).id();
    rig.reserve(&id).await;
    rig.capture(&id, 1999).await;
    rig.until(&id, "confirmed").await;
    id
}

#[tokio::test]
async fn an_open_order_is_cancelled_and_asking_again_is_harmless() {
    let rig = Rig::start().await;
    let id = rig.client().place(&lamps("c-1", 1), &[]).await.expect(202).id();
    let path = format!("/orders/{id}/cancel");
    let request = rig.client().request(reqwest::Method::POST, &path).header("Prefer", "wait=20");
    let cancelled = Answer::of(request.json(&json!({ "reason": "too blue" }))).await.expect(200);
    assert_eq!(cancelled.text("/status"), "cancelled");
    assert_eq!((cancelled.text("/reason"), cancelled.text("/detail")), ("customer", "too blue"));
    assert_eq!(cancelled.header("preference-applied"), "wait=20");

    let again = rig.client().cancel(&id, &[]).await.expect(200);
    assert_eq!(again.body, cancelled.body);
    assert_eq!(rig.streams.of("REQUESTS", "requests.order.cancel").await.len(), 1);
    rig.stop().await;
}

#[tokio::test]
async fn a_wish_to_cancel_is_accepted_and_belongs_to_the_trace_of_its_order() {
    let rig = Rig::start().await;
    let id = "0198c0de-7a11-7c3e-9b5d-2f6a1e8d4c70";
    let wish = PlaceOrder {
        order_id: order(id),
        customer_id: "c-1".to_owned(),
        lines: vec![Line { sku: "A".to_owned(), quantity: 1, unit_price: 5 }],
        total: euros(5),
        payment_method: "pm".to_owned(),
        fingerprint: "f".to_owned(),
    };
    rig.streams.publish(&wish).await;
    let accepted = rig.client().cancel(id, &[]).await.expect(202);
    assert_eq!((accepted.text("/order_id"), accepted.text("/status")), (id, "accepted"));
    assert_eq!(accepted.text("/trace_id"), TRACE.to_string());
    rig.until(id, "cancelled").await;
    for (stream, subject) in
        [("REQUESTS", "requests.order.cancel"), ("ORDERS", "orders.created"), ("ORDERS", "orders.cancelled")]
    {
        let found = rig.streams.of(stream, subject).await;
        assert_eq!(found.iter().map(trace).collect::<Vec<_>>(), [TRACE], "{subject}");
    }
    rig.stop().await;
}

#[tokio::test]
async fn many_who_cancel_at_once_are_one_request() {
    let rig = Rig::start().await;
    let id = confirmed(&rig).await;
    let mut calls = tokio::task::JoinSet::new();
    for _ in 0..20 {
        let request = rig.client().request(reqwest::Method::POST, &format!("/orders/{id}/cancel"));
        calls.spawn(Answer::of(request.header("Prefer", "wait=20")));
    }
    for answer in calls.join_all().await {
        let answer = answer.expect(200);
        assert_eq!(answer.text("/payment/refund/status"), "pending", "{}", answer.body);
    }
    assert_eq!(rig.streams.of("REQUESTS", "requests.order.cancel").await.len(), 1);
    assert_eq!(rig.streams.of("ORDERS", "orders.refund_requested").await.len(), 1);
    rig.stop().await;
}

#[tokio::test]
async fn what_was_confirmed_long_ago_is_refused_at_once() {
    let (clock, hand) = Clock::manual(SystemTime::UNIX_EPOCH);
    hand.set(Clock::system().now());
    let rig = Rig::start_with(Setup { clock, ..Setup::default() }).await;
    let id = confirmed(&rig).await;
    hand.advance(Duration::from_secs(300 + 120));
    let before = rig.streams.last("REQUESTS").await;
    let refused = rig.client().cancel(&id, &[]).await.problem(409);
    assert_eq!((refused.text("/reason"), refused.text("/order_id")), ("too_late", &*id));
    assert!(refused.text("/detail").contains("300 s"), "{}", refused.body);
    assert_eq!(rig.streams.last("REQUESTS").await, before);
    rig.until(&id, "confirmed").await;
    rig.stop().await;
}

#[tokio::test]
async fn what_the_journal_refuses_is_told_to_who_waits() {
    let rig = Rig::start_with(Setup { cancel_window: 1, ..Setup::default() }).await;
    let id = confirmed(&rig).await;
    let confirmed = std::time::Instant::now();
    testkit::eventually(SOON, "the end of the window", async || {
        confirmed.elapsed() > Duration::from_millis(1_500)
    })
    .await;
    // This process would still let it pass, since clocks differ; the journal does not.
    for _ in 0..2 {
        let refused = rig.client().cancel(&id, &WAIT).await.problem(409);
        assert_eq!(refused.text("/reason"), "too_late");
    }
    let wishes = rig.streams.of("REQUESTS", "requests.order.cancel").await;
    assert_eq!(wishes.len(), 1);
    assert_eq!(data::<CancelOrder>(&wishes[0]).order_id, order(&id));
    assert_eq!(rig.streams.of("ORDERS", "orders.cancel_refused").await.len(), 1);
    rig.stop().await;
}

#[tokio::test]
async fn what_does_not_exist_is_not_cancelled() {
    let rig = Rig::start().await;
    rig.client().cancel("0198c0de-7a11-7c3e-9b5d-2f6a1e8d4c70", &[]).await.problem(404);
    assert_eq!(rig.streams.last("REQUESTS").await, 0);
    rig.stop().await;
}
