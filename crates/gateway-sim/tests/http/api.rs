//! Idempotency, refusals, look-ups and the ledger.

use gateway_sim::{Entry, Faults, LedgerPage, Operation, Options, Summary};
use reqwest::{Method, StatusCode};
use serde_json::{Value, json};
use tokio::task::JoinSet;

use crate::caller::{Caller, error_of, order};

#[tokio::test]
async fn a_charge_is_answered_as_stripe_answers_it() {
    let caller = Caller::with(Faults::default()).await;
    let response = caller.charge("o-1", &order("o-1", "tok_visa")).await;
    assert_eq!(response.status(), StatusCode::OK);
    let charge: Value = response.json().await.unwrap();
    assert!(charge["id"].as_str().unwrap().starts_with("ch_"));
    assert_eq!(charge["status"], "succeeded");
    assert_eq!(charge["amount"], 1250);
    assert_eq!(charge["currency"], "EUR");
    assert_eq!(charge["metadata"]["order_id"], "o-1");
    assert_eq!(charge["created"], 1_700_000_000);
}

#[tokio::test]
async fn the_same_key_repeats_the_same_answer() {
    let caller = Caller::with(Faults::default()).await;
    for method in ["tok_visa", "tok_insufficient_funds"] {
        let first = caller.charge(method, &order("o-1", method)).await;
        let second = caller.charge(method, &order("o-1", method)).await;
        assert_eq!(first.status(), second.status());
        assert_eq!(first.headers().get("idempotent-replayed"), None);
        assert_eq!(second.headers()["idempotent-replayed"], "true");
        assert_eq!(first.bytes().await.unwrap(), second.bytes().await.unwrap());
    }
    assert_eq!(caller.gateway.sim().summary().charges, 2);
}

#[tokio::test]
async fn the_same_key_with_another_body_is_refused() {
    let caller = Caller::with(Faults::default()).await;
    caller.charge("o-1", &order("o-1", "tok_visa")).await;
    let (status, error) = error_of(caller.charge("o-1", &order("o-2", "tok_visa")).await).await;
    assert_eq!((status, error["type"].as_str()), (400, Some("idempotency_error")));
    assert_eq!(caller.captures(), 1);
}

#[tokio::test]
async fn fifty_callers_with_one_key_make_one_charge() {
    let caller = Caller::with(Faults { latency_jitter_ms: 5, ..Faults::default() }).await;
    let url = format!("{}/v1/charges", caller.gateway.base_url());
    let mut callers = JoinSet::new();
    for _ in 0..50 {
        let request = caller.http.post(&url).header("Idempotency-Key", "o-1");
        callers.spawn(request.body(order("o-1", "tok_visa").to_string()).send());
    }
    while let Some(response) = callers.join_next().await {
        assert_eq!(response.unwrap().unwrap().status(), StatusCode::OK);
    }
    let summary: Summary = serde_json::from_value(caller.get("/admin/ledger/summary").await).unwrap();
    assert_eq!((summary.charges, summary.captured, summary.replays), (1, 1, 49));
    assert_eq!(summary.requests, 50);
    assert_eq!(summary.amounts["EUR"].captured, 1250);
}

#[tokio::test]
async fn declining_tokens_are_declined() {
    let caller = Caller::with(Faults::default()).await;
    let table = [
        ("tok_charge_declined", "card_declined"),
        ("tok_insufficient_funds", "insufficient_funds"),
        ("tok_expired_card", "expired_card"),
    ];
    for (token, code) in table {
        let (status, error) = error_of(caller.charge(token, &order(token, token)).await).await;
        assert_eq!((status, error["type"].as_str()), (402, Some("card_error")));
        assert_eq!(error["code"], code);
        assert!(error["charge"].as_str().unwrap().starts_with("ch_"));
    }
    assert_eq!(caller.captures(), 0);
}

#[tokio::test]
async fn invalid_charges_are_refused_and_leave_the_key_free() {
    let caller = Caller::with(Faults::default()).await;
    let good = order("o-1", "tok_visa");
    let with = |field: &str, value: Value| {
        let mut body = good.clone();
        body[field] = value;
        body.to_string()
    };
    let bodies = [
        String::new(),
        "null".to_owned(),
        "[]".to_owned(),
        good.to_string()[..40].to_owned(),
        format!("{good} x"),
        with("amount", json!(0)),
        with("amount", json!(-5)),
        with("amount", json!(12.5)),
        with("amount", json!("1250")),
        with("amount", json!(1e20)),
        with("currency", json!("EURO")),
        with("currency", json!("E1R")),
        with("payment_method", json!("")),
        with("metadata", json!({})),
        with("metadata", json!({"order_id": "x".repeat(256)})),
        with("surprise", json!(1)),
    ];
    for body in bodies {
        let response = caller.send(Method::POST, "/v1/charges", Some("o-1"), &body).await.unwrap();
        let (status, error) = error_of(response).await;
        assert_eq!((status, error["type"].as_str()), (400, Some("invalid_request_error")), "{body}");
        assert!(!error["message"].as_str().unwrap().is_empty());
    }
    assert_eq!(caller.charge("o-1", &good).await.status(), StatusCode::OK);
}

#[tokio::test]
async fn a_key_is_needed_and_must_be_sound() {
    let caller = Caller::with(Faults::default()).await;
    let body = order("o-1", "tok_visa").to_string();
    for key in [None, Some(""), Some("two words"), Some("x".repeat(256).as_str())] {
        let response = caller.send(Method::POST, "/v1/charges", key, &body).await.unwrap();
        assert_eq!(response.status(), StatusCode::BAD_REQUEST, "{key:?}");
    }
}

#[tokio::test]
async fn refunds_stay_within_the_capture() {
    let caller = Caller::with(Faults::default()).await;
    let charge: Value = caller.charge("o-1", &order("o-1", "tok_visa")).await.json().await.unwrap();
    let refund =
        |amount: i64| json!({"charge": charge["id"], "amount": amount, "metadata": {"order_id": "o-1"}});

    let (status, error) = error_of(caller.refund("r-1", &refund(1251)).await).await;
    assert_eq!((status, error["code"].as_str()), (400, Some("amount_too_large")));
    let first = caller.refund("r-1", &refund(1250)).await;
    assert_eq!(first.status(), StatusCode::OK);
    let again = caller.refund("r-1", &refund(1250)).await;
    assert_eq!(again.headers()["idempotent-replayed"], "true");
    assert_eq!(first.bytes().await.unwrap(), again.bytes().await.unwrap());
    let (status, error) = error_of(caller.refund("r-2", &refund(1)).await).await;
    assert_eq!((status, error["code"].as_str()), (400, Some("charge_already_refunded")));

    let (status, _) = error_of(caller.refund("r-3", &json!({"charge": "ch_none", "amount": 1})).await).await;
    assert_eq!(status, 404);
    let stranger = json!({"charge": charge["id"], "amount": 1, "metadata": {"order_id": "o-2"}});
    assert_eq!(error_of(caller.refund("r-4", &stranger).await).await.1["param"], "metadata.order_id");
}

#[tokio::test]
async fn charges_and_refunds_are_found_by_key_and_by_order() {
    let caller = Caller::with(Faults::default()).await;
    let charge: Value = caller.charge("k-1", &order("o-1", "tok_visa")).await.json().await.unwrap();
    caller.refund("r-1", &json!({"charge": charge["id"], "amount": 50})).await;

    for query in ["idempotency_key=k-1", "order_id=o-1"] {
        let found = caller.get(&format!("/v1/charges/lookup?{query}")).await;
        assert_eq!(found["data"].as_array().unwrap().len(), 1);
        assert_eq!(found["data"][0]["id"], charge["id"]);
        assert_eq!(found["data"][0]["amount_refunded"], 50);
    }
    for query in ["idempotency_key=r-1", "order_id=o-1"] {
        let found = caller.get(&format!("/v1/refunds/lookup?{query}")).await;
        assert_eq!(found["data"][0]["charge"], charge["id"]);
    }
    assert_eq!(caller.get("/v1/charges/lookup?order_id=nobody").await["data"], json!([]));
    let response = caller.send(Method::GET, "/v1/charges/lookup", None, "").await.unwrap();
    assert_eq!(response.status(), StatusCode::BAD_REQUEST);
}

#[tokio::test]
async fn the_ledger_is_read_page_by_page() {
    let caller = Caller::with(Faults::default()).await;
    let methods = ["tok_visa", "tok_expired_card", "tok_visa"];
    for (number, method) in methods.into_iter().enumerate() {
        let id = format!("o-{number}");
        caller.charge(&id, &order(&id, method)).await;
    }
    let mut entries: Vec<Entry> = Vec::new();
    let mut cursor = Some(0);
    while let Some(from) = cursor {
        let page = caller.get(&format!("/admin/ledger?cursor={from}&limit=2")).await;
        let page: LedgerPage = serde_json::from_value(page).unwrap();
        entries.extend(page.entries);
        cursor = page.next_cursor;
    }
    assert_eq!(entries.iter().map(|entry| entry.seq).collect::<Vec<_>>(), [1, 2, 3]);
    assert_eq!(entries[1].order_id, "o-1");
    assert!(matches!(entries[1].operation, Operation::Decline { .. }));

    for query in ["limit=0", "limit=10001", "cursor=-1", "page=2"] {
        let response = caller.send(Method::GET, &format!("/admin/ledger?{query}"), None, "").await.unwrap();
        assert_eq!(response.status(), StatusCode::BAD_REQUEST, "{query}");
    }
}

#[tokio::test]
async fn a_restarted_gateway_knows_its_charges() {
    let dir = tempfile::tempdir().unwrap();
    let options = || Options { ledger: Some(dir.path().join("ledger.jsonl")), ..Options::for_tests() };
    let before = Caller::new(options()).await;
    let first = before.charge("o-1", &order("o-1", "tok_visa")).await.bytes().await.unwrap();
    before.gateway.stop().await;

    let after = Caller::new(options()).await;
    let second = after.charge("o-1", &order("o-1", "tok_visa")).await;
    assert_eq!(second.headers()["idempotent-replayed"], "true");
    assert_eq!(first, second.bytes().await.unwrap());
    assert_eq!(after.captures(), 1);
}
