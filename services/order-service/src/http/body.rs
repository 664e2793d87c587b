//! Reads a request's body, if it claims to be JSON.

use axum::{
    body::Bytes,
    extract::{FromRequest, Request},
    http::{HeaderMap, StatusCode, header::CONTENT_TYPE},
};
use runtime::Problem;

use super::MAX_BODY;

/// The body of a request that must have one.
pub(super) async fn required(request: Request) -> Result<Bytes, Problem> {
    if !is_json(request.headers()) {
        return Err(wrong_type());
    }
    read(request).await
}

/// The body of a request that may have one; empty if it has none.
pub(super) async fn optional(request: Request) -> Result<Bytes, Problem> {
    let is_json = is_json(request.headers());
    let body = read(request).await?;
    if body.is_empty() || is_json { Ok(body) } else { Err(wrong_type()) }
}

async fn read(request: Request) -> Result<Bytes, Problem> {
    Bytes::from_request(request, &()).await.map_err(|rejection| match rejection.status() {
        StatusCode::PAYLOAD_TOO_LARGE => {
            Problem::payload_too_large(format!("the body must be at most {MAX_BODY} bytes; split the order"))
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
