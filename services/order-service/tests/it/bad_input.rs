//! Whatever callers send, they are told what to fix, and nothing of it is stored.

mod rows;

use serde_json::json;

use self::rows::Row;
use crate::{
    client::{Answer, lamps},
    rig::Rig,
};

#[tokio::test]
async fn bad_input_is_refused_with_what_to_fix_and_stores_nothing() {
    let rig = Rig::start().await;
    let order = rig.client().place(&lamps("c-1", 1), &[]).await.expect(202).id();
    rig.client().order(&order).await.expect(200);
    let before = rig.streams.last("REQUESTS").await;

    let rows = rows::all(rig.client(), &order);
    assert!(rows.len() >= 100, "{}", rows.len());
    let mut wrong = Vec::new();
    for Row { why, request, code, names } in rows {
        let answer = Answer::of(request).await;
        let (status, body) = (answer.code, answer.body.to_string());
        let is_problem = answer.header("content-type") == "application/problem+json";
        let tells = is_problem && answer.body["status"] == code && answer.text("/detail").contains(names);
        // Nobody reads long answers, and what may be a card number goes nowhere.
        let is_decent = body.len() < 4_000 && !body.contains("4111");
        if status != code || !tells || !is_decent {
            wrong.push(format!("{why}: {status} instead of {code}, {names:?} wanted in {body}"));
        }
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));

    assert_eq!(rig.streams.last("REQUESTS").await, before, "nothing was stored");
    rig.client().get("/ready").await.expect(200);
    rig.client().get("/health").await.expect(200);
    let metrics = rig.client().get("/metrics").await;
    let failures =
        metrics.body.as_str().unwrap().lines().find(|line| line.contains("status=\"5")).map(str::to_owned);
    assert_eq!(failures, None);
    rig.client().place(&lamps("c-1", 1), &[]).await.expect(202);
    rig.stop().await;
}

#[tokio::test]
async fn everything_wrong_with_a_body_is_told_at_once() {
    let rig = Rig::start().await;
    let body = json!({
        "customer_id": "",
        "currency": "eur",
        "lines": [{ "sku": "A", "quantity": 0, "unit_price": -1 }],
        "payment_method": "pm",
        "colour": "blue",
    });
    let problem = rig.client().place(&body, &[]).await.problem(422);
    assert_eq!(problem.text("/type"), "urn:problem:invalid-body");
    let errors = problem.body["errors"].as_array().unwrap();
    let pointers: Vec<_> = errors.iter().map(|error| error["pointer"].as_str().unwrap()).collect();
    assert_eq!(
        pointers,
        ["/colour", "/customer_id", "/currency", "/lines/0/quantity", "/lines/0/unit_price"]
    );
    rig.stop().await;
}
