//! Bad requests: each wrong in one way, with the code it must get and what the answer must name.

use reqwest::{
    Method,
    header::{CONTENT_TYPE, HeaderValue},
};
use serde_json::{Value, json};

use crate::client::{Client, lamps};

/// Every bad request there is, to a service that has this open order.
pub(super) fn all(client: &Client, order: &str) -> Vec<Row> {
    let mut table = Table { client, order, rows: Vec::new() };
    for fill in [malformed, wrong_fields, wrong_lines, wrong_headers, wrong_paths, wrong_cancellations] {
        fill(&mut table);
    }
    table.rows
}

/// A request that is wrong in one way, the code it must get, and what the answer must name.
pub(super) struct Row {
    pub(super) why: &'static str,
    pub(super) request: reqwest::RequestBuilder,
    pub(super) code: u16,
    pub(super) names: &'static str,
}

/// Rows in the making.
struct Table<'a> {
    client: &'a Client,
    order: &'a str,
    rows: Vec<Row>,
}

impl Table<'_> {
    fn add(&mut self, why: &'static str, code: u16, names: &'static str, request: reqwest::RequestBuilder) {
        self.rows.push(Row { why, request, code, names });
    }

    /// A body as it is, sent as JSON.
    fn raw(&mut self, why: &'static str, code: u16, names: &'static str, body: impl Into<reqwest::Body>) {
        let request = self.client.request(Method::POST, "/orders").header(CONTENT_TYPE, "application/json");
        self.add(why, code, names, request.body(body));
    }

    /// A good order with one field replaced.
    fn field(&mut self, why: &'static str, names: &'static str, value: Value) {
        let mut body = lamps("c-1", 1);
        match body.pointer_mut(names) {
            Some(field) => *field = value,
            None => body[names.trim_start_matches('/')] = value,
        }
        self.raw(why, 422, names, body.to_string());
    }

    /// A good order with a piece of its text replaced.
    fn text(&mut self, why: &'static str, code: u16, names: &'static str, (from, to): (&str, &str)) {
        let body = lamps("c-1", 1).to_string();
        assert!(body.contains(from), "{from} is in {body}");
        self.raw(why, code, names, body.replacen(from, to, 1));
    }

    /// A good order with a header.
    fn header(&mut self, why: &'static str, names: &'static str, values: &[&[u8]]) {
        let request = self.client.request(Method::POST, "/orders").json(&lamps("c-1", 1));
        let request = values
            .iter()
            .fold(request, |request, value| request.header(names, HeaderValue::from_bytes(value).unwrap()));
        self.add(why, 400, names, request);
    }

    fn query(&mut self, why: &'static str, names: &'static str, query: &str) {
        self.add(why, 400, names, self.client.request(Method::GET, &format!("/orders?{query}")));
    }

    fn method(&mut self, why: &'static str, method: Method, path: &str) {
        self.add(why, 405, "Allow", self.client.request(method, path));
    }

    fn cancel(&mut self, why: &'static str, code: u16, names: &'static str, body: &'static str) {
        let path = format!("/orders/{}/cancel", self.order);
        let request = self.client.request(Method::POST, &path).header(CONTENT_TYPE, "application/json");
        self.add(why, code, names, request.body(body));
    }
}

fn malformed(table: &mut Table<'_>) {
    table.raw("no body", 400, "empty", "");
    table.raw("only blanks", 400, "empty", "  \n");
    table.raw("broken off", 400, "EOF", "{\"customer_id\":\"c-1\"");
    table.raw("single quotes", 400, "line 1 column 2", "{'customer_id':'c-1'}");
    table.raw("trailing garbage", 400, "trailing characters", format!("{} {{}}", lamps("c-1", 1)));
    table.text("trailing comma", 400, "trailing comma", ("}]", "},]"));
    table.raw("a byte order mark", 400, "byte order mark", format!("\u{feff}{}", lamps("c-1", 1)));
    table.raw(
        "UTF-16",
        400,
        "UTF-8",
        "\u{feff}{}".encode_utf16().flat_map(u16::to_le_bytes).collect::<Vec<_>>(),
    );
    table.raw("invalid UTF-8", 400, "unicode", b"{\"customer_id\":\"\xff\xfe\"}".to_vec());
    table.text("a raw control character", 400, "control character", ("c-1", "c\u{1}1"));
    table.text("a lone surrogate", 400, "hex escape", ("c-1", "\\ud800"));
    table.raw("nested too deep", 400, "recursion limit", "[".repeat(10_000));
    table.text("NaN", 400, "line 1", ("1999", "NaN"));
    table.text("a number beyond all numbers", 400, "number out of range", ("1999", "1e999"));
    table.text("a leading zero", 400, "number", ("1999", "01999"));
    table.raw("too large", 413, "65536 bytes", format!("{{\"x\":\"{}\"}}", "x".repeat(70_000)));
    let lines: Vec<_> =
        (0..10_000).map(|n| json!({ "sku": format!("S{n}"), "quantity": 1, "unit_price": 1 })).collect();
    let mut huge = lamps("c-1", 1);
    huge["lines"] = json!(lines);
    table.raw("ten thousand lines", 413, "split the order", huge.to_string());
}

fn wrong_fields(table: &mut Table<'_>) {
    table.raw("a list", 422, "must be an object", "[]");
    table.raw("null", 422, "must be an object", "null");
    table.raw("an empty object", 422, "/customer_id is missing", "{}");
    table.field("an unknown field", "/colour", json!("blue"));
    table.field("a prototype", "/__proto__", json!({}));
    table.text(
        "a field twice",
        422,
        "/currency is given more than once",
        ("\"currency\"", "\"currency\":\"EUR\",\"currency\""),
    );
    for (why, value) in [
        ("an empty customer", json!("")),
        ("an endless customer", json!("c".repeat(65))),
        ("a customer in Cyrillic", json!("с-1")),
        ("an invisible character", json!("c\u{200b}1")),
        ("an escaped control character", json!("c\u{0}1")),
        ("a customer with a blank", json!("c 1")),
        ("a customer with a wildcard", json!("c.*.>")),
        ("a number as customer", json!(1)),
        ("null as customer", Value::Null),
    ] {
        table.field(why, "/customer_id", value);
    }
    for (why, value) in [
        ("an unknown currency", json!("XTS")),
        ("a currency in small letters", json!("eur")),
        ("a number as currency", json!(978)),
    ] {
        table.field(why, "/currency", value);
    }
    for (why, value) in [
        ("a card number", json!("4111111111111111")),
        ("a card number in groups", json!("4111 1111 1111 1111")),
        ("a card number as a number", json!(4_111_111_111_111_111_i64)),
        ("an object as payment method", json!({ "token": "pm" })),
        ("a header break", json!("pm\r\nX: y")),
    ] {
        table.field(why, "/payment_method", value);
    }
}

fn wrong_lines(table: &mut Table<'_>) {
    let line = |sku: &str| json!({ "sku": sku, "quantity": 1, "unit_price": 1 });
    table.field("no lines", "/lines", json!([]));
    table.field("an object as lines", "/lines", line("A"));
    table.field(
        "too many lines",
        "/lines",
        json!((0..101).map(|n| line(&n.to_string())).collect::<Vec<_>>()),
    );
    let mut twice = lamps("c-1", 1);
    twice["lines"] = json!([line("A"), line("A")]);
    table.raw("a SKU twice", 422, "/lines/1/sku repeats A", twice.to_string());
    table.field("an empty line", "/lines/0", json!({}));
    for (why, value) in [("a SKU with a slash", json!("a/b")), ("an endless SKU", json!("S".repeat(65)))] {
        table.field(why, "/lines/0/sku", value);
    }
    for (why, value) in [
        ("no pieces", json!(0)),
        ("fewer than no pieces", json!(-1)),
        ("half a piece", json!(0.5)),
        ("too many pieces", json!(10_001)),
        ("pieces in words", json!("2")),
        ("pieces beyond all bounds", json!(u64::MAX)),
    ] {
        table.field(why, "/lines/0/quantity", value);
    }
    for (why, value) in [
        ("a negative price", json!(-1)),
        ("a price in a fraction", json!(19.99)),
        ("a huge price", json!(10_000_000_001_i64)),
        ("true as price", json!(true)),
    ] {
        table.field(why, "/lines/0/unit_price", value);
    }
    table.text("a price with an exponent", 422, "/lines/0/unit_price", ("1999", "2e3"));
    table.text("free of charge", 422, "/lines cost nothing", ("1999", "0"));
    table.field("another total", "/total", json!(2000));
    table.field("a negative total", "/total", json!(-1999));
}

fn wrong_headers(table: &mut Table<'_>) {
    let post = |content_type: Option<&str>| {
        let request = table.client.request(Method::POST, "/orders").body(lamps("c-1", 1).to_string());
        content_type.map_or(request.try_clone().unwrap(), |value| request.header(CONTENT_TYPE, value))
    };
    let types = [
        ("no content type", post(None)),
        ("text", post(Some("text/plain"))),
        ("a form", post(Some("application/x-www-form-urlencoded"))),
    ];
    for (why, request) in types {
        table.add(why, 415, "Content-Type: application/json", request);
    }
    table.header("an empty key", "Idempotency-Key", &[b""]);
    table.header("an endless key", "Idempotency-Key", &[&[b'k'; 256]]);
    table.header("a key that is no ASCII", "Idempotency-Key", &["schlüssel".as_bytes()]);
    table.header("a key with a tab", "Idempotency-Key", &[b"a\tb"]);
    table.header("two keys", "Idempotency-Key", &[b"a", b"b"]);
    table.header("waiting for how long", "Prefer", &[b"wait=soon"]);
    table.header("waiting backwards", "Prefer", &[b"wait=-1"]);
    table.header("a preference that is no ASCII", "Prefer", &[b"wait=\xff"]);
}

fn wrong_paths(table: &mut Table<'_>) {
    let get = |path: &str| table.client.request(Method::GET, path);
    let endless = format!("/orders/{}", "a".repeat(5_000));
    let paths = [
        ("no UUID", get("/orders/42")),
        ("a UUID broken off", get("/orders/0198c0de-7a11-7c3e")),
        ("an endless id", get(&endless)),
        ("a way out", get("/orders/..%2fhealth")),
        ("an id that is no UTF-8", get("/orders/%ff%fe")),
        ("an id with a zero byte", get("/orders/%00")),
        ("no UUID to cancel", table.client.request(Method::POST, "/orders/42/cancel")),
    ];
    for (why, request) in paths {
        table.add(why, 400, "order_id", request);
    }
    table.add("an unknown order", 404, "no order", get_unknown(table.client));
    table.add(
        "reading and waiting for how long",
        400,
        "Prefer",
        get_unknown(table.client).header("Prefer", "wait=soon"),
    );
    table.add("an unknown path", 404, "/order", table.client.request(Method::GET, "/order"));
    table.method("PUT", Method::PUT, "/orders");
    table.method("DELETE", Method::DELETE, "/orders/0198c0de-7a11-7c3e-9b5d-2f6a1e8d4c70");
    table.method("GET", Method::GET, "/orders/0198c0de-7a11-7c3e-9b5d-2f6a1e8d4c70/cancel");
    table.method("an invented method", Method::from_bytes(b"BREW").unwrap(), "/orders");
    for (why, names, query) in [
        ("no limit", "limit", "limit=0"),
        ("a limit too high", "limit", "limit=101"),
        ("a negative limit", "limit", "limit=-1"),
        ("a limit with a sign", "limit", "limit=%2B5"),
        ("a limit in words", "limit", "limit=ten"),
        ("an unknown status", "status", "status=shipped"),
        ("no customer", "customer_id", "customer_id="),
        ("an injection", "customer_id", "customer_id=c-1%27%20OR%201=1"),
        ("an invented cursor", "cursor", "cursor=abc"),
        ("a cursor of zeros", "cursor", "cursor=00000000000000000000000000000000"),
        ("an unknown parameter", "sort", "sort=asc"),
        ("a parameter twice", "limit", "limit=1&limit=2"),
    ] {
        table.query(why, names, query);
    }
    for (why, names, query) in [
        ("minutes in words", "minutes", "minutes=five"),
        ("minutes below zero", "minutes", "minutes=-1"),
        ("a fraction of a minute", "minutes", "minutes=1.5"),
        ("more than a year", "minutes", "minutes=525601"),
        ("minutes beyond any number", "minutes", "minutes=99999999999999999999"),
        ("no limit", "limit", "limit=0"),
        ("an invented cursor", "cursor", "cursor=abc"),
        ("an unknown parameter", "minutes, limit, cursor", "status=accepted"),
        ("a parameter twice", "minutes", "minutes=1&minutes=2"),
    ] {
        let path = format!("/orders/stuck?{query}");
        table.add(why, 400, names, table.client.request(Method::GET, &path));
    }
    table.method("POST", Method::POST, "/orders/stuck");
}

fn get_unknown(client: &Client) -> reqwest::RequestBuilder {
    client.request(Method::GET, "/orders/0198c0de-7a11-7c3e-9b5d-2f6a1e8d4c70")
}

fn wrong_cancellations(table: &mut Table<'_>) {
    table.cancel("malformed", 400, "JSON", "{");
    table.cancel("a list", 422, "must be an object", "[]");
    table.cancel("an unknown field", 422, "/why", "{\"why\":\"x\"}");
    table.cancel("an empty reason", 422, "/reason", "{\"reason\":\"\"}");
    table.cancel("a reason with a line break", 422, "/reason", "{\"reason\":\"a\\nb\"}");
    table.cancel("null as reason", 422, "/reason", "{\"reason\":null}");
    let path = format!("/orders/{}/cancel", table.order);
    let request =
        table.client.request(Method::POST, &path).header(CONTENT_TYPE, "text/plain").body("because");
    table.add("a reason as text", 415, "application/json", request);
    let request = table.client.request(Method::POST, &path).header("Prefer", "wait=1.5");
    table.add("waiting for a fraction", 400, "Prefer", request);
}
