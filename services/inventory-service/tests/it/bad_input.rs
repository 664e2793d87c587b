//! What cannot be meant is refused with what to fix, and changes nothing.

use reqwest::Method;
use serde_json::json;

use crate::rig::{Fleet, answer};

const GOOD: &str = r#"{"change":{"by":1}}"#;
const JSON: &str = "application/json";

#[tokio::test]
async fn bad_adjustments_are_refused_and_nothing_is_published() {
    let fleet = Fleet::start().await;
    let replica = fleet.ready_replica("a").await;
    let long_sku = "x".repeat(65);
    let long_key = "k".repeat(256);
    let long_reason = format!(r#"{{"change":{{"by":1}},"reason":"{}"}}"#, "x".repeat(501));
    let large = format!(r#"{{"change":{{"by":1}},"reason":"{}"}}"#, "x".repeat(20_000));
    // SKU, content type, key, body, status, what the detail says.
    let table = [
        ("A%20B", JSON, None, GOOD, 400, "sku must be a SKU"),
        ("%C3%BC", JSON, None, GOOD, 400, "1 to 64 characters"),
        ("a%2Fb", JSON, None, GOOD, 400, "sku must be a SKU"),
        ("%FF", JSON, None, GOOD, 400, "UTF-8"),
        (&long_sku, JSON, None, GOOD, 400, "1 to 64 characters"),
        ("A", JSON, Some(""), GOOD, 400, "Idempotency-Key must be 1 to 255"),
        ("A", JSON, Some("a\tb"), GOOD, 400, "printable ASCII"),
        ("A", JSON, Some(&long_key), GOOD, 400, "1 to 255"),
        ("A", "text/plain", None, GOOD, 415, "application/json"),
        ("A", JSON, None, "", 400, "the body is empty"),
        ("A", JSON, None, "{", 400, "EOF"),
        ("A", JSON, None, r#"{"change":{"by":1}} x"#, 400, "trailing"),
        ("A", JSON, None, "[]", 422, "expected an object"),
        ("A", JSON, None, r#"[{"by":1},null]"#, 422, "expected an object"),
        ("A", JSON, None, "null", 422, "expected an object"),
        ("A", JSON, None, "{}", 422, "missing field `change`"),
        ("A", JSON, None, r#"{"change":{"by":1},"resaon":"x"}"#, 422, "unknown field `resaon`"),
        ("A", JSON, None, r#"{"change":{"by":1},"change":{"by":2}}"#, 422, "duplicate field `change`"),
        (
            "A",
            JSON,
            None,
            r#"{"change":5}"#,
            422,
            "/change does not fit: invalid type: integer `5`, expected an object",
        ),
        ("A", JSON, None, r#"{"change":{}}"#, 422, "either `by` or `to`"),
        ("A", JSON, None, r#"{"change":{"at":5}}"#, 422, "unknown field `at`, expected `by` or `to`"),
        ("A", JSON, None, r#"{"change":{"by":1,"to":2}}"#, 422, "not both"),
        ("A", JSON, None, r#"{"change":{"by":"1"}}"#, 422, "i64"),
        ("A", JSON, None, r#"{"change":{"by":1.5}}"#, 422, "1.5"),
        ("A", JSON, None, r#"{"change":{"by":null}}"#, 422, "either `by` or `to`"),
        ("A", JSON, None, r#"{"change":[1,2]}"#, 422, "expected an object"),
        ("A", JSON, None, r#"{"change":{"by":0}}"#, 422, "/change/by"),
        ("A", JSON, None, r#"{"change":{"by":1000000001}}"#, 422, "from -1000000000 to 1000000000"),
        ("A", JSON, None, r#"{"change":{"by":9223372036854775808}}"#, 422, "/change/by"),
        ("A", JSON, None, r#"{"change":{"to":-1}}"#, 422, "-1"),
        ("A", JSON, None, r#"{"change":{"to":1000000001}}"#, 422, "from 0 to 1000000000"),
        ("A", JSON, None, r#"{"change":{"by":1},"reason":""}"#, 422, "/reason must be 1 to 500"),
        ("A", JSON, None, r#"{"change":{"by":1},"reason":"a\nb"}"#, 422, "control characters"),
        ("A", JSON, None, r#"{"change":{"by":1},"reason":7}"#, 422, "reason"),
        ("A", JSON, None, &long_reason, 422, "/reason"),
        ("A", JSON, None, &large, 413, "limit"),
    ];
    for (sku, content_type, key, body, status, hint) in table {
        let request = replica.request(Method::POST, &format!("/stock/{sku}/adjustments"));
        let mut request = request.header("Content-Type", content_type).body(body.to_owned());
        if let Some(key) = key {
            request = request.header("Idempotency-Key", key);
        }
        let refused = answer(request).await;
        let told = refused.body["detail"].as_str().is_some_and(|detail| detail.contains(hint));
        let names_fields = refused.body["errors"].is_array();
        assert!(
            refused.status == status && refused.is_problem() && told && names_fields == (status == 422),
            "{sku} {key:?} {body}: {refused:?}"
        );
    }
    let both = r#"{"change":{"by":0},"reason":""}"#;
    let refused =
        answer(replica.request(Method::POST, "/stock/A/adjustments").header("Content-Type", JSON).body(both));
    let errors = refused.await.body["errors"].take();
    let pointers: Vec<_> = errors.as_array().unwrap().iter().map(|error| &error["pointer"]).collect();
    assert_eq!(pointers, ["/change/by", "/reason"], "everything is told at once");

    assert_eq!(fleet.streams.last("REQUESTS").await, 0, "nothing was published");
    replica.stop().await;
}

#[tokio::test]
async fn bad_questions_are_refused() {
    let fleet = Fleet::start().await;
    let replica = fleet.ready_replica("a").await;
    let table = [
        (Method::GET, "/stock?limit=0", 400, "limit must be a whole number from 1 to 1000"),
        (Method::GET, "/stock?limit=1001", 400, "from 1 to 1000"),
        (Method::GET, "/stock?limit=ten", 400, "limit"),
        (Method::GET, "/stock?limit=-1", 400, "limit"),
        (Method::GET, "/stock?cursor=", 400, "next_cursor"),
        (Method::GET, "/stock?cursor=a%20b", 400, "next_cursor"),
        (Method::GET, "/stock?page=2", 400, "unknown field `page`"),
        (Method::GET, "/stock/a%20b", 400, "sku must be a SKU"),
        (Method::GET, "/stock/A/adjustments", 405, "does not support GET"),
        (Method::DELETE, "/stock/A", 405, "does not support DELETE"),
        (Method::GET, "/stok", 404, "nothing at /stok"),
    ];
    for (method, path, status, hint) in table {
        let refused = answer(replica.request(method, path)).await;
        let told = refused.body["detail"].as_str().is_some_and(|detail| detail.contains(hint));
        assert!(refused.status == status && refused.is_problem() && told, "{path}: {refused:?}");
    }
    assert_eq!(replica.get("/stock?limit=1000").await.body["items"], json!([]));
    replica.stop().await;
}
