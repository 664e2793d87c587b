//! What each answer of a gateway means, by value.

use super::*;

fn request() -> ChargeRequest {
    ChargeRequest {
        order_id: Uuid::from_u128(1),
        amount: 1250,
        currency: "EUR".to_owned(),
        payment_method: "tok_visa".to_owned(),
        customer_id: "c-1".to_owned(),
    }
}

fn answer(status: u16, body: &[u8]) -> Answer {
    Answer { status: StatusCode::from_u16(status).unwrap(), retry_after: None, body: body.to_vec() }
}

/// The kind of an error, or what was returned instead.
fn kind<T: std::fmt::Debug>(result: Result<T, GatewayError>) -> String {
    match result {
        Ok(outcome) => format!("{outcome:?}"),
        Err(GatewayError::Down { .. }) => "down".to_owned(),
        Err(GatewayError::Throttled { .. }) => "throttled".to_owned(),
        Err(GatewayError::Unsettled) => "unsettled".to_owned(),
        Err(GatewayError::Unknown(_)) => "unknown".to_owned(),
        Err(GatewayError::Unanswered(_)) => "unanswered".to_owned(),
        Err(GatewayError::InProgress(_)) => "in progress".to_owned(),
        Err(GatewayError::NotSent(_)) => "not sent".to_owned(),
        Err(GatewayError::Busy { .. }) => "busy".to_owned(),
        Err(GatewayError::Misconfigured(_)) => "misconfigured".to_owned(),
        Err(GatewayError::Rejected(_)) => "rejected".to_owned(),
        Err(GatewayError::Contradiction(_)) => "contradiction".to_owned(),
    }
}

/// What a status means with the gateway's own error document, and what with anything else.
const STATUSES: [(u16, &str, &str); 18] = [
    (301, "unknown", "misconfigured"),
    (400, "rejected", "misconfigured"),
    (401, "misconfigured", "misconfigured"),
    (403, "misconfigured", "misconfigured"),
    (404, "rejected", "misconfigured"),
    (405, "rejected", "misconfigured"),
    (408, "unanswered", "unanswered"),
    (409, "in progress", "misconfigured"),
    (413, "rejected", "misconfigured"),
    (415, "rejected", "misconfigured"),
    (422, "rejected", "misconfigured"),
    (429, "busy", "busy"),
    (431, "rejected", "misconfigured"),
    (500, "unknown", "unanswered"),
    (501, "unknown", "unanswered"),
    (502, "unanswered", "unanswered"),
    (503, "unknown", "unanswered"),
    (504, "unanswered", "unanswered"),
];

#[test]
fn statuses_without_an_outcome() {
    let own = br#"{"error":{"type":"some_error","message":"m"}}"#;
    for (status, by_gateway, by_another) in STATUSES {
        let bodies =
            [(&own[..], by_gateway), (b"<html>", by_another), (b"", by_another), (b"{}", by_another)];
        for (body, expected) in bodies {
            let answer = answer(status, body);
            assert_eq!(kind(charged(&answer, &request())), expected, "{answer:?}");
            assert_eq!(kind(found_charge(&answer, &request())), expected, "{answer:?}");
        }
    }
}

#[test]
fn a_busy_gateway_is_asked_again_when_it_says_and_within_reason() {
    let table = [(None, 1), (Some(0), 1), (Some(7), 7), (Some(86_400), 300)];
    for (asked, expected) in table {
        let answer = Answer { retry_after: asked.map(Duration::from_secs), ..answer(429, b"") };
        let Err(GatewayError::Busy { retry_in, .. }) = charged(&answer, &request()) else { panic!() };
        assert_eq!(retry_in, Duration::from_secs(expected));
    }
}

#[test]
fn a_success_counts_only_if_it_is_what_was_asked_for() {
    let table = [
        (
            r#"{"id":"ch_1","amount":1250,"currency":"eur","status":"succeeded"}"#,
            "Captured { charge_id: \"ch_1\" }",
        ),
        (r#"{"id":"ch_1","amount":1249,"currency":"EUR","status":"succeeded"}"#, "contradiction"),
        (r#"{"id":"ch_1","amount":1250,"currency":"USD","status":"succeeded"}"#, "contradiction"),
        (r#"{"id":"ch_1","amount":1250,"currency":"EUR","status":"pending"}"#, "in progress"),
        (r#"{"id":"ch_1"}"#, "unknown"),
        ("", "unknown"),
    ];
    for (body, expected) in table {
        assert_eq!(kind(charged(&answer(200, body.as_bytes()), &request())), expected, "{body}");
    }
}

#[test]
fn a_refund_counts_only_if_it_is_what_was_asked_for_and_was_made() {
    let request = RefundRequest {
        order_id: Uuid::from_u128(1),
        charge_id: "ch_1".to_owned(),
        amount: 1250,
        currency: "EUR".to_owned(),
    };
    let table = [
        (
            "re_1",
            1250,
            "ch_1",
            "succeeded",
            "Refund { refund_id: \"re_1\" }",
            "Some(Refund { refund_id: \"re_1\" })",
        ),
        ("re_1", 1, "ch_1", "succeeded", "contradiction", "contradiction"),
        ("re_1", 1250, "ch_2", "succeeded", "contradiction", "None"),
        ("re_1", 1250, "ch_1", "pending", "in progress", "in progress"),
        ("re_1", 1250, "ch_1", "failed", "unknown", "None"),
    ];
    for (id, amount, charge, status, made, found) in table {
        let refund = serde_json::json!({
            "id": id, "amount": amount, "currency": "EUR", "charge": charge, "status": status
        });
        let of_one = serde_json::json!({ "data": [refund] });
        let answer = |body: &serde_json::Value| answer(200, body.to_string().as_bytes());
        assert_eq!(kind(refunded(&answer(&refund), &request)), made, "{refund}");
        assert_eq!(kind(found_refund(&answer(&of_one), &request)), found, "{refund}");
    }
    let failed_then_made = br#"{"data":[
        {"id":"re_1","amount":1250,"currency":"EUR","charge":"ch_1","status":"failed"},
        {"id":"re_2","amount":1250,"currency":"EUR","charge":"ch_1","status":"succeeded"}]}"#;
    let found = kind(found_refund(&answer(200, failed_then_made), &request));
    assert_eq!(found, "Some(Refund { refund_id: \"re_2\" })");
}

#[test]
fn a_decline_carries_its_code() {
    let coded = br#"{"error":{"type":"card_error","code":"expired_card","message":"m"}}"#;
    let bare = br#"{"error":{"type":"card_error"}}"#;
    for (body, code) in [(&coded[..], "expired_card"), (bare, "card_declined")] {
        let outcome = charged(&answer(402, body), &request()).unwrap();
        assert_eq!(outcome, ChargeOutcome::Declined { code: code.to_owned() });
    }
    for body in [&b""[..], b"{}", b"<html>"] {
        let outcome = kind(charged(&answer(402, body), &request()));
        assert_eq!(outcome, "misconfigured", "nobody but the gateway says that a card was declined");
    }
}

#[test]
fn a_capture_outweighs_a_decline() {
    let declined =
        r#"{"id":"ch_1","amount":1250,"currency":"EUR","status":"failed","failure_code":"expired_card"}"#;
    let captured = r#"{"id":"ch_2","amount":1250,"currency":"EUR","status":"succeeded","failure_code":null}"#;
    let pending = r#"{"id":"ch_3","amount":1250,"currency":"EUR","status":"pending","failure_code":null}"#;
    let less = r#"{"id":"ch_4","amount":1249,"currency":"EUR","status":"succeeded","failure_code":null}"#;
    let table = [
        (String::new(), "None"),
        (declined.to_owned(), "Some(Declined { code: \"expired_card\" })"),
        (format!("{declined},{captured}"), "Some(Captured { charge_id: \"ch_2\" })"),
        (format!("{captured},{captured}"), "Some(Captured { charge_id: \"ch_2\" })"),
        (format!("{pending},{captured}"), "Some(Captured { charge_id: \"ch_2\" })"),
        (pending.to_owned(), "in progress"),
        (format!("{declined},{pending}"), "in progress"),
        (less.to_owned(), "contradiction"),
    ];
    for (charges, expected) in table {
        let body = format!(r#"{{"data":[{charges}]}}"#);
        assert_eq!(kind(found_charge(&answer(200, body.as_bytes()), &request())), expected);
    }
}

#[test]
fn a_refusal_says_what_the_gateway_said() {
    let body =
        br#"{"error":{"type":"invalid_request_error","code":"amount_too_large","message":"too much"}}"#;
    let error = charged(&answer(400, body), &request()).unwrap_err();
    let expected =
        "the gateway refused the request: 400 Bad Request: invalid_request_error amount_too_large: too much";
    assert_eq!(error.to_string(), expected);
}
