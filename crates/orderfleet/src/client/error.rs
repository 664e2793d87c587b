//! Why a call did not succeed, in words for people and in what a caller can decide by.

use std::{error::Error as _, fmt, time::Duration};

use reqwest::{StatusCode, Url};
use serde::{Deserialize, Serialize};
use serde_json::Value;

/// Most characters quoted of an answer that is no problem document.
const QUOTED: usize = 200;

/// The text is not the address of a service.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("`{0}` is not the address of a service; expected something like http://127.0.0.1:8080")]
pub struct BadUrl(pub(super) String);

/// Why a call did not succeed.
#[derive(Debug, Clone, thiserror::Error)]
pub enum CallError {
    /// No answer: what was asked for may have been done or not.
    #[error("{url} {what}")]
    NoAnswer {
        /// The service.
        url: String,
        /// What happened instead.
        what: String,
        /// The connection could not even be made, so nothing was done.
        never_sent: bool,
    },
    /// The service answered with an error.
    #[error("{0}")]
    Refused(Box<Problem>),
    /// The request is stored, but was not decided in time. The same again, with the same key, tells the outcome.
    #[error("{url} is busy: the request is stored but not decided yet; look again in a moment")]
    Pending {
        /// What it is about.
        url: String,
    },
    /// The service answered with success, but not in the shape of its contract.
    #[error("{url} answered {status} with something unexpected: {error}")]
    Unreadable {
        /// What was called.
        url: String,
        /// The status of the answer.
        status: u16,
        /// What is wrong with it.
        error: String,
    },
}

impl CallError {
    pub(super) fn no_answer(base: &Url, deadline: Duration, error: &reqwest::Error) -> Self {
        let cause = std::iter::successors(error.source(), |error| (*error).source()).last();
        let cause = cause.map(ToString::to_string).unwrap_or_default();
        let what = if error.is_connect() {
            format!("cannot be reached: {cause}; is the fleet running?")
        } else if error.is_timeout() {
            format!("did not answer within {} s", deadline.as_secs_f64())
        } else {
            format!("broke the connection off: {cause}")
        };
        Self::NoAnswer { url: base.to_string(), what, never_sent: error.is_connect() }
    }

    /// The status of the answer; `None` when there was none.
    #[must_use]
    pub fn code(&self) -> Option<u16> {
        match self {
            Self::NoAnswer { .. } => None,
            Self::Refused(problem) => Some(problem.status),
            Self::Pending { .. } => Some(202),
            Self::Unreadable { status, .. } => Some(*status),
        }
    }

    /// Whether the same call, with the same idempotency key, may succeed later.
    #[must_use]
    pub fn is_transient(&self) -> bool {
        self.code().is_none_or(|code| matches!(code, 202 | 408 | 429 | 500..=599))
    }

    /// When the service wants to be asked again, if it said so.
    #[must_use]
    pub fn retry_after(&self) -> Option<Duration> {
        match self {
            Self::Refused(problem) => problem.retry_after,
            Self::NoAnswer { .. } | Self::Pending { .. } | Self::Unreadable { .. } => None,
        }
    }
}

/// An error as a service tells it: a problem document (RFC 9457), or what could be made of another answer.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Problem {
    /// The HTTP status.
    pub status: u16,
    /// URI of the kind of problem; `about:blank` when it is no more than the status says.
    pub kind: String,
    /// The kind of problem in words.
    pub title: String,
    /// What to fix.
    pub detail: Option<String>,
    /// Each wrong field, when the content was not acceptable.
    pub errors: Vec<FieldError>,
    /// The trace to quote.
    pub trace_id: Option<String>,
    /// When to ask again.
    pub retry_after: Option<Duration>,
    /// What was called.
    pub url: String,
}

/// What is wrong with one field.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct FieldError {
    /// JSON pointer of the field.
    pub pointer: String,
    /// What to fix.
    pub detail: String,
}

impl Problem {
    pub(super) fn read(status: StatusCode, body: &[u8], retry_after: Option<Duration>, url: String) -> Self {
        let document: Value = serde_json::from_slice(body).unwrap_or_default();
        let text = |member: &str| document.get(member).and_then(Value::as_str).map(str::to_owned);
        let reason = || status.canonical_reason().unwrap_or("error").to_owned();
        let quote = || {
            let text = String::from_utf8_lossy(body);
            let words: Vec<&str> = text.split_whitespace().collect();
            let quote: String = words.join(" ").chars().take(QUOTED).collect();
            (!quote.is_empty()).then_some(quote)
        };
        let errors = document.get("errors").cloned().unwrap_or_default();
        Self {
            status: status.as_u16(),
            kind: text("type").unwrap_or_else(|| "about:blank".to_owned()),
            title: text("title").unwrap_or_else(reason),
            detail: if document.is_object() { text("detail") } else { quote() },
            errors: serde_json::from_value(errors).unwrap_or_default(),
            trace_id: text("trace_id"),
            retry_after,
            url,
        }
    }
}

impl fmt::Display for Problem {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} ({})", self.title, self.status)?;
        match (self.errors.as_slice(), &self.detail) {
            ([], Some(detail)) => write!(f, ": {detail}")?,
            ([], None) => write!(f, " from {}", self.url)?,
            (errors, _) => {
                for FieldError { pointer, detail } in errors {
                    let field = if pointer.is_empty() { "the body" } else { pointer };
                    write!(f, "\n  {field} {detail}")?;
                }
            }
        }
        match &self.trace_id {
            Some(trace_id) if self.status >= 500 => write!(f, " (trace {trace_id})"),
            Some(_) | None => Ok(()),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(status: u16, body: &str) -> Problem {
        // Every number below is a status.
        let status = StatusCode::from_u16(status).unwrap_or_default();
        Problem::read(status, body.as_bytes(), None, "http://a/orders".to_owned())
    }

    #[test]
    fn a_problem_reads_as_a_sentence() {
        let refused = read(409, r#"{"type":"urn:problem:x","title":"Cancel refused","detail":"too late"}"#);
        assert_eq!(
            (refused.to_string().as_str(), refused.kind.as_str()),
            ("Cancel refused (409): too late", "urn:problem:x")
        );
        let fields = r#"{"title":"Invalid body","detail":"…","errors":[
            {"pointer":"/lines/0/sku","detail":"must not be empty"},{"pointer":"","detail":"has no currency"}]}"#;
        let text = "Invalid body (422)\n  /lines/0/sku must not be empty\n  the body has no currency";
        assert_eq!(read(422, fields).to_string(), text);
        let ours = read(500, r#"{"title":"Internal error","detail":"quote the trace","trace_id":"0af7"}"#);
        assert_eq!(ours.to_string(), "Internal error (500): quote the trace (trace 0af7)");
    }

    #[test]
    fn any_other_answer_is_quoted() {
        assert_eq!(
            read(502, "<h1>Bad\n gateway</h1>").to_string(),
            "Bad Gateway (502): <h1>Bad gateway</h1>"
        );
        assert_eq!(read(404, "").to_string(), "Not Found (404) from http://a/orders");
        assert_eq!(read(404, &"é".repeat(1_000)).detail.map(|text| text.chars().count()), Some(QUOTED));
    }

    #[test]
    fn what_may_succeed_later_is_told_apart_from_what_will_not() {
        for (code, transient) in [
            (400, false),
            (404, false),
            (409, false),
            (422, false),
            (408, true),
            (429, true),
            (500, true),
            (503, true),
        ] {
            let error = CallError::Refused(Box::new(read(code, "{}")));
            assert_eq!((error.is_transient(), error.code()), (transient, Some(code)));
        }
        let silence = CallError::NoAnswer { url: String::new(), what: String::new(), never_sent: true };
        assert_eq!((silence.is_transient(), silence.code()), (true, None));
    }
}
