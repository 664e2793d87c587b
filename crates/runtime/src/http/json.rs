//! JSON bodies: read, or refused with what to fix.

use axum::{
    body::Bytes,
    extract::{FromRequest, Request},
    http::{HeaderMap, StatusCode, header::CONTENT_TYPE},
    response::{IntoResponse, Response},
};
use serde::{Serialize, de::DeserializeOwned};
use serde_json::error::Category;
use serde_path_to_error::Segment;

use crate::problem::{FieldError, Problem};

/// A JSON body. Refuses other content types (415), oversized bodies (413), malformed JSON (400) and JSON of the wrong
/// shape (422). Also a JSON response.
#[derive(Clone, Copy, Debug)]
pub struct Json<T>(pub T);

/// Why the content of a body was not taken. As a [`Problem`] it tells the caller what to fix.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Refusal {
    /// It is not JSON; where and why.
    Malformed(String),
    /// It is, and these fields are wrong: at least one.
    Invalid(Vec<FieldError>),
}

impl<T: DeserializeOwned, S: Send + Sync> FromRequest<S> for Json<T> {
    type Rejection = Problem;

    async fn from_request(request: Request, _state: &S) -> Result<Self, Problem> {
        Ok(Json(read_json(&json_body(request).await?)?))
    }
}

impl<T: Serialize> IntoResponse for Json<T> {
    fn into_response(self) -> Response {
        axum::Json(self.0).into_response()
    }
}

impl From<Refusal> for Problem {
    fn from(refusal: Refusal) -> Problem {
        match refusal {
            Refusal::Malformed(why) => Problem::malformed_json(why),
            Refusal::Invalid(errors) => Problem::invalid_fields(&errors),
        }
    }
}

/// The body of a request that must have one, of the type JSON; what is in it is not looked at.
///
/// # Errors
/// 415 if it does not claim to be JSON, 413 if it is larger than the route takes, 400 if it broke off.
pub async fn json_body(request: Request) -> Result<Bytes, Problem> {
    if is_json(request.headers()) { read(request).await } else { Err(wrong_type()) }
}

/// The body of a request that may have one; empty if it has none.
///
/// # Errors
/// As for [`json_body`].
pub async fn json_body_if_any(request: Request) -> Result<Bytes, Problem> {
    let is_json = is_json(request.headers());
    let body = read(request).await?;
    if body.is_empty() || is_json { Ok(body) } else { Err(wrong_type()) }
}

/// Reads the content of a whole body.
///
/// # Errors
/// See [`Refusal`]. Of the fields that are wrong it names the first.
pub fn read_json<T: DeserializeOwned>(body: &[u8]) -> Result<T, Refusal> {
    if body.trim_ascii().is_empty() {
        return Err(Refusal::Malformed("the body is empty; send JSON".to_owned()));
    }
    if [b"\xef\xbb\xbf".as_slice(), b"\xff\xfe", b"\xfe\xff"].iter().any(|mark| body.starts_with(mark)) {
        let why = "the body begins with a byte order mark; send UTF-8 without one";
        return Err(Refusal::Malformed(why.to_owned()));
    }
    serde_json::from_slice(body).map_err(|error: serde_json::Error| match error.classify() {
        Category::Data => {
            Refusal::Invalid(vec![FieldError::new(place::<T>(body), format!("does not fit: {error}"))])
        }
        // These messages name a place and what was expected there, never what was found.
        Category::Syntax | Category::Eof | Category::Io => {
            Refusal::Malformed(format!("the body is not JSON: {error}"))
        }
    })
}

/// The JSON pointer of the first field that does not fit. Reads the body again, since keeping the place costs more
/// than good bodies need pay.
fn place<T: DeserializeOwned>(body: &[u8]) -> String {
    let read = serde_path_to_error::deserialize::<_, T>(&mut serde_json::Deserializer::from_slice(body));
    let Err(error) = read else { return String::new() };
    let segments = error.path().iter().map(|segment| match segment {
        Segment::Seq { index } => format!("/{index}"),
        Segment::Map { key } => format!("/{}", key.replace('~', "~0").replace('/', "~1")),
        Segment::Enum { .. } | Segment::Unknown => String::new(),
    });
    segments.collect()
}

async fn read(request: Request) -> Result<Bytes, Problem> {
    Bytes::from_request(request, &()).await.map_err(|rejection| match rejection.status() {
        StatusCode::PAYLOAD_TOO_LARGE => {
            Problem::payload_too_large("the body is larger than the limit for this request")
        }
        _ => Problem::bad_request("the body broke off or could not be read; send it again"),
    })
}

fn wrong_type() -> Problem {
    Problem::unsupported_media_type("send the body as JSON, with the header `Content-Type: application/json`")
}

/// Whether the one content type is `application/json`, in any spelling and with any parameter.
fn is_json(headers: &HeaderMap) -> bool {
    let mut types = headers.get_all(CONTENT_TYPE).iter();
    let (Some(only), None) = (types.next(), types.next()) else { return false };
    let essence = only.to_str().ok().and_then(|text| text.split(';').next());
    essence.is_some_and(|essence| essence.trim().eq_ignore_ascii_case("application/json"))
}

#[cfg(test)]
mod tests {
    use axum::{Router, body::Body, extract::DefaultBodyLimit, routing::post};
    use serde::Deserialize;
    use serde_json::Value;
    use tower::ServiceExt;

    use super::*;

    const JSON: &str = "application/json";

    #[derive(Deserialize)]
    struct Input {
        count: u32,
    }

    fn router() -> Router {
        let required = post(|Json(input): Json<Input>| async move { input.count.to_string() });
        let optional =
            post(|request| async { json_body_if_any(request).await.map(|body| body.len().to_string()) });
        let routes = Router::new().route("/required", required).route("/optional", optional);
        routes.layer(DefaultBodyLimit::max(64))
    }

    async fn answer(path: &str, content_type: Option<&str>, body: &str) -> (u16, String) {
        let mut request = Request::post(path);
        if let Some(content_type) = content_type {
            request = request.header(CONTENT_TYPE, content_type);
        }
        let response = router().oneshot(request.body(Body::from(body.to_owned())).unwrap()).await.unwrap();
        let status = response.status();
        if !status.is_success() {
            assert_eq!(response.headers()[CONTENT_TYPE], crate::problem::MEDIA_TYPE);
        }
        let body = axum::body::to_bytes(response.into_body(), usize::MAX).await.unwrap();
        (status.as_u16(), String::from_utf8(body.to_vec()).unwrap())
    }

    #[tokio::test]
    async fn bodies_are_read_or_refused_with_what_to_fix() {
        let good = r#"{"count":3}"#;
        let large = format!(r#"{{"count":{}3}}"#, " ".repeat(100));
        for (content_type, body, status, hint) in [
            (Some(JSON), good, 200, "3"),
            (Some("Application/JSON ; charset=utf-8"), good, 200, "3"),
            (Some("text/plain"), good, 415, "Content-Type: application/json"),
            (None, good, 415, "Content-Type: application/json"),
            (Some(JSON), "", 400, "the body is empty"),
            (Some(JSON), " \n", 400, "the body is empty"),
            (Some(JSON), "\u{feff}{}", 400, "byte order mark"),
            (Some(JSON), r#"{"count":"#, 400, "urn:problem:malformed-json"),
            (Some(JSON), r#"{"count":"#, 400, "the body is not JSON: EOF"),
            (Some(JSON), r#"{"count":3} x"#, 400, "trailing characters"),
            (Some(JSON), r#"{"count":-1}"#, 422, "/count does not fit: invalid value"),
            (Some(JSON), "{}", 422, "the body does not fit: missing field `count`"),
            (Some(JSON), &large, 413, "larger than the limit"),
        ] {
            let (answered, text) = answer("/required", content_type, body).await;
            assert_eq!(answered, status, "{body} as {content_type:?}");
            assert!(text.contains(hint), "{hint:?} is missing in {text}");
        }
    }

    #[tokio::test]
    async fn a_body_that_may_be_missing_needs_no_type() {
        for (content_type, body, status) in
            [(None, "", 200), (Some(JSON), "", 200), (Some(JSON), "{}", 200), (None, "{}", 415)]
        {
            assert_eq!(answer("/optional", content_type, body).await.0, status, "{body} as {content_type:?}");
        }
    }

    #[test]
    fn the_field_that_does_not_fit_is_pointed_at() {
        #[derive(Debug, Deserialize)]
        struct Line {
            #[serde(rename = "a/b")]
            _sku: String,
        }
        let read = read_json::<Vec<Line>>(br#"[{"a/b":"x"},{"a/b":7}]"#);
        let Err(Refusal::Invalid(errors)) = read else { panic!("{read:?}") };
        assert_eq!(errors[0].pointer, "/1/a~1b");
        assert!(errors[0].detail.starts_with("does not fit: invalid type: integer `7`"), "{errors:?}");
        assert!(read_json::<Value>(b"[1]").is_ok());
    }
}
