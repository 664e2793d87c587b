//! Stock comes and goes: adjust then read, refusals, repetitions, pages.

use serde_json::{Value, json};
use tokio::task::JoinSet;

use crate::rig::{Answer, Fleet, answer};

#[tokio::test]
async fn what_was_adjusted_can_be_read_at_once() {
    let fleet = Fleet::start().await;
    let replica = fleet.ready_replica("a").await;
    assert_eq!(replica.get("/stock").await.body["items"], json!([]));
    let unknown = replica.get("/stock/LAMP").await;
    assert!(unknown.status == 404 && unknown.is_problem(), "{unknown:?}");

    let body = json!({ "change": { "by": 12 }, "reason": "delivery 4711" });
    let made = answer(replica.post("LAMP", &body)).await;
    assert_eq!(
        (made.status, made.level(), made.body["delta"].as_i64()),
        (200, (12, 0, 12), Some(12)),
        "{made:?}"
    );
    assert!(!made.replayed());
    let found = replica.get("/stock/LAMP").await;
    assert_eq!((found.status, found.level()), (200, (12, 0, 12)));
    assert!(found.sequence() >= made.sequence());
    assert_eq!(found.body["sku"], "LAMP");

    let made = replica.adjust("LAMP", json!({ "to": 5 })).await;
    assert_eq!((made.level(), made.body["delta"].as_i64()), ((5, 0, 5), Some(-7)));
    let adjusted = fleet.inventory("inventory.adjusted").await;
    assert_eq!(adjusted.len(), 2);
    assert_eq!(adjusted[0]["data"]["reason"], "delivery 4711");
    assert_eq!(adjusted[1]["data"]["adjustment_id"], made.body["adjustment_id"]);
    assert_eq!(
        made.sequence(),
        fleet.streams.last("INVENTORY").await,
        "the level is as of the event that made it"
    );

    replica.measures("inventory_skus", "1").await;
    replica.measures(r#"inventory_adjustments_total{outcome="made"}"#, "2").await;
    replica.stop().await;
}

#[tokio::test]
async fn what_would_leave_less_than_nothing_is_refused() {
    let fleet = Fleet::start().await;
    let replica = fleet.ready_replica("a").await;
    replica.adjust("LAMP", json!({ "to": 5 })).await;
    let refused = replica.adjust("LAMP", json!({ "by": -6 })).await;
    assert!(refused.status == 409 && refused.is_problem(), "{refused:?}");
    assert_eq!(refused.body["type"], "urn:problem:adjustment-refused");
    let (on_hand, reserved) = (&refused.body["on_hand"], &refused.body["reserved"]);
    assert_eq!((on_hand.as_u64(), reserved.as_u64()), (Some(5), Some(0)));
    assert_eq!(replica.get("/stock/LAMP").await.level(), (5, 0, 5), "nothing has changed");

    let refused = replica.adjust("NEW", json!({ "by": -1 })).await;
    assert_eq!(refused.status, 409);
    assert_eq!(replica.get("/stock/NEW").await.status, 404, "a refusal stocks nothing");
    replica.measures(r#"inventory_adjustments_total{outcome="refused"}"#, "2").await;
    replica.stop().await;
}

#[tokio::test]
async fn a_repetition_under_the_same_key_adjusts_nothing_twice() {
    let fleet = Fleet::start().await;
    let replica = fleet.ready_replica("a").await;
    let first = replica.adjust_as("k1", "LAMP", json!({ "by": 3 })).await;
    let requests = fleet.streams.last("REQUESTS").await;
    let again = replica.adjust_as("k1", "LAMP", json!({ "by": 3 })).await;
    assert_eq!((first.status, again.status), (200, 200));
    assert_eq!(first.body["adjustment_id"], again.body["adjustment_id"]);
    assert_eq!((first.replayed(), again.replayed(), again.level()), (false, true, (3, 0, 3)));
    assert_eq!(fleet.streams.last("REQUESTS").await, requests, "what is known is not asked again");

    let other = replica.adjust_as("k1", "LAMP", json!({ "by": 4 })).await;
    assert_eq!((other.status, &other.body["type"]), (422, &json!("urn:problem:idempotency-key-reused")));
    let elsewhere = replica.adjust_as("k1", "BULB", json!({ "by": 4 })).await;
    assert_eq!((elsewhere.status, elsewhere.level()), (200, (4, 0, 4)), "keys belong to their SKU");

    let refused = replica.adjust_as("k2", "LAMP", json!({ "by": -4 })).await;
    replica.adjust("LAMP", json!({ "by": 10 })).await;
    let again = replica.adjust_as("k2", "LAMP", json!({ "by": -4 })).await;
    assert_eq!((refused.status, again.status, again.replayed()), (409, 409, true), "a refusal stands");
    assert_eq!(replica.get("/stock/LAMP").await.level(), (13, 0, 13));
    replica.stop().await;
}

#[tokio::test]
async fn twenty_at_once_under_one_key_are_one_adjustment_and_without_a_key_twenty() {
    let fleet = Fleet::start().await;
    let replica = fleet.ready_replica("a").await;
    let body = json!({ "change": { "by": 3 } });
    let at_once = async |sku: &str, key: Option<&'static str>| -> Vec<Answer> {
        let mut callers = JoinSet::new();
        for _ in 0..20 {
            let request = replica.post(sku, &body);
            callers.spawn(answer(match key {
                Some(key) => request.header("Idempotency-Key", key),
                None => request,
            }));
        }
        callers.join_all().await
    };
    let answers = at_once("KEYED", Some("k")).await;
    let ids: Vec<&Value> = answers.iter().map(|answer| &answer.body["adjustment_id"]).collect();
    assert!(answers.iter().all(|answer| answer.status == 200 && answer.level() == (3, 0, 3)), "{answers:?}");
    assert!(ids.iter().all(|id| *id == ids[0]), "{ids:?}");
    assert_eq!(answers.iter().filter(|answer| !answer.replayed()).count(), 1, "one was the first");
    assert_eq!(fleet.inventory("inventory.adjusted").await.len(), 1);

    let answers = at_once("UNKEYED", None).await;
    assert!(answers.iter().all(|answer| answer.status == 200 && !answer.replayed()), "{answers:?}");
    assert_eq!(replica.get("/stock/UNKEYED").await.level(), (60, 0, 60));
    replica.stop().await;
}

#[tokio::test]
async fn pages_hold_every_sku_once_in_order() {
    let fleet = Fleet::start().await;
    let replica = fleet.ready_replica("a").await;
    for number in [5, 3, 1, 4, 2] {
        replica.adjust(&format!("SKU-{number}"), json!({ "to": number })).await;
    }
    let (mut path, mut sizes, mut skus) = ("/stock?limit=2".to_owned(), Vec::new(), Vec::new());
    loop {
        let page = replica.get(&path).await;
        assert_eq!((page.status, page.sequence()), (200, fleet.streams.last("INVENTORY").await));
        let items = page.body["items"].as_array().unwrap();
        sizes.push(items.len());
        skus.extend(items.iter().map(|item| (item["sku"].clone(), item["available"].as_u64().unwrap())));
        let Some(cursor) = page.body.get("next_cursor") else { break };
        path = format!("/stock?limit=2&cursor={}", cursor.as_str().unwrap());
    }
    assert_eq!(sizes, [2, 2, 1]);
    assert_eq!(skus, (1..=5).map(|n| (json!(format!("SKU-{n}")), n)).collect::<Vec<_>>());
    let whole = replica.get("/stock?limit=5").await;
    assert!(whole.body.get("next_cursor").is_none(), "a full last page is the last");
    replica.stop().await;
}
