//! Every fault switch, and what it does to the traffic.

use std::time::{Duration, Instant};

use gateway_sim::{Faults, Traffic};
use reqwest::{Method, StatusCode};
use serde_json::json;

use crate::caller::{Caller, error_of, order};

#[tokio::test]
async fn switches_are_turned_at_run_time() {
    let caller = Caller::with(Faults::default()).await;
    for (method, changes) in [(Method::PUT, r#"{"latency_ms": 1}"#), (Method::PATCH, r#"{"outage": true}"#)] {
        let response = caller.send(method, "/admin/faults", None, changes).await.unwrap();
        assert_eq!(response.status(), StatusCode::OK);
    }
    let expected = Faults { latency_ms: 1, outage: true, ..Faults::default() };
    assert_eq!(caller.get("/admin/faults").await, serde_json::to_value(expected).unwrap());

    let refused = r#"{"outage": false, "error_rate": 2}"#;
    let (status, error) =
        error_of(caller.send(Method::PUT, "/admin/faults", None, refused).await.unwrap()).await;
    assert_eq!(
        (status, error["message"].as_str()),
        (400, Some("`error_rate` must be a number from 0 to 1, not 2"))
    );
    assert!(caller.gateway.sim().faults().outage, "a refused change changes nothing");
}

#[tokio::test]
async fn an_outage_answers_503_and_does_nothing() {
    let caller = Caller::with(Faults { outage: true, ..Faults::default() }).await;
    assert_eq!(
        caller.charge("o-1", &order("o-1", "tok_visa")).await.status(),
        StatusCode::SERVICE_UNAVAILABLE
    );
    assert_eq!(caller.captures(), 0);
}

#[tokio::test]
async fn errors_come_before_or_after_the_work() {
    for (faults, captures) in [
        (Faults { error_rate: 1.0, ..Faults::default() }, 0),
        (Faults { error_after_rate: 1.0, ..Faults::default() }, 1),
    ] {
        let caller = Caller::with(faults).await;
        let response = caller.charge("o-1", &order("o-1", "tok_visa")).await;
        assert_eq!(response.status(), StatusCode::INTERNAL_SERVER_ERROR);
        assert_eq!(caller.captures(), captures);

        caller.gateway.sim().set_faults(Faults::default());
        assert_eq!(caller.charge("o-1", &order("o-1", "tok_visa")).await.status(), StatusCode::OK);
        assert_eq!(caller.captures(), 1);
    }
}

#[tokio::test]
async fn a_hanging_charge_is_made_although_its_caller_gives_up() {
    let caller = Caller::with(Faults { hang_rate: 1.0, hang_ms: 600_000, ..Faults::default() }).await;
    let body = order("o-1", "tok_visa");
    let patience = async {
        while caller.captures() == 0 {
            tokio::task::yield_now().await;
        }
    };
    tokio::select! {
        response = caller.charge("o-1", &body) => panic!("answered {}", response.status()),
        charged = tokio::time::timeout(Duration::from_secs(30), patience) => charged.unwrap(),
    }
    caller.gateway.sim().set_faults(Faults::default());
    let again = caller.charge("o-1", &body).await;
    assert_eq!(again.headers()["idempotent-replayed"], "true");
}

#[tokio::test]
async fn a_late_charge_is_in_the_books_only_at_its_end_and_needs_no_caller() {
    let caller = Caller::with(Faults { late_rate: 1.0, hang_ms: 1_500, ..Faults::default() }).await;
    let body = order("o-1", "tok_visa");
    let under_way = async {
        while caller.gateway.sim().traffic().in_flight == 0 {
            tokio::task::yield_now().await;
        }
    };
    tokio::select! {
        response = caller.charge("o-1", &body) => panic!("answered {}", response.status()),
        () = under_way => {}
    }
    caller.gateway.sim().set_faults(Faults::default());
    assert_eq!(caller.get("/v1/charges/lookup?order_id=o-1").await["data"], json!([]));
    let done = async {
        while caller.gateway.sim().traffic().in_flight > 0 {
            tokio::task::yield_now().await;
        }
    };
    tokio::time::timeout(Duration::from_secs(30), done).await.unwrap();
    assert_eq!(caller.captures(), 1);
}

#[tokio::test]
async fn one_token_always_fails() {
    let caller = Caller::with(Faults::default()).await;
    let response = caller.charge("o-1", &order("o-1", "tok_internal_error")).await;
    let (status, error) = error_of(response).await;
    assert_eq!((status, error["type"].as_str()), (500, Some("api_error")));
    assert_eq!(caller.get("/v1/charges/lookup?order_id=o-1").await["data"], json!([]));
}

#[tokio::test]
async fn traffic_is_counted_at_the_door() {
    let caller = Caller::with(Faults { outage: true, ..Faults::default() }).await;
    caller.charge("o-1", &order("o-1", "tok_visa")).await;
    let look_up = caller.send(Method::GET, "/v1/charges/lookup?order_id=o-1", None, "").await.unwrap();
    assert_eq!(look_up.status(), StatusCode::SERVICE_UNAVAILABLE);
    let traffic: Traffic = serde_json::from_value(caller.get("/admin/traffic").await).unwrap();
    assert_eq!((traffic.requests, traffic.payments, traffic.last_minute), (2, 1, 2));
    assert_eq!((traffic.in_flight, traffic.peak, traffic.seconds.iter().sum()), (0, 1, 2_u64));
    caller.gateway.sim().set_faults(Faults::default());
    assert_eq!(caller.gateway.sim().traffic().requests, 0, "counted since the switches changed");
}

#[tokio::test]
async fn a_reset_gives_no_answer_and_sometimes_does_the_work() {
    let caller = Caller::with(Faults { reset_rate: 1.0, ..Faults::default() }).await;
    for number in 0..20 {
        let id = format!("o-{number}");
        let body = order(&id, "tok_visa").to_string();
        let error = caller.send(Method::POST, "/v1/charges", Some(&id), &body).await.unwrap_err();
        assert!(error.is_request() && !error.is_connect(), "{error:?}");
    }
    assert!((1..20).contains(&caller.captures()), "{} of 20 were made", caller.captures());
}

#[tokio::test]
async fn latency_delays_every_answer() {
    let caller = Caller::with(Faults { latency_ms: 60, latency_jitter_ms: 10, ..Faults::default() }).await;
    let started = Instant::now();
    assert_eq!(caller.charge("o-1", &order("o-1", "tok_visa")).await.status(), StatusCode::OK);
    assert!(started.elapsed() >= Duration::from_millis(60));
}

#[tokio::test]
async fn random_declines_belong_to_the_key() {
    let faults = Faults { decline_rate: 0.5, ignore_idempotency: true, ..Faults::default() };
    let caller = Caller::with(faults).await;
    let mut declined = 0;
    for number in 0..20 {
        let id = format!("o-{number}");
        let first = caller.charge(&id, &order(&id, "tok_visa")).await.status();
        assert_eq!(first, caller.charge(&id, &order(&id, "tok_visa")).await.status());
        declined += u32::from(first == StatusCode::PAYMENT_REQUIRED);
    }
    assert!((1..20).contains(&declined), "{declined} of 20 were declined");
}

#[tokio::test]
async fn ignored_keys_charge_twice() {
    let caller = Caller::with(Faults { ignore_idempotency: true, ..Faults::default() }).await;
    caller.charge("o-1", &order("o-1", "tok_visa")).await;
    caller.charge("o-1", &order("o-1", "tok_visa")).await;
    assert_eq!(caller.captures(), 2);
    assert_eq!(caller.gateway.sim().entries_of_order("o-1").len(), 2);
}
