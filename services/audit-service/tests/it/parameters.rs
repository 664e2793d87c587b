//! What cannot be answered is refused with what to fix.

use projection::{
    Store,
    testing::{self, MemoryStreams},
};
use reqwest::StatusCode;
use serde_json::json;
use service::testing::SOON;
use testkit::eventually;

use crate::rig::{Event, Rig};

#[tokio::test]
async fn bad_parameters_are_refused_with_what_to_fix() {
    let database = testing::sqlite();
    let streams = MemoryStreams::default();
    for id in 1..=3 {
        streams.push("ORDERS", Event { kind: "x", id, cause: 0, aggregate: "y", at: 1 }.stored(json!(1)));
    }
    let rig = Rig::over(&database, &streams).await;
    let cursor = rig.get("/events?limit=1").await["next_cursor"].as_str().unwrap().to_owned();
    let long = format!("/events?aggregate_id={}", "x".repeat(513));
    let foreign = format!("/events?stream=ORDERS&cursor={cursor}");
    let other_order = format!("/events?stream=ORDERS&after=0&cursor={cursor}");
    for (path, parameter, hint) in [
        ("/events?stream=orders", "stream", "REQUESTS, ORDERS"),
        ("/events?stream=", "stream", "must be one of"),
        ("/events?type=", "type", "1 to 512 bytes"),
        ("/events?type=a%00b", "type", "without NUL"),
        (&long, "aggregate_id", "1 to 512 bytes"),
        ("/events?order_id=7", "order_id", "a UUID such as"),
        ("/events?trace_id=xyz", "trace_id", "32 hex digits"),
        ("/events?from=yesterday", "from", "an instant such as"),
        ("/events?from=2026-08-24T10:00:00+02:00", "from", "%2B"),
        ("/events?to=1756029600", "to", "an instant such as"),
        ("/events?from=2026-08-24T10:00:00Z&to=2026-08-24T10:00:00Z", "to", "later than `from`"),
        ("/events?limit=0", "limit", "from 1 to 1000"),
        ("/events?limit=1001", "limit", "from 1 to 1000"),
        ("/events?limit=ten", "limit", "from 1 to 1000"),
        ("/events?after=3", "after", "name it by `stream`"),
        ("/events?stream=ORDERS&after=-1", "after", "0 or more"),
        ("/events?cursor=7", "cursor", "next_cursor"),
        (&foreign, "cursor", "same other parameters"),
        (&other_order, "cursor", "same other parameters"),
        ("/events?view=short", "view", "full or digest"),
        ("/orders/7/timeline", "id", "a UUID such as"),
        ("/integrity?verify=yes", "verify", "must be full"),
        ("/integrity?stream=X", "stream", "must be one of"),
        ("/integrity?from=7", "from", "name it by `stream`"),
        ("/integrity?stream=ORDERS&from=-1", "from", "0 or more"),
        ("/integrity?verify=full&from=7", "from", "name it by `stream`"),
        ("/integrity?verify=full&stream=X", "stream", "must be one of"),
        ("/integrity?verify=full&stream=ORDERS&from=x", "from", "0 or more"),
    ] {
        let (status, problem) = rig.ask(path).await;
        assert_eq!((status, &problem["parameter"]), (StatusCode::BAD_REQUEST, &json!(parameter)), "{path}");
        assert_eq!(problem["type"], "urn:problem:invalid-parameter");
        let detail = problem["detail"].as_str().unwrap();
        assert!(detail.starts_with(parameter) && detail.contains(hint), "{path}: {detail}");
    }
    for (path, hint) in [
        ("/events?order=7", "unknown field `order`"),
        ("/events?limit=1&limit=2", "duplicate field `limit`"),
        ("/integrity?verfy=full", "unknown field `verfy`"),
    ] {
        let (status, problem) = rig.ask(path).await;
        assert_eq!(status, StatusCode::BAD_REQUEST);
        assert!(problem["detail"].as_str().unwrap().contains(hint), "{path}: {problem}");
    }
    rig.stop().await;
}

#[tokio::test]
async fn a_database_that_is_away_is_said_to_be_away() {
    let Some(database) = testing::postgres().await else { return };
    // The database of this name does not exist.
    let nowhere = format!("{}_gone", database.url().split('?').next().unwrap());
    let rig = Rig::start_on(Store::open(&nowhere).await.unwrap(), MemoryStreams::default()).await;
    let order = "00000000-0000-0000-0000-00000000000a";
    for path in ["/events".to_owned(), "/integrity".to_owned(), format!("/orders/{order}/timeline")] {
        let (status, problem) = rig.ask(&path).await;
        assert_eq!(status, StatusCode::SERVICE_UNAVAILABLE, "{path}: {problem}");
    }
    eventually(SOON, "the reason", async || {
        let (status, body) = rig.ask("/ready").await;
        let said = status == StatusCode::SERVICE_UNAVAILABLE && body.to_string().contains("does not exist");
        said.then_some(()).ok_or(body)
    })
    .await;
    rig.stop().await;
}
