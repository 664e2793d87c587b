//! axum's extractors with refusals that are problem documents and tell the caller what to fix.

use axum::extract::rejection::{JsonRejection, PathRejection, QueryRejection};
use axum::extract::{FromRequest, FromRequestParts, Request};
use axum::http::StatusCode;
use axum::http::request::Parts;
use axum::response::{IntoResponse, Response};
use serde::Serialize;
use serde::de::DeserializeOwned;

use crate::problem::Problem;

/// A JSON body. Refuses other content types (415), oversized bodies (413), malformed JSON (400) and JSON of the wrong
/// shape (422). Also a JSON response.
#[derive(Clone, Copy, Debug)]
pub struct Json<T>(pub T);

/// Query parameters. Refuses unreadable ones (400).
#[derive(Clone, Copy, Debug)]
pub struct Query<T>(pub T);

/// Path parameters. Refuses unreadable ones (400).
#[derive(Clone, Copy, Debug)]
pub struct Path<T>(pub T);

impl<T: DeserializeOwned, S: Send + Sync> FromRequest<S> for Json<T> {
    type Rejection = Problem;

    async fn from_request(request: Request, state: &S) -> Result<Self, Problem> {
        let axum::Json(value) = axum::Json::from_request(request, state).await?;
        Ok(Json(value))
    }
}

impl<T: DeserializeOwned, S: Send + Sync> FromRequestParts<S> for Query<T> {
    type Rejection = Problem;

    async fn from_request_parts(parts: &mut Parts, state: &S) -> Result<Self, Problem> {
        let axum::extract::Query(value) = axum::extract::Query::from_request_parts(parts, state).await?;
        Ok(Query(value))
    }
}

impl<T: DeserializeOwned + Send, S: Send + Sync> FromRequestParts<S> for Path<T> {
    type Rejection = Problem;

    async fn from_request_parts(parts: &mut Parts, state: &S) -> Result<Self, Problem> {
        let axum::extract::Path(value) = axum::extract::Path::from_request_parts(parts, state).await?;
        Ok(Path(value))
    }
}

impl<T: Serialize> IntoResponse for Json<T> {
    fn into_response(self) -> Response {
        axum::Json(self.0).into_response()
    }
}

impl From<JsonRejection> for Problem {
    fn from(rejection: JsonRejection) -> Problem {
        refusal(rejection.status(), rejection.body_text())
    }
}

impl From<QueryRejection> for Problem {
    fn from(rejection: QueryRejection) -> Problem {
        refusal(rejection.status(), rejection.body_text())
    }
}

impl From<PathRejection> for Problem {
    fn from(rejection: PathRejection) -> Problem {
        refusal(rejection.status(), rejection.body_text())
    }
}

fn refusal(status: StatusCode, detail: String) -> Problem {
    match status {
        StatusCode::UNSUPPORTED_MEDIA_TYPE => Problem::unsupported_media_type(detail),
        StatusCode::PAYLOAD_TOO_LARGE => Problem::payload_too_large(detail),
        StatusCode::UNPROCESSABLE_ENTITY => Problem::unprocessable(detail),
        // Path parameters that the route does not have: a mistake of ours, not of the caller.
        status if status.is_server_error() => Problem::internal(),
        _ => Problem::bad_request(detail),
    }
}

#[cfg(test)]
mod tests {
    use axum::Router;
    use axum::body::Body;
    use axum::extract::DefaultBodyLimit;
    use axum::http::{Method, header};
    use axum::routing::{get, post};
    use serde::Deserialize;
    use tower::ServiceExt;

    use super::*;

    #[derive(Deserialize)]
    struct Input {
        count: u32,
    }

    fn router() -> Router {
        let body = post(|Json(input): Json<Input>| async move { input.count.to_string() });
        let query = get(|Query(input): Query<Input>| async move { input.count.to_string() });
        let path = get(|Path(count): Path<u32>| async move { count.to_string() });
        let body = body.layer(DefaultBodyLimit::max(64));
        Router::new().route("/body", body).route("/query", query).route("/path/{count}", path)
    }

    async fn answer(method: Method, uri: &str, content_type: &str, body: String) -> (StatusCode, String) {
        let request = Request::builder().method(method).uri(uri).header(header::CONTENT_TYPE, content_type);
        let response = router().oneshot(request.body(Body::from(body)).unwrap()).await.unwrap();
        let status = response.status();
        if !status.is_success() {
            assert_eq!(response.headers()[header::CONTENT_TYPE], crate::problem::MEDIA_TYPE);
        }
        let body = axum::body::to_bytes(response.into_body(), usize::MAX).await.unwrap();
        (status, String::from_utf8(body.to_vec()).unwrap())
    }

    #[tokio::test]
    async fn bodies_are_read_or_refused_with_what_to_fix() {
        const JSON: &str = "application/json";
        for (content_type, body, status, hint) in [
            (JSON, r#"{"count":3}"#.to_owned(), 200, "3"),
            ("application/json; charset=utf-8", r#"{"count":3}"#.to_owned(), 200, "3"),
            ("text/plain", r#"{"count":3}"#.to_owned(), 415, "application/json"),
            (JSON, r#"{"count":"#.to_owned(), 400, "EOF"),
            (JSON, r#"{"count":-1}"#.to_owned(), 422, "count: invalid value"),
            (JSON, "{}".to_owned(), 422, "missing field `count`"),
            (JSON, format!(r#"{{"count":{}3}}"#, " ".repeat(100)), 413, "Payload too large"),
        ] {
            let (answered, text) = answer(Method::POST, "/body", content_type, body.clone()).await;
            assert_eq!(answered.as_u16(), status, "{body} as {content_type}");
            assert!(text.contains(hint), "{hint:?} is missing in {text}");
        }
    }

    #[tokio::test]
    async fn query_and_path_are_read_or_refused_with_what_to_fix() {
        for (uri, status, hint) in [
            ("/query?count=3", 200, "3"),
            ("/query?count=three", 400, "count: invalid digit"),
            ("/query", 400, "missing field `count`"),
            ("/path/3", 200, "3"),
            ("/path/-3", 400, "-3"),
        ] {
            let (answered, text) = answer(Method::GET, uri, "", String::new()).await;
            assert_eq!(answered.as_u16(), status, "{uri}");
            assert!(text.contains(hint), "{hint:?} is missing in {text}");
        }
    }
}
