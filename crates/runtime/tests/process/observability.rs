//! Logs, metrics, problem documents and traces, as an operator and a caller get them.

use reqwest::StatusCode;
use serde_json::Value;

use crate::{
    child::{Probe, command, run, serving},
    collector::Collector,
    http,
};

const TRACE: &str = "4bf92f3577b34da6a3ce929d0e0e4736";

#[tokio::test]
async fn a_log_line_leads_from_the_order_to_the_trace() {
    let probe = serving(&[]);
    let request = http().get(probe.url("/orders/42"));
    let traced = request.header("traceparent", format!("00-{TRACE}-00f067aa0ba902b7-01"));
    let response = traced.send().await.expect("the probe answers");
    assert_eq!(response.headers()["x-trace-id"], TRACE);

    let ended = probe.terminate();
    let line = ended.line("order looked up");
    assert_eq!(line["trace_id"], TRACE);
    assert_eq!(line["order_id"], "o-42");
    assert_eq!(line["service"], "runtime-probe");
    assert_eq!(line["http.route"], "/orders/{id}");
    assert!(line["span_id"].as_str().is_some_and(|id| id.len() == 16 && id != "00f067aa0ba902b7"));
    assert!(ended.log.iter().all(|line| line["timestamp"].is_string() && line["level"].is_string()));
}

#[tokio::test]
async fn a_request_without_a_trace_begins_one() {
    let probe = serving(&[]);
    let response = http().get(probe.url("/orders/42")).send().await.expect("the probe answers");
    let trace_id = response.headers()["x-trace-id"].to_str().expect("it is hexadecimal").to_owned();
    assert_eq!(probe.terminate().line("order looked up")["trace_id"], trace_id);
}

#[tokio::test]
async fn errors_are_problem_documents_with_the_trace_id() {
    let probe = serving(&[]);
    let client = http();
    let post = client.post(probe.url("/orders/42"));
    for (request, status) in [
        (client.get(probe.url("/nowhere")), StatusCode::NOT_FOUND),
        (post, StatusCode::METHOD_NOT_ALLOWED),
        (client.get(probe.url("/panic")), StatusCode::INTERNAL_SERVER_ERROR),
    ] {
        let response = request.send().await.expect("the probe answers");
        assert_eq!(response.status(), status);
        assert_eq!(response.headers()["content-type"], "application/problem+json");
        let trace_id = response.headers()["x-trace-id"].clone();
        let body: Value = response.json().await.expect("the body is JSON");
        assert_eq!(body["status"], status.as_u16());
        assert_eq!(body["trace_id"].as_str().map(str::as_bytes), Some(trace_id.as_bytes()));
    }
    let ended = probe.terminate();
    assert_eq!(ended.code, Some(0), "a panic in a handler is not the end of the process");
    assert_eq!(ended.line("panic")["error"], "handler panic");
    assert_eq!(ended.line("panic")["http.route"], "/panic");
}

#[tokio::test]
async fn metrics_tell_of_process_build_and_requests() {
    let probe = serving(&[]);
    for path in ["/orders/1", "/orders/2", "/nowhere", "/panic"] {
        http().get(probe.url(path)).send().await.expect("the probe answers");
    }
    let response = http().get(probe.url("/metrics")).send().await.expect("the probe answers");
    assert_eq!(response.headers()["content-type"], "text/plain; version=0.0.4");
    let text = response.text().await.expect("metrics are text");
    for line in [
        r#"build_info{version="1.2.3"} 1"#,
        r#"http_server_request_duration_seconds_count{method="GET",route="/orders/{id}",status="200"} 2"#,
        r#"http_server_request_duration_seconds_count{method="GET",route="unmatched",status="404"} 1"#,
        r#"http_server_request_duration_seconds_count{method="GET",route="/panic",status="500"} 1"#,
        "http_server_active_requests 0",
        "# TYPE process_cpu_seconds_total counter",
    ] {
        assert!(text.lines().any(|shown| shown == line), "{line} is missing in\n{text}");
    }
    let memory = text.lines().find_map(|line| line.strip_prefix("process_resident_memory_bytes "));
    assert!(memory.and_then(|bytes| bytes.parse::<f64>().ok()).is_some_and(|bytes| bytes > 100_000.0));
}

#[tokio::test]
async fn the_last_spans_reach_the_collector_at_the_end() {
    let collector = Collector::start();
    let probe = serving(&["--otlp-endpoint", &collector.url]);
    http().get(probe.url("/orders/42")).send().await.expect("the probe answers");
    assert_eq!(probe.terminate().code, Some(0));

    let received = collector.received();
    for expected in ["GET /orders/{id}", "look_up", "order_id", "runtime-probe", "service.version", "1.2.3"] {
        let found = received.windows(expected.len()).any(|window| window == expected.as_bytes());
        assert!(found, "{expected:?} was not exported in {} bytes", received.len());
    }
}

#[tokio::test]
async fn without_a_usable_collector_the_service_runs() {
    let gone = {
        let listener = std::net::TcpListener::bind("127.0.0.1:0").expect("a free port");
        format!("http://{}", listener.local_addr().expect("it is bound"))
    };
    for (endpoint, warning) in [
        (gone.as_str(), "trace export fails, spans are being lost"),
        ("https://collector", "traces are not exported"),
    ] {
        let probe = serving(&["--otlp-endpoint", endpoint]);
        http().get(probe.url("/orders/42")).send().await.expect("the probe answers");
        let ended = probe.terminate();
        assert_eq!(ended.code, Some(0), "{ended:#?}");
        let warnings = ended.log.iter().filter(|line| line["message"] == warning).count();
        assert_eq!(warnings, 1, "{ended:#?}");
    }
}

#[test]
fn text_is_for_people() {
    let mut command = command(&["--behaviour", "task-fails"]);
    command.env("LOG_FORMAT", "text");
    let ended = Probe::start(command).end();
    assert!(ended.log.iter().all(Value::is_string), "{ended:#?}");
    assert!(ended.log.iter().any(|line| line.as_str().is_some_and(|text| text.contains("disk on fire"))));

    let json = run(&["--behaviour", "task-fails"]);
    assert!(json.log.iter().all(Value::is_object), "{json:#?}");
}
