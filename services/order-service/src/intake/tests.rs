//! What is taken, what is refused and with which words, and what makes two orders the same.

use proptest::prelude::*;
use serde_json::{Value, json};

use runtime::http::FieldError;

use super::{Content, MAX_LINES, Refusal, read_cancel, read_order};

fn good() -> Value {
    json!({
        "customer_id": "c-1001",
        "currency": "EUR",
        "lines": [
            { "sku": "LAMP-BLUE", "quantity": 2, "unit_price": 1999 },
            { "sku": "BULB-E27", "quantity": 1, "unit_price": 499 },
        ],
        "payment_method": "pm_card_visa",
    })
}

fn with(pointer: &str, value: Value) -> Value {
    let mut body = good();
    match body.pointer_mut(pointer) {
        Some(field) => *field = value,
        None => body[pointer.trim_start_matches('/')] = value,
    }
    body
}

fn read(body: &Value) -> Result<Content, Refusal> {
    read_order(body.to_string().as_bytes())
}

fn complaints(body: &Value) -> Vec<FieldError> {
    match read(body) {
        Err(Refusal::Invalid(errors)) => errors,
        other => panic!("{body} was not found invalid: {other:?}"),
    }
}

fn fingerprint(body: &Value) -> String {
    read(body).unwrap().fingerprint()
}

#[test]
fn a_good_order_is_taken_as_it_is() {
    let content = read(&good()).unwrap();
    assert_eq!((content.customer_id.as_str(), content.payment_method.as_str()), ("c-1001", "pm_card_visa"));
    assert_eq!((content.total.amount, content.total.currency.code()), (4497, "EUR"));
    let lines: Vec<_> =
        content.lines.iter().map(|line| (line.sku.as_str(), line.quantity, line.unit_price)).collect();
    assert_eq!(lines, [("LAMP-BLUE", 2, 1999), ("BULB-E27", 1, 499)]);
    assert_eq!(read(&with("/total", json!(4497))), Ok(content));
}

#[test]
fn the_bounds_themselves_are_good() {
    let line = |sku: String, quantity: u32| json!({ "sku": sku, "quantity": quantity, "unit_price": 10_000_000_000_i64 });
    let lines: Vec<_> = (0..MAX_LINES).map(|n| line(format!("S{n}"), 10_000)).collect();
    let content = read(&with("/lines", json!(lines))).unwrap();
    assert_eq!(content.total.amount, 10_000_000_000 * 10_000 * 100);
    for (pointer, text) in [("/customer_id", "c".repeat(64)), ("/payment_method", "p".repeat(128))] {
        assert!(read(&with(pointer, json!(text))).is_ok(), "{pointer}");
    }
    // Something that is free is fine as long as something else is not.
    assert!(read(&with("/lines/1/unit_price", json!(0))).is_ok());
}

#[test]
fn the_fingerprint_is_about_what_a_customer_would_notice() {
    let original = fingerprint(&good());
    // It is kept for as long as orders are: another way to compute it would refuse every repetition.
    assert_eq!(original, "16ce9da86132ea547d9b0c3985198c6a6e7acbe6272f4fae9afbf0f8eb47cda9");

    let mut reversed = good();
    reversed["lines"].as_array_mut().unwrap().reverse();
    assert_eq!(fingerprint(&reversed), original);
    assert_eq!(fingerprint(&with("/total", json!(4497))), original);
    for (pointer, value) in [
        ("/customer_id", json!("c-1002")),
        ("/currency", json!("USD")),
        ("/payment_method", json!("pm_card_amex")),
        ("/lines/0/sku", json!("LAMP-RED")),
        ("/lines/0/quantity", json!(3)),
        ("/lines/0/unit_price", json!(1998)),
    ] {
        assert_ne!(fingerprint(&with(pointer, value)), original, "{pointer}");
    }
}

#[test]
fn a_wrong_line_is_not_blamed_on_the_sum_as_well() {
    let mut body = with("/lines/0/quantity", json!(0));
    body["total"] = json!(4497);
    let [error] = &complaints(&body)[..] else { panic!("one mistake, one complaint") };
    assert_eq!(error.pointer, "/lines/0/quantity");
    assert_eq!(error.detail, "must be a whole number from 1 to 10000, not 0");
}

#[test]
fn a_hostile_body_does_not_buy_a_long_answer() {
    let names = (0..1_000).map(|n| (format!("{}{n}", "x".repeat(50)), Value::Null));
    let body = Value::Object(names.collect());
    let errors = complaints(&body);
    assert_eq!(errors.len(), 21);
    assert!(errors.last().unwrap().detail.ends_with("more fields are wrong"));
    assert!(errors.iter().all(|error| error.pointer.len() <= 41), "{errors:?}");
}

#[test]
fn what_may_be_a_card_number_is_never_repeated() {
    let card = "4111111111111111";
    let bodies = [
        with("/payment_method", json!(card)),
        with("/payment_method", json!(4_111_111_111_111_111_i64)),
        with("/lines/0/quantity", json!(4_111_111_111_111_111_i64)),
        with(&format!("/{card}"), json!(1)),
        with("/currency", json!(4_111_111_111_111_111_i64)),
    ];
    for body in bodies {
        let told = format!("{:?}", complaints(&body));
        assert!(!told.contains("4111"), "{told}");
    }
}

#[test]
fn a_cancellation_may_say_why() {
    assert_eq!(read_cancel(b""), Ok(None));
    assert_eq!(read_cancel(b"{}"), Ok(None));
    let words = "zu blau, schön wär's 🙂";
    assert_eq!(read_cancel(json!({ "reason": words }).to_string().as_bytes()), Ok(Some(words.to_owned())));
    let long = json!({ "reason": "x".repeat(501) }).to_string();
    for body in [" ", "{", "[]", "null", "{\"reason\":\"\"}", "{\"reason\":1}", "{\"because\":\"\"}", &long] {
        assert!(read_cancel(body.as_bytes()).is_err(), "{body}");
    }
}

/// JSON of any shape, often with the names that matter.
fn any_json() -> impl Strategy<Value = Value> {
    let leaf = prop_oneof![
        Just(Value::Null),
        any::<bool>().prop_map(Value::from),
        any::<i64>().prop_map(Value::from),
        any::<f64>().prop_map(Value::from),
        ".{0,8}".prop_map(Value::from),
        Just(json!("EUR")),
    ];
    let names =
        ["customer_id", "currency", "lines", "total", "payment_method", "sku", "quantity", "unit_price"];
    let name = prop_oneof![prop::sample::select(names.to_vec()).prop_map(str::to_owned), ".{0,4}"];
    leaf.prop_recursive(4, 32, 6, move |inner| {
        prop_oneof![
            prop::collection::vec(inner.clone(), 0..6).prop_map(Value::from),
            prop::collection::vec((name.clone(), inner), 0..8)
                .prop_map(|members| Value::Object(members.into_iter().collect())),
        ]
    })
}

proptest! {
    #[test]
    fn anything_is_either_an_order_or_told_what_is_wrong(body in any_json()) {
        match read(&body) {
            Ok(content) => prop_assert!(content.total.amount > 0),
            Err(Refusal::Invalid(errors)) => {
                prop_assert!(!errors.is_empty() && errors.iter().all(|error| !error.detail.is_empty()));
            }
            Err(Refusal::Malformed(why)) => prop_assert!(false, "{body} is JSON: {why}"),
        }
    }

    #[test]
    fn no_bytes_are_too_strange(body in prop::collection::vec(any::<u8>(), 0..200)) {
        if let Err(Refusal::Malformed(why)) = read_order(&body) {
            prop_assert!(!why.is_empty());
        }
    }

    #[test]
    fn the_total_is_the_sum_of_the_lines(
        lines in prop::collection::vec((1_u32..=10_000, 0_i64..=10_000_000_000), 1..=20)
    ) {
        let sum: i64 = lines.iter().map(|(quantity, price)| i64::from(*quantity) * price).sum();
        let lines: Vec<_> = lines.iter().enumerate()
            .map(|(n, (quantity, price))| json!({ "sku": n.to_string(), "quantity": quantity, "unit_price": price }))
            .collect();
        let read = read(&with("/lines", json!(lines)));
        prop_assert_eq!(read.ok().map(|content| content.total.amount), Some(sum).filter(|sum| *sum > 0));
    }
}
