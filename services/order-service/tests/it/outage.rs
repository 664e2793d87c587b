//! What callers are told while something is away or full, and that nothing is lost by it.

use std::time::{Duration, Instant};

use events::requests::{AdjustStock, StockChange};
use messaging::log::{Log, PublishError};
use runtime::Clock;
use service::testing::SOON;
use testkit::eventually;
use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    net::TcpStream,
    time::timeout,
};
use uuid::Uuid;

use crate::{
    client::{Answer, lamps},
    rig::{Replica, Rig, config},
};

/// No request takes longer, whatever is away.
const BOUND: Duration = Duration::from_secs(28);
/// A broker that has not answered for so long does not run.
const SILENCE: Duration = Duration::from_millis(500);

/// Sends the same again until it is accepted.
async fn insist(rig: &Rig, key: &str) -> Answer {
    eventually(SOON, "acceptance", async || {
        let answer = rig.client().place(&lamps("c-1", 1), &[("Idempotency-Key", key)]).await;
        if answer.code == 202 { Ok(answer) } else { Err(answer.body) }
    })
    .await
}

#[tokio::test]
async fn without_a_broker_callers_are_sent_away_and_served_when_it_is_back() {
    let rig = Rig::start().await;
    let known = rig.client().place(&lamps("c-1", 1), &[]).await.expect(202).id();
    rig.client().order(&known).await.expect(200);
    rig.broker.stop_gracefully().await.unwrap();

    let began = Instant::now();
    let (client, body, key) = (rig.client().impatient(), lamps("c-1", 1), [("Idempotency-Key", "away")]);
    let (placed, afresh, cancelled, unknown, listed) = tokio::join!(
        client.place(&body, &key),
        client.place(&body, &[]),
        client.cancel(&known, &[("Prefer", "wait=30")]),
        client.order("0198c0de-7a11-7c3e-9b5d-2f6a1e8d4c70"),
        client.get("/orders"),
    );
    assert!(began.elapsed() < BOUND, "{:?}", began.elapsed());
    assert!(placed.unavailable().text("/detail").contains("same Idempotency-Key"));
    assert!(afresh.unavailable().text("/detail").contains("/orders/"), "it says where to look");
    cancelled.unavailable();
    unknown.unavailable();
    listed.unavailable();
    client.order(&known).await.expect(200);
    client.get("/health").await.expect(200);

    rig.broker.restart().await.unwrap();
    let id = insist(&rig, "away").await.id();
    rig.until(&id, "awaiting_stock").await;
    assert!(rig.streams.of("ORDERS", "orders.created").await.len() >= 2);
    let placed = rig.streams.of("REQUESTS", "requests.order.place").await;
    assert_eq!(
        placed.iter().filter(|message| String::from_utf8_lossy(&message.payload).contains(&id)).count(),
        1
    );
    rig.stop().await;
}

#[tokio::test]
async fn a_broker_that_hangs_holds_nobody_for_ever() {
    let rig = Rig::start().await;
    rig.broker.pause().unwrap();
    // The signal is only sent by then; a busy machine lets the broker answer a little longer.
    eventually(SOON, "silence", async || timeout(SILENCE, rig.streams.log.extent("REQUESTS")).await.is_err())
        .await;
    let began = Instant::now();
    let answer = rig.client().place(&lamps("c-1", 1), &[("Idempotency-Key", "hung")]).await;
    assert!(began.elapsed() < BOUND, "{:?}", began.elapsed());
    answer.unavailable();
    rig.broker.resume().unwrap();

    // Stored or not, the key makes it one order.
    let id = insist(&rig, "hung").await.id();
    rig.until(&id, "awaiting_stock").await;
    assert_eq!(rig.streams.of("REQUESTS", "requests.order.place").await.len(), 1);
    assert_eq!(rig.streams.of("ORDERS", "orders.created").await.len(), 1);
    rig.stop().await;
}

#[tokio::test]
async fn when_there_is_no_room_callers_are_sent_away_until_there_is() {
    let rig = Rig::start().await;
    rig.streams.resize(1 << 20).await;
    let known = rig.client().place(&lamps("c-1", 1), &[]).await.expect(202).id();
    for length in [50_000, 1_000, 1] {
        let filler = AdjustStock {
            adjustment_id: Uuid::nil(),
            sku: "A".to_owned(),
            change: StockChange::By(1),
            reason: Some("x".repeat(length)),
        };
        let refused = loop {
            if let Err(error) = rig.streams.try_publish(&filler).await {
                break error;
            }
        };
        assert!(matches!(refused, PublishError::Full), "{refused}");
    }
    let full = rig.client().place(&lamps("c-1", 1), &[("Idempotency-Key", "full")]).await.unavailable();
    assert_eq!(full.header("retry-after"), "30");
    assert!(full.text("/detail").contains("room"), "{}", full.body);
    rig.client().impatient().cancel(&known, &[]).await.unavailable();
    rig.client().order(&known).await.expect(200);

    rig.streams.resize(2 << 20).await;
    let id = insist(&rig, "full").await.id();
    rig.until(&id, "awaiting_stock").await;
    rig.stop().await;
}

#[tokio::test]
async fn without_a_database_orders_are_taken_unless_their_key_needs_it() {
    let rig = Rig::start().await;
    let nowhere = "postgres://fleet@127.0.0.1:1/nowhere?sslmode=disable";
    let blind = Replica::start(config(&rig.broker.url(), nowhere, "order-2"), Clock::system()).await;
    let began = Instant::now();
    let (client, body, key) = (blind.client.impatient(), lamps("c-1", 1), [("Idempotency-Key", "k")]);
    let (keyed, shown, listed) = tokio::join!(
        client.place(&body, &key),
        client.order("0198c0de-7a11-7c3e-9b5d-2f6a1e8d4c70"),
        client.get("/orders"),
    );
    assert!(began.elapsed() < BOUND, "{:?}", began.elapsed());
    keyed.unavailable();
    shown.unavailable();
    listed.unavailable();
    assert_eq!(rig.streams.last("REQUESTS").await, 0, "nobody knows whether the key was used before");
    let id = client.place(&lamps("c-1", 1), &[]).await.expect(202).id();
    rig.client().order(&id).await.expect(200);
    assert_eq!(client.get("/ready").await.code, 503);
    blind.process.stop().await;
    rig.stop().await;
}

#[tokio::test]
async fn before_it_has_read_what_was_accepted_a_process_takes_no_key() {
    let database = projection::testing::sqlite();
    let blind =
        Replica::start(config("nats://127.0.0.1:1", database.url(), "order-1"), Clock::system()).await;
    // First the tables have to be made.
    eventually(SOON, "a database", async || {
        let keyed = blind.client.place(&lamps("c-1", 1), &[("Idempotency-Key", "k")]).await.unavailable();
        if keyed.text("/detail").contains("nothing was accepted") { Ok(()) } else { Err(keyed.body) }
    })
    .await;
    blind.process.stop().await;
}

#[tokio::test]
async fn a_body_that_trickles_in_is_not_waited_for() {
    let rig = Rig::start().await;
    let mut stream = TcpStream::connect(rig.client().address()).await.unwrap();
    let head = "POST /orders HTTP/1.1\r\nHost: orders\r\nContent-Type: application/json\r\nContent-Length: 500\r\n\r\n{";
    stream.write_all(head.as_bytes()).await.unwrap();
    let began = Instant::now();
    let mut answer = String::new();
    stream.read_to_string(&mut answer).await.unwrap();
    assert!(began.elapsed() < BOUND, "{:?}", began.elapsed());
    assert!(answer.starts_with("HTTP/1.1 408 "), "{answer}");
    assert!(
        answer.contains("application/problem+json") && answer.contains("did not arrive within"),
        "{answer}"
    );
    assert_eq!(rig.streams.last("REQUESTS").await, 0);
    rig.stop().await;
}
