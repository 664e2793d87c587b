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

/// The kind of an error, or what was returned instead.
fn kind<T: std::fmt::Debug>(result: Result<T, GatewayError>) -> String {
    match result {
        Ok(outcome) => format!("{outcome:?}"),
        Err(GatewayError::Down { .. }) => "down".to_owned(),
        Err(GatewayError::Unknown(_)) => "unknown".to_owned(),
        Err(GatewayError::NotSent(_)) => "not sent".to_owned(),
        Err(GatewayError::Rejected(_)) => "rejected".to_owned(),
        Err(GatewayError::Contradiction(_)) => "contradiction".to_owned(),
    }
}

#[test]
fn statuses_without_an_outcome() {
    let table = [
        (301, "unknown"),
        (400, "rejected"),
        (401, "not sent"),
        (403, "not sent"),
        (404, "rejected"),
        (408, "unknown"),
        (409, "unknown"),
        (422, "rejected"),
        (429, "not sent"),
        (500, "unknown"),
        (502, "unknown"),
        (503, "unknown"),
        (504, "unknown"),
    ];
    for (status, expected) in table {
        let status = StatusCode::from_u16(status).unwrap();
        assert_eq!(kind(charged(status, b"<html>", &request())), expected, "{status}");
        assert_eq!(kind(found_charge(status, b"<html>", &request())), expected, "{status}");
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
        (r#"{"id":"ch_1","amount":1250,"currency":"EUR","status":"pending"}"#, "unknown"),
        (r#"{"id":"ch_1"}"#, "unknown"),
        ("", "unknown"),
    ];
    for (body, expected) in table {
        assert_eq!(kind(charged(StatusCode::OK, body.as_bytes(), &request())), expected, "{body}");
    }
}

#[test]
fn a_refund_counts_only_if_it_is_what_was_asked_for() {
    let request = RefundRequest {
        order_id: Uuid::from_u128(1),
        charge_id: "ch_1".to_owned(),
        amount: 1250,
        currency: "EUR".to_owned(),
    };
    let table = [
        (r#"{"id":"re_1","amount":1250,"currency":"EUR","charge":"ch_1"}"#, "Refund { refund_id: \"re_1\" }"),
        (r#"{"id":"re_1","amount":1,"currency":"EUR","charge":"ch_1"}"#, "contradiction"),
        (r#"{"id":"re_1","amount":1250,"currency":"EUR","charge":"ch_2"}"#, "contradiction"),
    ];
    for (body, expected) in table {
        assert_eq!(kind(refunded(StatusCode::OK, body.as_bytes(), &request)), expected, "{body}");
    }
}

#[test]
fn a_decline_carries_its_code() {
    let coded = br#"{"error":{"type":"card_error","code":"expired_card","message":"m"}}"#;
    let table = [(&coded[..], "expired_card"), (b"{}", "card_declined"), (b"", "card_declined")];
    for (body, code) in table {
        let outcome = charged(StatusCode::PAYMENT_REQUIRED, body, &request()).unwrap();
        assert_eq!(outcome, ChargeOutcome::Declined { code: code.to_owned() });
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
        (pending.to_owned(), "unknown"),
        (format!("{declined},{pending}"), "unknown"),
        (less.to_owned(), "contradiction"),
    ];
    for (charges, expected) in table {
        let body = format!(r#"{{"data":[{charges}]}}"#);
        assert_eq!(kind(found_charge(StatusCode::OK, body.as_bytes(), &request())), expected);
    }
}

#[test]
fn a_refusal_says_what_the_gateway_said() {
    let body =
        br#"{"error":{"type":"invalid_request_error","code":"amount_too_large","message":"too much"}}"#;
    let error = charged(StatusCode::BAD_REQUEST, body, &request()).unwrap_err();
    let expected =
        "the gateway refused the request: 400 Bad Request: invalid_request_error amount_too_large: too much";
    assert_eq!(error.to_string(), expected);
}
