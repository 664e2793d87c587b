//! One key, one order: at once, later, with another body, and when the broker has long forgotten.

use events::{OrderId, orders::OrderCreated, requests::PlaceOrder};
use order_service::intake;
use serde_json::{Value, json};
use tokio::task::JoinSet;

use crate::{
    client::{Answer, lamps},
    rig::{Replica, Rig, config, data},
};

async fn all(calls: impl IntoIterator<Item = (Caller, Value)>) -> Vec<Answer> {
    let mut set = JoinSet::new();
    for ((client, key), body) in calls {
        set.spawn(async move { client.place(&body, &[("Idempotency-Key", &key)]).await });
    }
    set.join_all().await
}

/// A caller and the key it uses.
type Caller = (crate::client::Client, String);

/// The orders that were created, oldest first.
async fn created(rig: &Rig) -> Vec<OrderCreated> {
    rig.streams.of("ORDERS", "orders.created").await.iter().map(data).collect()
}

#[tokio::test]
async fn fifty_at_once_are_one_order() {
    let rig = Rig::start().await;
    let call = || ((rig.client().clone(), "cart-7".to_owned()), lamps("c-1", 1));
    let answers = all(std::iter::repeat_with(call).take(50)).await;
    let expected = OrderId::from_key("c-1", "cart-7").to_string();
    let mut fresh = 0;
    for answer in answers {
        let answer = answer.expect(202);
        assert_eq!(answer.id(), expected);
        fresh += usize::from(answer.header("idempotent-replayed") != "true");
    }
    assert_eq!(fresh, 1, "one of them placed it");
    rig.client().order(&expected).await.expect(200);
    assert_eq!(rig.streams.of("REQUESTS", "requests.order.place").await.len(), 1);
    assert_eq!(created(&rig).await.len(), 1);
    rig.stop().await;
}

#[tokio::test]
async fn the_same_again_is_the_same_order_and_anything_else_is_refused() {
    let rig = Rig::start().await;
    let key = [("Idempotency-Key", "cart \"7\"; try 2")];
    let first = rig.client().place(&lamps("c-1", 1), &key).await.expect(202);
    assert_eq!(first.header("idempotent-replayed"), "");
    // Before and after the read model knows it, and however the JSON is laid out.
    for round in 0..2 {
        let mut body = lamps("c-1", 1);
        body["total"] = json!(1999);
        let again = rig.client().place(&body, &key).await.expect(202);
        assert_eq!(
            (again.body, again.headers["location"].clone()),
            (first.body.clone(), first.headers["location"].clone())
        );
        assert_eq!(again.headers["idempotent-replayed"], "true");

        let other = rig.client().place(&lamps("c-1", 2), &key).await.problem(422);
        assert_eq!(other.text("/type"), "urn:problem:idempotency-key-reused");
        assert_eq!(other.id(), first.id(), "round {round}");
        rig.client().order(&first.id()).await.expect(200);
    }
    // Keys belong to their customers, and no key is no key.
    let stranger = rig.client().place(&lamps("c-2", 2), &key).await.expect(202);
    let [one, two] =
        [rig.client().place(&lamps("c-1", 1), &[]).await, rig.client().place(&lamps("c-1", 1), &[]).await];
    let ids: std::collections::BTreeSet<_> =
        [first, stranger, one.expect(202), two.expect(202)].iter().map(Answer::id).collect();
    assert_eq!(ids.len(), 4);
    assert_eq!(rig.streams.of("REQUESTS", "requests.order.place").await.len(), 4);
    rig.stop().await;
}

#[tokio::test]
async fn of_two_orders_that_race_for_a_key_one_wins_and_the_other_is_told() {
    let rig = Rig::start().await;
    for round in 0..20 {
        let key = format!("race-{round}");
        let call = |quantity| ((rig.client().clone(), key.clone()), lamps("c-1", quantity));
        let answers = all([1, 2, 1, 2].map(call)).await;
        let codes: Vec<_> = answers.iter().map(|answer| answer.code).collect();
        assert_eq!(codes.iter().filter(|code| **code == 202).count(), 2, "{codes:?}");
        assert_eq!(codes.iter().filter(|code| **code == 422).count(), 2, "{codes:?}");

        let id = OrderId::from_key("c-1", &key);
        let shown = rig.client().order(&id.to_string()).await.expect(200);
        let quantity = shown.body["lines"][0]["quantity"].as_u64().unwrap();
        let repeated = rig
            .client()
            .place(&lamps("c-1", u32::try_from(quantity).unwrap()), &[("Idempotency-Key", &key)])
            .await;
        assert_eq!(repeated.expect(202).header("idempotent-replayed"), "true", "the order is the winner's");
    }
    assert_eq!(created(&rig).await.len(), 20);
    rig.stop().await;
}

/// The broker's deduplication goes by the request's id: an order that it got under another id is one that it
/// has forgotten.
#[tokio::test]
async fn what_the_broker_has_forgotten_is_recognised_all_the_same() {
    let rig = Rig::start().await;
    let body = lamps("c-1", 3);
    let content = intake::read_order(body.to_string().as_bytes()).unwrap();
    let wish = PlaceOrder {
        order_id: OrderId::from_key("c-1", "old"),
        fingerprint: content.fingerprint(),
        customer_id: content.customer_id,
        lines: content.lines,
        total: content.total,
        payment_method: content.payment_method,
    };
    rig.streams.publish(&wish).await;
    let id = wish.order_id.to_string();
    rig.client().order(&id).await.expect(200);
    let repeat = async |client: &crate::client::Client| {
        let again = client.place(&body, &[("Idempotency-Key", "old")]).await.expect(202);
        assert_eq!((again.id(), again.header("idempotent-replayed")), (id.clone(), "true"));
        assert_eq!(again.text("/trace_id"), service::testing::TRACE.to_string(), "the trace of its life");
        client.place(&lamps("c-1", 4), &[("Idempotency-Key", "old")]).await.problem(422);
    };
    repeat(rig.client()).await;

    // Nor does a process that has just come up need to have seen it.
    assert!(rig.replica.process.stop().await);
    let later =
        Replica::start(config(&rig.broker.url(), rig.database.url(), "order-2"), runtime::Clock::system())
            .await;
    later.ready().await;
    repeat(&later.client).await;
    assert_eq!(rig.streams.last("REQUESTS").await, 1);
    assert_eq!(created(&rig).await.len(), 1);
    assert!(later.process.stop().await);
}
