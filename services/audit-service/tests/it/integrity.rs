//! What is missing from the trail, and what was changed in it, is found and named.

use projection::testing::{self, Database, MemoryStreams};
use serde_json::{Value, json};

use crate::rig::{Event, Rig, message};

/// Ten orders' events, one of them no event, and five payments.
async fn filled(database: &Database) -> Rig {
    let streams = MemoryStreams::default();
    fill(&streams);
    Rig::over(database, &streams).await
}

fn fill(streams: &MemoryStreams) {
    for id in 1..=10 {
        let event = Event { kind: "orders.created", id, cause: 0, aggregate: "LAMP", at: 5 };
        let stored =
            if id == 6 { message("orders.odd", b"{".to_vec()) } else { event.stored(json!(id as u64)) };
        streams.push("ORDERS", stored);
    }
    for id in 11..=15 {
        let event = Event { kind: "payments.captured", id, cause: 0, aggregate: "LAMP", at: 5 };
        streams.push("PAYMENTS", event.stored(json!({})));
    }
}

fn stream<'a>(report: &'a Value, name: &str) -> &'a Value {
    report["streams"].as_array().unwrap().iter().find(|stream| stream["stream"] == name).unwrap()
}

#[tokio::test]
async fn an_untouched_trail_is_intact_and_complete() {
    for database in testing::databases().await {
        let rig = filled(&database).await;
        let report = rig.get("/integrity").await;
        assert_eq!((&report["intact"], &report["complete"]), (&json!(true), &json!(true)));
        assert_eq!((&report["finished"], report.get("next")), (&json!(true), None));
        assert_eq!(report.get("verification"), None);
        let mut orders = stream(&report, "ORDERS").clone();
        let head = orders["head"].take();
        assert_eq!(head, rig.all("&stream=ORDERS&after=9", 1).await[0]["chain_hash"]);
        assert_eq!(
            orders,
            json!({ "stream": "ORDERS", "first": 1, "last": 10, "written": 10, "from": 1, "up_to": 10,
                    "count": 10, "expected": 10, "gaps": [], "removed": [], "head": null,
                    "broker": { "first": 1, "last": 10, "behind": 0, "went_back": false } })
        );
        let empty = stream(&report, "REDRIVE");
        assert_eq!((&empty["first"], &empty["count"], &empty["head"]), (&json!(0), &json!(0), &Value::Null));

        let verified = rig.get("/integrity?verify=full").await;
        let verification = json!({ "ok": true, "verified": 15, "broken": [] });
        assert_eq!(verified["verification"], verification);
        let rest = rig.get("/integrity?verify=full&stream=ORDERS&from=8").await;
        assert_eq!(rest["verification"]["verified"], json!(3 + 5));
        assert_eq!(rest["verification"]["ok"], json!(true));
        let rest = rig.get("/integrity?stream=ORDERS&from=8").await;
        assert_eq!(
            (&rest["streams"][0]["stream"], &rest["streams"][0]["count"]),
            (&json!("ORDERS"), &json!(3))
        );
        rig.stop().await;
    }
}

#[tokio::test]
async fn every_change_is_found_where_it_was_made() {
    for (statement, place, what) in [
        ("UPDATE events SET body = chain_hash WHERE stream = 'ORDERS' AND sequence = 4", 4, "hash"),
        ("UPDATE events SET subject = 'orders.lost' WHERE stream = 'ORDERS' AND sequence = 1", 1, "hash"),
        ("UPDATE events SET headers = '{\"a\":[]}' WHERE stream = 'ORDERS' AND sequence = 10", 10, "hash"),
        ("UPDATE events SET stored_at = 6 WHERE stream = 'ORDERS' AND sequence = 6", 6, "hash"),
        ("UPDATE events SET chain_hash = body WHERE stream = 'ORDERS' AND sequence = 5", 5, "hash"),
        ("UPDATE events SET aggregate_id = 'x' WHERE stream = 'ORDERS' AND sequence = 7", 7, "columns"),
        ("UPDATE events SET id = NULL WHERE stream = 'ORDERS' AND sequence = 2", 2, "columns"),
        ("UPDATE events SET timestamp = 0 WHERE stream = 'ORDERS' AND sequence = 3", 3, "columns"),
        ("UPDATE events SET type = 'x', id = 'y' WHERE stream = 'ORDERS' AND sequence = 9", 9, "columns"),
    ] {
        for database in testing::databases().await {
            let rig = filled(&database).await;
            rig.tamper(statement).await;
            let report = rig.get("/integrity?verify=full").await;
            assert_eq!(
                (&report["intact"], &report["complete"]),
                (&json!(false), &json!(false)),
                "{statement}"
            );
            let broken = json!([{ "stream": "ORDERS", "sequence": place, "what": what }]);
            assert_eq!(report["verification"]["broken"], broken, "{statement}");
            // The other streams are verified all the same.
            assert_eq!(report["verification"]["verified"], json!(place + 5), "{statement}");
            rig.stop().await;
        }
    }
}

#[tokio::test]
async fn what_was_taken_out_is_found_without_a_verification() {
    for (statement, removed, broken) in [
        (
            "DELETE FROM events WHERE stream = 'ORDERS' AND sequence = 4",
            json!([{ "from": 4, "to": 4 }]),
            Some(5),
        ),
        (
            "DELETE FROM events WHERE stream = 'ORDERS' AND sequence <= 2",
            json!([{ "from": 1, "to": 2 }]),
            Some(3),
        ),
        (
            "DELETE FROM events WHERE stream = 'ORDERS' AND sequence > 7",
            json!([{ "from": 8, "to": 10 }]),
            None,
        ),
        ("DELETE FROM events WHERE stream = 'ORDERS'", json!([{ "from": 1, "to": 10 }]), None),
    ] {
        for database in testing::databases().await {
            let rig = filled(&database).await;
            rig.tamper(statement).await;
            let report = rig.get("/integrity?verify=full").await;
            assert_eq!(report["intact"], json!(false), "{statement}");
            assert_eq!(stream(&report, "ORDERS")["removed"], removed, "{statement}");
            let found = report["verification"]["broken"][0]["sequence"].as_u64();
            assert_eq!(found, broken, "{statement}");
            rig.stop().await;
        }
    }
}

#[tokio::test]
async fn gaps_of_the_stream_are_told_from_what_was_taken_out() {
    for database in testing::databases().await {
        let streams = MemoryStreams::default();
        let push = |sequence| {
            let event = Event { kind: "x", id: 1, cause: 0, aggregate: "y", at: 5 }.stored(Value::Null);
            streams.push_at("PAYMENTS", messaging::log::Stored { sequence, ..event });
        };
        for sequence in [3, 4, 9, 10, 11] {
            push(sequence);
        }
        let rig = Rig::over(&database, &streams).await;
        push(13);
        rig.until("PAYMENTS", 13).await;
        let report = rig.get("/integrity?verify=full").await;
        assert_eq!((&report["intact"], &report["complete"]), (&json!(true), &json!(false)));
        let mut payments = stream(&report, "PAYMENTS").clone();
        let gaps: Vec<_> = payments["gaps"].as_array_mut().unwrap().iter_mut().collect();
        let gaps: Vec<_> = gaps.into_iter().map(|gap| (gap["from"].take(), gap["to"].take())).collect();
        assert_eq!(gaps, [(json!(1), json!(2)), (json!(5), json!(8)), (json!(12), json!(12))]);
        assert_eq!((&payments["expected"], &payments["count"]), (&json!(6), &json!(6)));
        assert!(rig.metrics().await.contains("audit_missing_messages_total{stream=\"PAYMENTS\"} 7"));

        rig.tamper("DELETE FROM events WHERE stream = 'PAYMENTS' AND sequence IN (4, 10, 13)").await;
        let report = rig.get("/integrity").await;
        let removed = json!([{ "from": 4, "to": 4 }, { "from": 10, "to": 10 }, { "from": 13, "to": 13 }]);
        assert_eq!(stream(&report, "PAYMENTS")["removed"], removed);
        assert_eq!(report["intact"], json!(false));
        rig.stop().await;
    }
}

#[tokio::test]
async fn a_stream_made_anew_is_noticed() {
    let database = testing::sqlite();
    let rig = filled(&database).await;
    rig.stop().await;
    let anew = MemoryStreams::default();
    anew.push("ORDERS", message("orders.created", b"{}".to_vec()));
    let rig = Rig::over(&database, &anew).await;
    let report = rig.get("/integrity").await;
    let broker = json!({ "first": 1, "last": 1, "behind": 0, "went_back": true });
    assert_eq!(stream(&report, "ORDERS")["broker"], broker);
    assert_eq!((&report["intact"], &report["complete"]), (&json!(true), &json!(false)));
    rig.stop().await;
}

/// SQLite takes any type in any column. Whatever somebody puts there, the trail can be read, and it is reported.
#[tokio::test]
async fn what_was_forged_as_another_type_is_found_too() {
    let row = "WHERE stream = 'ORDERS' AND sequence = 4";
    for (change, found, what) in [
        ("body = 'forged'", 4, "hash"),
        ("body = CAST(x'fffe' AS TEXT)", 4, "hash"),
        ("body = 5", 4, "hash"),
        ("body = CAST(body AS TEXT)", 4, "columns"),
        ("chain_hash = 'forged'", 4, "hash"),
        ("chain_hash = hex(chain_hash)", 4, "hash"),
        ("subject = x'fffe'", 4, "hash"),
        ("subject = CAST(x'fffe' AS TEXT)", 4, "hash"),
        ("headers = 1", 4, "hash"),
        ("stored_at = 9223372036854775807", 4, "hash"),
        ("id = x'00'", 4, "columns"),
        ("id = CAST(id AS BLOB)", 4, "columns"),
        ("type = NULL", 4, "columns"),
        ("version = 'one'", 4, "columns"),
        ("aggregate_id = CAST(aggregate_id AS BLOB)", 4, "columns"),
        ("timestamp = NULL", 4, "columns"),
        // These have no place in the trail any more, so they count as taken out.
        ("stored_at = 'yesterday'", 5, "hash"),
        ("stored_at = 5.5", 5, "hash"),
        ("sequence = 4.5", 5, "hash"),
        ("sequence = 'four'", 5, "hash"),
        ("stream = CAST(stream AS BLOB)", 5, "hash"),
    ] {
        let database = testing::sqlite();
        let rig = filled(&database).await;
        rig.tamper(&format!("UPDATE events SET {change} {row}")).await;
        let listed = if found == 4 { 15 } else { 14 };
        assert_eq!(rig.all("", 3).await.len(), listed, "{change}: the trail can be listed");
        assert_eq!(rig.all("&stream=ORDERS&after=0", 3).await.len(), listed - 5, "{change}: and by sequence");
        let report = rig.get("/integrity?verify=full").await;
        assert_eq!(report["intact"], json!(false), "{change}");
        let broken = json!([{ "stream": "ORDERS", "sequence": found, "what": what }]);
        assert_eq!(report["verification"]["broken"], broken, "{change}");
        let removed = if found == 4 { json!([]) } else { json!([{ "from": 4, "to": 4 }]) };
        assert_eq!(stream(&report, "ORDERS")["removed"], removed, "{change}");
        rig.stop().await;
    }
}

#[tokio::test]
async fn what_is_no_event_belongs_to_no_order() {
    for database in testing::databases().await {
        let rig = filled(&database).await;
        rig.tamper("UPDATE events SET order_id = 'x', type = 'y' WHERE stream = 'ORDERS' AND sequence = 6")
            .await;
        let report = rig.get("/integrity?verify=full").await;
        let broken = json!([{ "stream": "ORDERS", "sequence": 6, "what": "columns" }]);
        assert_eq!(report["verification"]["broken"], broken);
        rig.stop().await;
    }
}

#[tokio::test]
async fn what_the_trail_has_never_written_is_noticed() {
    for place in ["'FORGED', 1", "'ORDERS', 4711", "'ORDERS', 0", "'REDRIVE', 1"] {
        for database in testing::databases().await {
            let rig = filled(&database).await;
            let columns = "subject, stored_at, id, type, version, aggregate_id, order_id, trace_id, causation_id, \
                 timestamp, headers, body, chain_hash";
            rig.tamper(&format!(
                "INSERT INTO events (stream, sequence, {columns}) SELECT {place}, {columns} FROM events \
                 WHERE stream = 'ORDERS' AND sequence = 4"
            ))
            .await;
            let report = rig.get("/integrity").await;
            assert_eq!((&report["intact"], &report["strangers"]), (&json!(false), &json!(1)), "{place}");
            rig.stop().await;
        }
    }
}

#[tokio::test]
async fn a_last_hash_of_another_type_does_not_stop_the_trail() {
    let (database, streams) = (testing::sqlite(), MemoryStreams::default());
    fill(&streams);
    let rig = Rig::over(&database, &streams).await;
    rig.tamper("UPDATE events SET chain_hash = 'forged' WHERE stream = 'ORDERS' AND sequence = 10").await;
    streams.push("ORDERS", message("orders.created", b"{}".to_vec()));
    rig.until("ORDERS", 11).await;
    let report = rig.get("/integrity?verify=full").await;
    let broken = json!([{ "stream": "ORDERS", "sequence": 10, "what": "hash" }]);
    assert_eq!(report["verification"]["broken"], broken);
    rig.stop().await;
}
