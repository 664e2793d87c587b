//! Callers who would rather wait for the outcome.

use std::time::{Duration, Instant};

use reqwest::Method;
use service::testing::SOON;
use testkit::eventually;

use crate::{
    client::{Answer, lamps},
    rig::{Rig, data},
};

#[tokio::test]
async fn the_answer_comes_when_the_order_is_settled() {
    let rig = Rig::start().await;
    let body = lamps("c-1", 1);
    let headers = [("Prefer", "wait=25"), ("Idempotency-Key", "k")];
    let settle = async {
        let id = eventually(SOON, "an order", async || {
            let created = rig.streams.of("ORDERS", "orders.created").await;
            created.first().map(|message| data::<events::orders::OrderCreated>(message).order_id.to_string())
        })
        .await;
        rig.reserve(&id).await;
        rig.capture(&id, 1999).await;
    };
    let (answer, ()) = tokio::join!(rig.client().place(&body, &headers), settle);
    let answer = answer.expect(201);
    assert_eq!(answer.text("/status"), "confirmed");
    assert_eq!(answer.header("preference-applied"), "wait=25");
    assert_eq!(answer.header("location"), format!("/orders/{}", answer.id()));
    assert_eq!(answer.header("idempotent-replayed"), "");

    // Nobody is woken for an order that was settled long ago, so it is not waited for.
    let began = Instant::now();
    let again = rig.client().place(&body, &headers).await.expect(201);
    assert!(began.elapsed() < Duration::from_secs(20), "{:?}", began.elapsed());
    assert_eq!((again.id(), again.header("idempotent-replayed")), (answer.id(), "true"));
    rig.stop().await;
}

#[tokio::test]
async fn who_waited_long_enough_is_told_that_the_order_is_accepted() {
    let rig = Rig::start().await;
    let began = Instant::now();
    let answer = rig.client().place(&lamps("c-1", 1), &[("Prefer", "wait=1")]).await.expect(202);
    assert!(began.elapsed() >= Duration::from_secs(1));
    assert_eq!((answer.text("/status"), answer.header("preference-applied")), ("accepted", "wait=1"));
    rig.stop().await;
}

#[tokio::test]
async fn who_reads_may_wait_too_and_sees_how_far_the_order_has_come_by_then() {
    let rig = Rig::start().await;
    let id = rig.client().place(&lamps("c-1", 1), &[]).await.expect(202).id();
    rig.client().order(&id).await.expect(200);
    let read = async |wait: &'static str| {
        let request = rig.client().request(Method::GET, &format!("/orders/{id}")).header("Prefer", wait);
        Answer::of(request).await.expect(200)
    };
    let (answer, ()) = tokio::join!(read("wait=3"), rig.reserve(&id));
    assert_eq!((answer.text("/status"), answer.header("preference-applied")), ("awaiting_payment", "wait=3"));
    let began = Instant::now();
    let (answer, ()) = tokio::join!(read("wait=25"), rig.capture(&id, 1999));
    assert_eq!(answer.text("/status"), "confirmed");
    assert!(began.elapsed() < Duration::from_secs(20), "{:?}", began.elapsed());
    rig.stop().await;
}

#[tokio::test]
async fn nobody_waits_for_a_process_that_stops() {
    let rig = Rig::start().await;
    let began = Instant::now();
    let stop = async {
        eventually(SOON, "one who waits", async || {
            let metrics = rig.client().get("/metrics").await;
            metrics.body.as_str().unwrap().contains("order_waiting_callers 1")
        })
        .await;
        eventually(SOON, "its order", async || !rig.streams.of("ORDERS", "orders.created").await.is_empty())
            .await;
        rig.replica.process.stop().await
    };
    let (body, headers) = (lamps("c-1", 1), [("Prefer", "wait=30")]);
    let (answer, stopped) = tokio::join!(rig.client().place(&body, &headers), stop);
    answer.expect(202);
    assert!(stopped && began.elapsed() < Duration::from_secs(25), "{:?}", began.elapsed());
}
