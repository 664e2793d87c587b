//! What surrounds every request of a service: span, metrics, time limits, and answers where the service has none.

use std::{panic::AssertUnwindSafe, time::Duration};

use axum::{
    Router,
    extract::{MatchedPath, Request, State},
    http::{HeaderName, HeaderValue, Method, StatusCode, Uri},
    middleware::{Next, from_fn_with_state},
    response::{IntoResponse, Response},
};
use futures_util::FutureExt;
use prometheus::IntGauge;
use tokio::time::{Instant, timeout};
use tracing::{Instrument, Span, debug, field, info_span, warn};

use crate::{
    http::body, metrics::HttpMetrics, problem::Problem, process::Process, shutdown::Shutdown, telemetry,
};

/// How long a request may take altogether.
const REQUEST_TIMEOUT: Duration = Duration::from_secs(30);

/// When to come back to a process that is stopping: another replica, or its successor, is there by then.
const RETRY_WHEN_DRAINING: Duration = Duration::from_secs(1);

/// When to come back after a request took too long.
const RETRY_WHEN_SLOW: Duration = Duration::from_secs(5);

/// The response header that carries the trace id.
const TRACE_ID: HeaderName = HeaderName::from_static("x-trace-id");

/// The label of routes that do not exist.
const UNMATCHED: &str = "unmatched";

/// The service's router with everything around it.
pub(crate) fn around(process: &Process, router: Router) -> Router {
    router
        .method_not_allowed_fallback(wrong_method)
        .fallback(unknown_path)
        .layer(from_fn_with_state(process.shutdown().clone(), protect))
        .layer(from_fn_with_state(process.http_metrics().clone(), observe))
}

async fn unknown_path(uri: Uri) -> Problem {
    Problem::not_found(format!("there is nothing at {}", uri.path()))
}

async fn wrong_method(method: Method, uri: Uri) -> Problem {
    Problem::method_not_allowed(format!("{} does not support {method}; see the Allow header", uri.path()))
}

/// Keeps a single request from hurting the process: slow ones are ended, panics are answered, and none begins while
/// the process is stopping.
async fn protect(State(shutdown): State<Shutdown>, request: Request, next: Next) -> Response {
    if shutdown.requested() {
        return Problem::unavailable("this instance is stopping", RETRY_WHEN_DRAINING).into_response();
    }
    let (request, too_slow) = body::with_deadline(request);
    match AssertUnwindSafe(timeout(REQUEST_TIMEOUT, next.run(request))).catch_unwind().await {
        Ok(Ok(_)) if too_slow.happened() => {
            let limit = body::BODY_TIMEOUT.as_secs();
            Problem::request_timeout(format!("the request body did not arrive within {limit} s"))
                .into_response()
        }
        Ok(Ok(response)) => response,
        Ok(Err(_elapsed)) => {
            warn!(seconds = REQUEST_TIMEOUT.as_secs(), "request abandoned: it took too long");
            Problem::unavailable("the request took too long", RETRY_WHEN_SLOW).into_response()
        }
        // The panic hook has logged it, inside this request's span.
        Err(_panic) => Problem::internal().into_response(),
    }
}

/// Gives the request its span and counts it.
async fn observe(State(metrics): State<HttpMetrics>, request: Request, next: Next) -> Response {
    let method = method_label(request.method());
    let route = request.extensions().get::<MatchedPath>().cloned();
    let route = route.as_ref().map_or(UNMATCHED, MatchedPath::as_str);
    let span = request_span(method, route, &request);
    let mut exchange = Exchange::begin(&metrics, method, route);

    let mut response = next.run(request).instrument(span.clone()).await;

    exchange.end(response.status());
    conclude(&span, &mut response);
    span.in_scope(|| {
        let status = response.status().as_u16();
        debug!(status, seconds = exchange.started.elapsed().as_secs_f64(), "request served");
    });
    response
}

fn request_span(method: &str, route: &str, request: &Request) -> Span {
    let span = info_span!(
        "http_request",
        otel.name = format!("{method} {route}"),
        otel.kind = "server",
        otel.status_code = field::Empty,
        http.request.method = method,
        http.route = route,
        url.path = request.uri().path(),
        http.response.status_code = field::Empty,
    );
    telemetry::continue_trace(&span, request.headers());
    span
}

/// Semantic conventions: a server span is an error for 5xx only.
fn conclude(span: &Span, response: &mut Response) {
    let status = response.status();
    span.record("http.response.status_code", status.as_u16());
    if status.is_server_error() {
        span.record("otel.status_code", "error");
    }
    let trace_id = telemetry::trace_id_of(span).and_then(|id| HeaderValue::from_str(&id).ok());
    if let Some(trace_id) = trace_id {
        response.headers_mut().insert(TRACE_ID, trace_id);
    }
}

/// Callers invent methods; a metric label must not grow with them.
fn method_label(method: &Method) -> &'static str {
    const KNOWN: [&str; 7] = ["GET", "POST", "PUT", "PATCH", "DELETE", "HEAD", "OPTIONS"];
    KNOWN.into_iter().find(|known| *known == method.as_str()).unwrap_or("_OTHER")
}

/// One request in the metrics. Dropped without an end, the caller went away.
struct Exchange<'a> {
    metrics: &'a HttpMetrics,
    method: &'static str,
    route: &'a str,
    started: Instant,
    ended: bool,
    _active: Active,
}

impl<'a> Exchange<'a> {
    fn begin(metrics: &'a HttpMetrics, method: &'static str, route: &'a str) -> Exchange<'a> {
        let active = Active::enter(&metrics.active);
        Exchange { metrics, method, route, started: Instant::now(), ended: false, _active: active }
    }

    fn end(&mut self, status: StatusCode) {
        self.record(status.as_str());
        self.ended = true;
    }

    fn record(&self, status: &str) {
        let duration = self.metrics.duration.with_label_values(&[self.method, self.route, status]);
        duration.observe(self.started.elapsed().as_secs_f64());
    }
}

impl Drop for Exchange<'_> {
    fn drop(&mut self) {
        if !self.ended {
            self.record("499");
        }
    }
}

struct Active(IntGauge);

impl Active {
    fn enter(gauge: &IntGauge) -> Active {
        gauge.inc();
        Active(gauge.clone())
    }
}

impl Drop for Active {
    fn drop(&mut self) {
        self.0.dec();
    }
}

#[cfg(test)]
mod tests {
    use axum::{
        body::{Body, Bytes},
        routing::{get, post},
    };
    use futures_util::stream;
    use tower::ServiceExt;

    use super::*;

    fn router(process: &Process) -> Router {
        let service = Router::new()
            .route("/never", get(std::future::pending::<()>))
            .route("/body", post(|body: Bytes| async move { body.len().to_string() }));
        around(process, service)
    }

    /// How often the histogram saw this route end with this status.
    fn seen(process: &Process, method: &str, route: &str, status: &str) -> u64 {
        process.http_metrics().duration.with_label_values(&[method, route, status]).get_sample_count()
    }

    async fn status_of(process: &Process, method: Method, uri: &str, body: Body) -> StatusCode {
        let request = Request::builder().method(method).uri(uri).body(body).unwrap();
        router(process).oneshot(request).await.unwrap().status()
    }

    #[tokio::test(start_paused = true)]
    async fn an_endless_handler_is_ended() {
        let process = Process::for_tests("probe");
        let started = Instant::now();
        let status = status_of(&process, Method::GET, "/never", Body::empty()).await;
        assert_eq!((status, started.elapsed()), (StatusCode::SERVICE_UNAVAILABLE, REQUEST_TIMEOUT));
        assert_eq!(seen(&process, "GET", "/never", "503"), 1);
    }

    #[tokio::test(start_paused = true)]
    async fn a_body_that_trickles_in_is_the_callers_mistake() {
        let process = Process::for_tests("probe");
        let stalled = Body::from_stream(stream::pending::<Result<Bytes, axum::BoxError>>());
        let started = Instant::now();
        let status = status_of(&process, Method::POST, "/body", stalled).await;
        assert_eq!((status, started.elapsed()), (StatusCode::REQUEST_TIMEOUT, body::BODY_TIMEOUT));
    }

    #[tokio::test]
    async fn labels_do_not_grow_with_what_callers_invent() {
        let process = Process::for_tests("probe");
        let invented = Method::from_bytes(b"BREW").unwrap();
        assert_eq!(status_of(&process, invented, "/a/b/c", Body::empty()).await, StatusCode::NOT_FOUND);
        assert_eq!(seen(&process, "_OTHER", UNMATCHED, "404"), 1);
    }

    #[tokio::test]
    async fn a_caller_that_goes_away_is_counted_and_no_longer_active() {
        let process = Process::for_tests("probe");
        let mut waiting = Box::pin(status_of(&process, Method::GET, "/never", Body::empty()));
        assert!(futures_util::poll!(&mut waiting).is_pending());
        assert_eq!(process.http_metrics().active.get(), 1);

        drop(waiting);
        assert_eq!(process.http_metrics().active.get(), 0);
        assert_eq!(seen(&process, "GET", "/never", "499"), 1);
    }
}
