//! Orders that are not at their end after a while: the list, and the gauges.

use std::time::Duration;

use messaging::log::{Log, Message};
use projection::testing;
use runtime::{Clock, ManualClock};
use service::testing::SOON;
use testkit::eventually;

use crate::{
    client::{Answer, lamps},
    rig::{Rig, Setup},
};

const MINUTE: Duration = Duration::from_secs(60);

async fn place(rig: &Rig) -> String {
    rig.client().place(&lamps("c-1", 1), &[]).await.expect(202).id()
}

/// A service whose time is in the test's hands.
async fn timed(setup: Setup) -> (Rig, ManualClock) {
    let (clock, time) = Clock::manual(Clock::system().now());
    (Rig::start_with(Setup { clock, ..setup }).await, time)
}

async fn stuck(rig: &Rig, query: &str) -> Answer {
    rig.client().get(&format!("/orders/stuck{query}")).await.expect(200)
}

fn ids(page: &Answer) -> Vec<&str> {
    let orders = page.body["orders"].as_array().unwrap();
    orders.iter().map(|order| order["order_id"].as_str().unwrap()).collect()
}

/// Order and step.
fn steps(page: &Answer) -> Vec<(&str, &str)> {
    let steps = page.body["orders"].as_array().unwrap().iter();
    ids(page).into_iter().zip(steps.map(|order| order["step"].as_str().unwrap())).collect()
}

#[tokio::test]
async fn what_is_open_for_too_long_is_listed_with_what_it_waits_for() {
    for database in testing::databases().await {
        let (rig, time) = timed(Setup { database, ..Setup::default() }).await;
        let [stock, payment, refund, settled] =
            [place(&rig).await, place(&rig).await, place(&rig).await, place(&rig).await];
        rig.reserve(&payment).await;
        rig.until(&payment, "awaiting_payment").await;
        rig.client().cancel(&refund, &[("Prefer", "wait=20")]).await.expect(200);
        rig.client().cancel(&settled, &[("Prefer", "wait=20")]).await.expect(200);
        rig.capture(&refund, 1999).await;
        let pending = async || rig.client().order(&refund).await.text("/payment/refund/status") == "pending";
        eventually(SOON, "a refund", pending).await;

        assert_eq!(ids(&stuck(&rig, "").await), [""; 0], "nothing is late yet");
        time.advance(6 * MINUTE);
        let page = stuck(&rig, "").await;
        let waiting = [&*stock, &payment, &refund].into_iter();
        let expected = waiting.zip(["awaiting_stock", "awaiting_payment", "refund_pending"]);
        assert_eq!(steps(&page), expected.collect::<Vec<_>>());
        let first = &page.body["orders"][0];
        assert!((300..500).contains(&first["age_seconds"].as_u64().unwrap()), "{first}");
        assert!(first["waits_for"].as_str().unwrap().contains("inventory.reserved"), "{first}");
        assert_eq!(first["links"]["self"], format!("/orders/{stock}"));
        let order = rig.client().order(&stock).await;
        assert_eq!(
            (&first["trace_id"], &first["opened_at"]),
            (&order.body["trace_id"], &order.body["created_at"])
        );
        assert!(ids(&stuck(&rig, "?minutes=10").await).is_empty());
        assert_eq!(ids(&stuck(&rig, "?minutes=0").await).len(), 3);

        rig.refund(&refund, 1999).await;
        rig.capture(&payment, 1999).await;
        rig.until(&payment, "confirmed").await;
        let left = async || {
            let page = stuck(&rig, "").await;
            if ids(&page) == [&*stock] { Ok(()) } else { Err(page.body) }
        };
        eventually(SOON, "the rest to end", left).await;
        rig.stop().await;
    }
}

#[tokio::test]
async fn pages_follow_one_another_longest_open_first() {
    let (rig, time) = timed(Setup::default()).await;
    let mut placed = Vec::new();
    for _ in 0..5 {
        placed.push(place(&rig).await);
    }
    rig.client().order(&placed[4]).await.expect(200);
    time.advance(6 * MINUTE);
    let (mut seen, mut query) = (Vec::new(), "?limit=2".to_owned());
    loop {
        let page = stuck(&rig, &query).await;
        assert!(ids(&page).len() <= 2);
        seen.extend(ids(&page).into_iter().map(str::to_owned));
        let cursor = page.text("/next_cursor");
        if cursor.is_empty() {
            break;
        }
        query = format!("?limit=2&cursor={cursor}");
    }
    assert_eq!(seen, placed);
    rig.stop().await;
}

/// Everything of the service, a standby too, counts the same.
#[tokio::test]
async fn gauges_tell_how_many_are_open_and_stuck() {
    let (rig, time) = timed(Setup::default()).await;
    place(&rig).await;
    let reserved = place(&rig).await;
    rig.reserve(&reserved).await;
    rig.until(&reserved, "awaiting_payment").await;
    let shown = async |wanted: &[&str]| {
        eventually(SOON, "gauges", async || {
            let metrics = rig.client().get("/metrics").await;
            let text = metrics.body.as_str().unwrap();
            let missing = wanted.iter().find(|wanted| !text.lines().any(|line| line == **wanted));
            missing.map_or(Ok(()), |missing| Err(format!("{missing} is missing in {text}")))
        })
        .await;
    };
    shown(&[
        r#"orders_open{step="awaiting_stock"} 1"#,
        r#"orders_open{step="awaiting_payment"} 1"#,
        r#"orders_open{step="accepted"} 0"#,
        r#"orders_stuck{step="awaiting_stock"} 0"#,
    ])
    .await;
    time.advance(6 * MINUTE);
    shown(&[
        r#"orders_stuck{step="awaiting_stock"} 1"#,
        r#"orders_stuck{step="awaiting_payment"} 1"#,
        r#"orders_stuck{step="refund_pending"} 0"#,
        r#"orders_oldest_open_age_seconds{step="refund_pending"} 0"#,
    ])
    .await;
    rig.stop().await;
}

/// The journal stands still before an input that can neither be decided on nor parked.
#[tokio::test]
async fn what_nobody_decides_on_is_stuck_too() {
    let (rig, time) = timed(Setup::default()).await;
    // Room for some requests, and for no letter of this size.
    rig.streams.resize(40_000).await;
    let (subject, headers, payload) =
        ("requests.order.place".to_owned(), Default::default(), "?".repeat(4_000));
    rig.streams.log.publish(&Message { subject, headers, payload: payload.into() }, None).await.unwrap();
    let id = place(&rig).await;
    time.advance(6 * MINUTE);
    let page = stuck(&rig, "").await;
    assert_eq!(steps(&page), [(&*id, "accepted")]);

    rig.streams.resize(64 << 20).await;
    rig.until(&id, "awaiting_stock").await;
    assert_eq!(steps(&stuck(&rig, "").await), [(&*id, "awaiting_stock")]);
    assert_eq!(rig.streams.last("DEAD_LETTERS").await, 1);
    assert!(rig.replica.process.stop().await);
}
