//! The broker is away, full, or back: callers are told, never kept hanging, and nothing is made twice.

use std::time::Duration;

use events::{Envelope, requests::AdjustStock};
use messaging::{
    headers::{EPOCH, Headers},
    log::{Beat, Log, Message},
};
use serde_json::json;
use service::testing::SOON;
use testkit::eventually;
use tokio::{
    task::JoinSet,
    time::{Instant, interval},
};

use crate::rig::Fleet;

#[tokio::test]
async fn without_a_broker_callers_are_told_to_come_back() {
    let fleet = Fleet::start().await;
    let replica = fleet.ready_replica("a").await;
    replica.adjust("LAMP", json!({ "to": 5 })).await;
    fleet.broker.kill().await.unwrap();

    let started = Instant::now();
    let refused = replica.adjust_as("k", "LAMP", json!({ "by": 2 })).await;
    assert!(refused.status == 503 && refused.is_problem(), "{refused:?}");
    assert!(refused.headers["retry-after"].to_str().unwrap().parse::<u64>().unwrap() >= 1);
    assert!(started.elapsed() < Duration::from_secs(28), "an answer comes before the request is cut off");
    let told = refused.body["detail"].as_str().unwrap();
    assert!(told.contains("with the same Idempotency-Key"), "{told}");
    assert!(told.contains("cannot do it twice within 7200 s"), "no more is promised than is kept: {told}");
    assert_eq!(replica.get("/stock/LAMP").await.level(), (5, 0, 5), "what is known can still be read");
    let unknown = replica.get("/stock/NOTHING").await;
    assert!(unknown.status == 503 && unknown.is_problem(), "nobody can say that there is none: {unknown:?}");
    assert_eq!(replica.get("/health").await.status, 200, "the process itself is well");

    fleet.broker.restart().await.unwrap();
    let made = eventually(SOON, "the adjustment", async || {
        let made = replica.adjust_as("k", "LAMP", json!({ "by": 2 })).await;
        if made.status == 200 { Ok(made) } else { Err(made) }
    })
    .await;
    assert_eq!(made.level(), (7, 0, 7));
    replica.stop().await;
}

#[tokio::test]
async fn a_replica_that_has_not_read_the_journal_says_so() {
    let fleet = Fleet::start().await;
    fleet.broker.kill().await.unwrap();
    let replica = fleet.replica("a").await;
    for path in ["/stock", "/stock/LAMP"] {
        let refused = replica.get(path).await;
        assert!(refused.status == 503 && refused.is_problem(), "{refused:?}");
        assert!(refused.headers.contains_key("retry-after"));
    }
    assert_eq!(replica.get("/ready").await.status, 503);
    fleet.broker.restart().await.unwrap();
    eventually(SOON, "an answer", async || replica.get("/stock").await.status == 200).await;
    replica.stop().await;
}

#[tokio::test]
async fn when_requests_are_full_nothing_is_taken() {
    let fleet = Fleet::start().await;
    fleet.streams.resize(256 << 10).await;
    let replica = fleet.ready_replica("a").await;
    let filler = Message {
        subject: "requests.order.place".to_owned(),
        headers: Headers::new(),
        payload: vec![b'x'; 32 << 10].into(),
    };
    while fleet.streams.log.publish(&filler, None).await.is_ok() {}
    let small = Message { payload: vec![b'x'; 64].into(), ..filler };
    while fleet.streams.log.publish(&small, None).await.is_ok() {}
    let refused = replica.adjust("LAMP", json!({ "to": 5 })).await;
    assert!(refused.status == 503 && refused.is_problem(), "{refused:?}");
    assert!(refused.body["detail"].as_str().unwrap().contains("no room"), "{refused:?}");
    assert_eq!(refused.headers["retry-after"], "30");
    assert_eq!(replica.get("/stock/LAMP").await.status, 404);
    replica.stop().await;
}

#[tokio::test]
async fn a_wish_that_cannot_be_read_is_parked_and_the_next_is_decided() {
    let fleet = Fleet::start().await;
    let replica = fleet.ready_replica("a").await;
    let envelope = Envelope {
        id: uuid::Uuid::from_u128(1),
        kind: "requests.stock.adjust".into(),
        version: 1,
        aggregate_id: "LAMP".into(),
        timestamp: events::Timestamp::default(),
        trace_id: events::TraceId::default(),
        causation_id: uuid::Uuid::nil(),
        data: json!({ "sku": "LAMP" }),
    };
    let subject = <AdjustStock as events::EventData>::TYPE.to_owned();
    let poison = Message { subject, headers: Headers::new(), payload: envelope.to_body().into() };
    fleet.streams.log.publish(&poison, None).await.unwrap();
    let made = replica.adjust("LAMP", json!({ "to": 5 })).await;
    assert_eq!((made.status, made.level()), (200, (5, 0, 5)));
    assert_eq!(fleet.streams.last("DEAD_LETTERS").await, 1);
    replica.stop().await;
}

/// Makes the replicas believe that somebody leads the journal, who decides nothing, until dropped.
async fn ghost(fleet: &Fleet) -> JoinSet<()> {
    let fence = Envelope {
        id: uuid::Uuid::from_u128(2),
        kind: "inventory.control".into(),
        version: 1,
        aggregate_id: "INVENTORY".into(),
        timestamp: events::Timestamp::default(),
        trace_id: events::TraceId::default(),
        causation_id: uuid::Uuid::nil(),
        data: json!({ "control": "fence", "instance": "ghost", "epoch": 1 }),
    };
    let mut headers = Headers::new();
    headers.set(EPOCH, "1");
    let subject = "inventory.control".to_owned();
    let fence = Message { subject, headers, payload: fence.to_body().into() };
    fleet.streams.log.publish(&fence, None).await.unwrap();
    let (log, mut haunting) = (fleet.streams.log.clone(), JoinSet::new());
    haunting.spawn(async move {
        let mut pace = interval(Duration::from_millis(100));
        loop {
            pace.tick().await;
            log.beat("INVENTORY", &Beat { instance: "ghost".to_owned(), epoch: 1, sequence: 1 }).await;
        }
    });
    haunting
}

#[tokio::test]
async fn an_adjustment_that_nobody_decides_is_pending_until_somebody_does() {
    let fleet = Fleet::start().await;
    let ghost = ghost(&fleet).await;
    let replica = fleet.ready_replica("a").await;
    let pending = replica.adjust_as("k", "LAMP", json!({ "by": 2 })).await;
    assert_eq!((pending.status, &pending.body["status"]), (202, &json!("pending")), "{pending:?}");
    assert_eq!(pending.headers["location"], "/stock/LAMP");
    assert!(pending.headers.contains_key("retry-after") && !pending.replayed());

    drop(ghost);
    let made = eventually(SOON, "the decision", async || {
        let made = replica.adjust_as("k", "LAMP", json!({ "by": 2 })).await;
        if made.status == 200 { Ok(made) } else { Err(made) }
    })
    .await;
    assert_eq!(made.body["adjustment_id"], pending.body["adjustment_id"]);
    assert_eq!((made.level(), made.replayed()), ((2, 0, 2), true));
    assert_eq!(fleet.streams.last("REQUESTS").await, 1, "it was asked for once");
    replica.stop().await;
}
