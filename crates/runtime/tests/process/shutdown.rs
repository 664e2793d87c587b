//! What callers and probes see while the process stops.

use std::{
    io::{Read, Write},
    net::TcpStream,
};

use reqwest::StatusCode;
use serde_json::{Value, json};

use crate::{child::serving, http};

async fn get(url: &str) -> (StatusCode, Value) {
    let response = http().get(url).send().await.expect("the probe answers");
    let status = response.status();
    (status, response.json().await.unwrap_or(Value::Null))
}

#[tokio::test]
async fn draining_shows_at_once_and_ends_with_the_last_task() {
    let mut probe = serving(&["--behaviour", "task-hangs"]);
    probe.wait_for("ready");
    let (status, body) = get(&probe.url("/ready")).await;
    assert_eq!((status, &body["status"]), (StatusCode::OK, &json!("ready")));

    probe.signal("TERM");
    probe.wait_for("shutdown requested");
    let (status, body) = get(&probe.url("/ready")).await;
    assert_eq!((status, &body["status"]), (StatusCode::SERVICE_UNAVAILABLE, &json!("draining")));
    assert_eq!(get(&probe.url("/health")).await.0, StatusCode::OK);

    let refused = http().get(probe.url("/orders/1")).send().await.expect("the probe answers");
    assert_eq!(refused.status(), StatusCode::SERVICE_UNAVAILABLE);
    assert_eq!(refused.headers()["retry-after"], "1");
    assert_eq!(refused.headers()["content-type"], "application/problem+json");
}

#[test]
fn a_request_in_flight_is_finished() {
    let mut probe = serving(&[]);
    let mut exchange = TcpStream::connect(probe.address()).expect("it listens");
    let head = "POST /echo HTTP/1.1\r\nHost: probe\r\nContent-Length: 4\r\n\r\n";
    exchange.write_all(head.as_bytes()).expect("the request is sent");
    probe.wait_for("echo begun");
    probe.signal("TERM");
    probe.wait_for("shutdown requested");
    exchange.write_all(b"done").expect("the connection stands");

    let mut response = String::new();
    exchange.read_to_string(&mut response).expect("the response is text");
    assert!(
        response.starts_with("HTTP/1.1 200 OK\r\n") && response.ends_with("\r\n\r\ndone"),
        "{response:?}"
    );
    let ended = probe.end();
    assert_eq!(ended.code, Some(0), "{ended:#?}");
}

#[tokio::test]
async fn not_ready_until_started() {
    let probe = serving(&["--behaviour", "start-hangs"]);
    let (status, body) = get(&probe.url("/ready")).await;
    assert_eq!(status, StatusCode::SERVICE_UNAVAILABLE);
    assert_eq!(
        body,
        json!({ "status": "not ready", "checks": [{ "name": "start", "ready": false, "reason": "starting" }] })
    );
}
