//! RFC 9457 problem documents: the one shape in which an HTTP error is told.

mod mistakes;

use std::{borrow::Cow, time::Duration};

use axum::{
    http::{
        HeaderMap, HeaderValue, StatusCode,
        header::{CONTENT_TYPE, RETRY_AFTER},
    },
    response::{IntoResponse, Response},
};
use serde::Serialize;
use serde_json::{Map, Value};

use crate::telemetry;

pub use mistakes::FieldError;

/// The media type of problem documents.
pub(crate) const MEDIA_TYPE: &str = "application/problem+json";

/// An error as the caller sees it. As a response it carries the request's `trace_id` besides its own members.
///
/// `title` names the kind of problem and is the same each time; `detail` tells this caller what to fix.
#[derive(Clone, Debug)]
pub struct Problem {
    document: Box<Document>,
    status: StatusCode,
    headers: HeaderMap,
}

#[derive(Clone, Debug, Serialize)]
struct Document {
    #[serde(rename = "type")]
    type_uri: Cow<'static, str>,
    title: Cow<'static, str>,
    status: u16,
    #[serde(skip_serializing_if = "Option::is_none")]
    detail: Option<String>,
    #[serde(flatten)]
    extensions: Map<String, Value>,
}

impl Problem {
    /// A problem of the general type `about:blank`.
    pub fn new(status: StatusCode, title: impl Into<Cow<'static, str>>) -> Problem {
        let document = Document {
            type_uri: Cow::Borrowed("about:blank"),
            title: title.into(),
            status: status.as_u16(),
            detail: None,
            extensions: Map::new(),
        };
        Problem { document: Box::new(document), status, headers: HeaderMap::new() }
    }

    /// 400: the request cannot be understood.
    pub(crate) fn bad_request(detail: impl Into<String>) -> Problem {
        Problem::new(StatusCode::BAD_REQUEST, "Bad request").with_detail(detail)
    }

    /// 404: there is no such thing.
    pub fn not_found(detail: impl Into<String>) -> Problem {
        Problem::new(StatusCode::NOT_FOUND, "Not found").with_detail(detail)
    }

    /// 405: the thing exists, but not for this method.
    pub(crate) fn method_not_allowed(detail: impl Into<String>) -> Problem {
        Problem::new(StatusCode::METHOD_NOT_ALLOWED, "Method not allowed").with_detail(detail)
    }

    /// 408: the caller took too long to send its request.
    pub(crate) fn request_timeout(detail: impl Into<String>) -> Problem {
        Problem::new(StatusCode::REQUEST_TIMEOUT, "Request timeout").with_detail(detail)
    }

    /// 409: the thing is not in a state that allows this.
    pub fn conflict(detail: impl Into<String>) -> Problem {
        Problem::new(StatusCode::CONFLICT, "Conflict").with_detail(detail)
    }

    /// 413: the body is too large.
    pub(crate) fn payload_too_large(detail: impl Into<String>) -> Problem {
        Problem::new(StatusCode::PAYLOAD_TOO_LARGE, "Payload too large").with_detail(detail)
    }

    /// 415: the body is of the wrong kind.
    pub(crate) fn unsupported_media_type(detail: impl Into<String>) -> Problem {
        Problem::new(StatusCode::UNSUPPORTED_MEDIA_TYPE, "Unsupported media type").with_detail(detail)
    }

    /// 422: the request is well formed, but its content is not acceptable.
    pub(crate) fn unprocessable(detail: impl Into<String>) -> Problem {
        Problem::new(StatusCode::UNPROCESSABLE_ENTITY, "Unprocessable content").with_detail(detail)
    }

    /// 500: our fault. The cause belongs into the log, not into the answer.
    pub fn internal() -> Problem {
        Problem::new(StatusCode::INTERNAL_SERVER_ERROR, "Internal error")
            .with_detail("something went wrong on our side; quote the trace id when reporting it")
    }

    /// 503: not now, but after `retry_after` perhaps, which is rounded up to whole seconds in `Retry-After`.
    pub fn unavailable(detail: impl Into<String>, retry_after: Duration) -> Problem {
        Problem::new(StatusCode::SERVICE_UNAVAILABLE, "Service unavailable")
            .with_detail(detail)
            .with_retry_after(retry_after)
    }

    /// Sets the URI that identifies the kind of problem.
    #[must_use]
    pub fn with_type(mut self, type_uri: impl Into<Cow<'static, str>>) -> Problem {
        self.document.type_uri = type_uri.into();
        self
    }

    /// Replaces the title.
    #[must_use]
    pub fn with_title(mut self, title: impl Into<Cow<'static, str>>) -> Problem {
        self.document.title = title.into();
        self
    }

    /// Says what is wrong with this very request.
    #[must_use]
    pub fn with_detail(mut self, detail: impl Into<String>) -> Problem {
        self.document.detail = Some(detail.into());
        self
    }

    /// Adds a member of its own. The standard members (`type`, `title`, `status`, `detail`) and `trace_id` cannot be
    /// replaced this way.
    #[must_use]
    pub fn with(mut self, member: &str, value: impl Into<Value>) -> Problem {
        if !["type", "title", "status", "detail", "trace_id"].contains(&member) {
            self.document.extensions.insert(member.to_owned(), value.into());
        }
        self
    }

    /// Tells the caller when to try again; rounded up to whole seconds, at least one.
    #[must_use]
    pub fn with_retry_after(mut self, after: Duration) -> Problem {
        let seconds = after.as_secs() + u64::from(after.subsec_nanos() > 0);
        self.headers.insert(RETRY_AFTER, HeaderValue::from(seconds.max(1)));
        self
    }

    /// The status it is answered with.
    pub fn status(&self) -> StatusCode {
        self.status
    }

    /// What is wrong with this very request, if it was said.
    pub fn detail(&self) -> Option<&str> {
        self.document.detail.as_deref()
    }
}

impl IntoResponse for Problem {
    fn into_response(mut self) -> Response {
        if let Some(trace_id) = telemetry::current_trace_id() {
            self.document.extensions.insert("trace_id".into(), trace_id.into());
        }
        // A document of strings and JSON values always serialises; an empty body is the lesser evil all the same.
        let body = serde_json::to_vec(&self.document).unwrap_or_default();
        let content_type = HeaderValue::from_static(MEDIA_TYPE);
        (self.status, self.headers, [(CONTENT_TYPE, content_type)], body).into_response()
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    pub(super) async fn rendered(problem: Problem) -> (StatusCode, HeaderMap, Value) {
        let response = problem.into_response();
        let (parts, body) = response.into_parts();
        let body = axum::body::to_bytes(body, usize::MAX).await.unwrap();
        (parts.status, parts.headers, serde_json::from_slice(&body).unwrap())
    }

    #[tokio::test]
    async fn a_problem_is_a_problem_document() {
        let problem = Problem::unprocessable("line 3: quantity must be at least 1")
            .with_type("urn:problem:invalid-order")
            .with("line", 3)
            .with("status", 200);
        let (status, headers, body) = rendered(problem).await;

        assert_eq!(status, StatusCode::UNPROCESSABLE_ENTITY);
        assert_eq!(headers[CONTENT_TYPE], MEDIA_TYPE);
        assert_eq!(
            body,
            json!({
                "type": "urn:problem:invalid-order",
                "title": "Unprocessable content",
                "status": 422,
                "detail": "line 3: quantity must be at least 1",
                "line": 3,
            })
        );
    }

    #[tokio::test]
    async fn retry_after_is_whole_seconds_rounded_up() {
        for (after, header) in [(0, "1"), (1_000, "1"), (1_001, "2"), (30_000, "30")] {
            let problem = Problem::unavailable("broker away", Duration::from_millis(after));
            let (status, headers, _) = rendered(problem).await;
            assert_eq!(status, StatusCode::SERVICE_UNAVAILABLE);
            assert_eq!(headers[RETRY_AFTER], header);
        }
    }
}
