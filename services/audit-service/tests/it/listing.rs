//! Listings: filters, pages, and the reading of whole streams.

use projection::testing::{self, Database, MemoryStreams};
use serde_json::{Value, json};

use crate::rig::{Event, Rig, message, places};

const ORDER: &str = "00000000-0000-0000-0000-00000000000a";

/// Forty messages in three streams, stored at the same instants across them.
fn fill(streams: &MemoryStreams) {
    for number in 0..30_u128 {
        let stream = ["ORDERS", "PAYMENTS"][usize::from(number % 3 == 0)];
        let kind = if number % 2 == 0 { "orders.created" } else { "payments.captured" };
        let aggregate = if number % 5 == 0 { ORDER } else { "LAMP" };
        let data = if number == 7 { json!({ "order_id": ORDER }) } else { Value::Null };
        let at = i64::try_from(number / 4).unwrap() * 1_000_000;
        streams.push(stream, Event { kind, id: number + 1, cause: 0, aggregate, at }.stored(data));
    }
    for number in 0..10_u8 {
        streams.push("DEAD_LETTERS", message("dead_letters.payment-service", vec![number]));
    }
}

async fn filled(database: &Database) -> Rig {
    let streams = MemoryStreams::default();
    fill(&streams);
    Rig::over(database, &streams).await
}

#[tokio::test]
async fn each_filter_finds_what_it_says() {
    for database in testing::databases().await {
        let rig = filled(&database).await;
        let everything = rig.all("", 1_000).await;
        assert_eq!(everything.len(), 40);
        type Test = fn(&Value) -> bool;
        let filters: [(&str, Test); 10] = [
            ("stream=PAYMENTS", |e| e["stream"] == "PAYMENTS"),
            ("type=orders.created", |e| e["type"] == "orders.created"),
            ("order_id=0000000000000000000000000000000A", |e| e["order_id"] == ORDER),
            (&format!("aggregate_id={ORDER}"), |e| e["aggregate_id"] == ORDER),
            ("aggregate_id=LAMP", |e| e["aggregate_id"] == "LAMP"),
            ("trace_id=00000000000000000000000000000002", |e| {
                e["trace_id"] == "00000000000000000000000000000002"
            }),
            ("from=1970-01-01T00:00:03Z", |e| e["stored_at"].as_str() >= Some("1970-01-01T00:00:03")),
            ("to=1970-01-01T01:00:03%2B01:00", |e| e["stored_at"].as_str() < Some("1970-01-01T00:00:03")),
            ("stream=ORDERS&type=payments.captured&from=1970-01-01T00:00:02Z&to=1970-01-01T00:00:05Z", |e| {
                let at = e["stored_at"].as_str();
                let between = at >= Some("1970-01-01T00:00:02") && at < Some("1970-01-01T00:00:05");
                e["stream"] == "ORDERS" && e["type"] == "payments.captured" && between
            }),
            ("aggregate_id=nobody", |_| false),
        ];
        for (filter, test) in filters {
            let expected: Vec<_> = everything.iter().filter(|event| test(event)).cloned().collect();
            assert!(filter.ends_with("nobody") || (1..40).contains(&expected.len()), "{filter} tells");
            assert_eq!(places(&rig.all(&format!("&{filter}"), 1_000).await), places(&expected), "{filter}");
            assert_eq!(
                places(&rig.all(&format!("&{filter}"), 3).await),
                places(&expected),
                "{filter} in pages"
            );
        }
        rig.stop().await;
    }
}

#[tokio::test]
async fn pages_of_any_size_make_the_same_listing() {
    for database in testing::databases().await {
        let rig = filled(&database).await;
        let everything = rig.all("", 1_000).await;
        let key = |event: &Value| {
            let text = |member: &str| event[member].as_str().unwrap().to_owned();
            (text("stored_at"), text("stream"), event["sequence"].as_u64())
        };
        assert!(everything.is_sorted_by_key(key));
        for limit in [1, 7, 39, 40, 41] {
            assert_eq!(rig.all("", limit).await, everything, "pages of {limit}");
        }
        rig.stop().await;
    }
}

#[tokio::test]
async fn a_page_holds_still_while_more_arrives() {
    let database = testing::sqlite();
    let streams = MemoryStreams::default();
    fill(&streams);
    let rig = Rig::over(&database, &streams).await;
    let first = rig.get("/events?limit=10&stream=ORDERS").await;
    let cursor = first["next_cursor"].as_str().unwrap();
    let second = rig.get(&format!("/events?limit=10&stream=ORDERS&cursor={cursor}")).await;
    let last = streams
        .push("ORDERS", Event { kind: "x", id: 99, cause: 0, aggregate: "y", at: 1 << 40 }.stored(json!(1)));
    rig.until("ORDERS", last).await;
    let again = rig.get(&format!("/events?limit=10&stream=ORDERS&cursor={cursor}")).await;
    assert_eq!(again["events"], second["events"]);
    rig.stop().await;
}

#[tokio::test]
async fn a_stream_is_read_in_its_own_order() {
    for database in testing::databases().await {
        let streams = MemoryStreams::default();
        // A clock that was set back between the messages.
        for at in [50, 40, 30, 20, 10] {
            streams
                .push("ORDERS", Event { kind: "x", id: 1, cause: 0, aggregate: "y", at }.stored(json!(at)));
        }
        streams.push("ORDERS", message("orders.odd", b"\xff".to_vec()));
        let rig = Rig::over(&database, &streams).await;
        let expected: Vec<_> = (1..=6).map(|sequence| format!("ORDERS {sequence}")).collect();
        for limit in [1, 2, 100] {
            assert_eq!(places(&rig.all("&stream=ORDERS&after=0", limit).await), expected);
            assert_eq!(places(&rig.all("&stream=ORDERS&after=2", limit).await), expected[2..]);
        }
        let page = rig.get("/events?stream=ORDERS&after=4&limit=1000&view=digest").await;
        let digests = page["events"].as_array().unwrap();
        assert_eq!(places(digests), ["ORDERS 5", "ORDERS 6"]);
        assert_eq!((&page["next_cursor"], &page["complete_up_to"]["ORDERS"]), (&Value::Null, &json!(6)));
        let members: Vec<_> = digests[1].as_object().unwrap().keys().map(String::as_str).collect();
        assert_eq!(members, ["chain_hash", "id", "sequence", "sha256", "stream"]);
        assert_eq!(digests[0]["id"], "00000000-0000-0000-0000-000000000001");
        assert_eq!(digests[1]["id"], Value::Null);
        let hash_of_ff = "a8100ae6aa1940d0b663bb31cd466142ebbdbd5187131b92d93818987832eb89";
        assert_eq!(digests[1]["sha256"], hash_of_ff);
        rig.stop().await;
    }
}

#[tokio::test]
async fn large_bodies_end_a_page_early() {
    let database = testing::sqlite();
    let streams = MemoryStreams::default();
    for _ in 0..250 {
        streams.push("ORDERS", message("orders.large", vec![b'x'; 64 << 10]));
    }
    let rig = Rig::over(&database, &streams).await;
    let page = rig.get("/events?limit=250").await;
    assert!(page["events"].as_array().unwrap().len() < 250);
    assert_eq!(rig.all("", 250).await.len(), 250);
    rig.stop().await;
}
