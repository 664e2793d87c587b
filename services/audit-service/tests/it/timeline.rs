//! Everything that happened to an order, causes before effects.

use events::Timestamp;
use messaging::log::Stored;
use projection::testing::{self, MemoryStreams};
use reqwest::StatusCode;
use serde_json::{Value, json};

use crate::rig::{Event, Rig, message, places};

const ORDER: &str = "00000000-0000-0000-0000-00000000000a";
const OTHER: &str = "00000000-0000-0000-0000-00000000000b";

/// A whole life, by clocks that disagree, between events of other orders.
fn life(streams: &MemoryStreams) {
    let event = |stream: &str, kind, id, cause, aggregate, at, data| {
        streams.push(stream, Event { kind, id, cause, aggregate, at }.stored(data));
    };
    event("REQUESTS", "requests.stock.adjust", 90, 0, "LAMP", 1, json!({ "sku": "LAMP" }));
    event("REQUESTS", "requests.order.place", 1, 0, ORDER, 500, json!({ "order_id": ORDER }));
    event("ORDERS", "orders.control", 91, 0, "ORDERS", 2, json!({ "epoch": 1 }));
    event("ORDERS", "orders.created", 2, 1, ORDER, 400, json!({ "order_id": ORDER }));
    event("ORDERS", "orders.created", 92, 0, OTHER, 410, json!({ "order_id": OTHER }));
    event("ORDERS", "orders.confirmed", 5, 4, ORDER, 100, json!({ "order_id": ORDER }));
    // An aggregate that is no order: it is the payload that names the order.
    event("INVENTORY", "inventory.reserved", 3, 2, "LAMP", 300, json!({ "order_id": ORDER, "n": 1.50 }));
    event("INVENTORY", "inventory.committed", 6, 5, ORDER, 600, json!({ "order_id": ORDER }));
    event("PAYMENTS", "payments.captured", 4, 3, ORDER, 200, json!({ "order_id": ORDER }));
    event("NOTIFICATIONS", "notifications.sent", 7, 5, ORDER, 50, json!({ "order_id": ORDER }));
    streams.push("PAYMENTS", message("payments.captured", b"garbage".to_vec()));
    // A copy of the reservation, which somebody could not handle, and which was put back.
    for (stream, at) in [("DEAD_LETTERS", 450), ("REDRIVE", 550)] {
        let copy = Event { kind: "inventory.reserved", id: 3, cause: 2, aggregate: "LAMP", at: 300 };
        let copy = copy.stored(json!({ "order_id": ORDER, "n": 1.50 }));
        streams.push(stream, Stored { timestamp: Timestamp(at), ..copy });
    }
}

#[tokio::test]
async fn a_whole_life_is_told_in_causal_order() {
    for database in testing::databases().await {
        let streams = MemoryStreams::default();
        life(&streams);
        let rig = Rig::over(&database, &streams).await;

        let timeline = rig.get(&format!("/orders/{ORDER}/timeline")).await;
        assert_eq!((&timeline["order_id"], &timeline["truncated"]), (&json!(ORDER), &json!(false)));
        let events = timeline["events"].as_array().unwrap();
        assert_eq!(
            places(events),
            [
                "REQUESTS 2",
                "ORDERS 2",
                "INVENTORY 1",
                "PAYMENTS 1",
                "ORDERS 4",
                "NOTIFICATIONS 1",
                "DEAD_LETTERS 1",
                "REDRIVE 1",
                "INVENTORY 2",
            ]
        );
        assert_eq!(
            timeline["complete_up_to"],
            json!({ "REQUESTS": 2, "ORDERS": 4, "INVENTORY": 2, "PAYMENTS": 2, "NOTIFICATIONS": 1,
                    "DEAD_LETTERS": 1, "REDRIVE": 1, "ADVISORIES": 0 })
        );
        rig.stop().await;
    }
}

#[tokio::test]
async fn an_event_is_shown_as_it_was_published() {
    let database = testing::sqlite();
    let streams = MemoryStreams::default();
    life(&streams);
    let rig = Rig::over(&database, &streams).await;
    let timeline = rig.get(&format!("/orders/{ORDER}/timeline")).await;
    let reserved = timeline["events"][2].clone();
    let expected = json!({
        "id": "00000000-0000-0000-0000-000000000003", "type": "inventory.reserved", "version": 1,
        "aggregate_id": "LAMP", "order_id": ORDER, "trace_id": "00000000000000000000000000000001",
        "causation_id": "00000000-0000-0000-0000-000000000002", "timestamp": "1970-01-01T00:00:00.000300Z",
        "data": { "order_id": ORDER, "n": 1.50 },
        "stream": "INVENTORY", "sequence": 1, "subject": "inventory.reserved",
        "stored_at": "1970-01-01T00:00:00.000300Z", "headers": {},
    });
    for (member, value) in expected.as_object().unwrap() {
        assert_eq!(&reserved[member], value, "{member}");
    }
    for hash in ["sha256", "chain_hash"] {
        assert_eq!(reserved[hash].as_str().unwrap().len(), 64);
    }
    assert_eq!(reserved.as_object().unwrap().len(), expected.as_object().unwrap().len() + 2);
    rig.stop().await;
}

#[tokio::test]
async fn an_order_nobody_has_heard_of_is_not_found() {
    let database = testing::sqlite();
    let rig = Rig::over(&database, &MemoryStreams::default()).await;
    let (status, problem) = rig.ask(&format!("/orders/{ORDER}/timeline")).await;
    assert_eq!((status, &problem["order_id"]), (StatusCode::NOT_FOUND, &json!(ORDER)));
    rig.stop().await;
}

#[tokio::test]
async fn a_life_without_end_is_cut() {
    let database = testing::sqlite();
    let streams = MemoryStreams::default();
    for number in 1..=1_001 {
        let event = Event { kind: "orders.seen", id: number, cause: 0, aggregate: ORDER, at: 1 };
        streams.push("ORDERS", event.stored(Value::Null));
    }
    let rig = Rig::over(&database, &streams).await;
    let timeline = rig.get(&format!("/orders/{ORDER}/timeline")).await;
    assert_eq!(timeline["truncated"], json!(true));
    assert_eq!(timeline["events"].as_array().unwrap().len(), 1_000);
    rig.stop().await;
}
