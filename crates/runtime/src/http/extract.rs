//! axum's extractors with refusals that are problem documents and tell the caller what to fix.

use axum::{
    extract::{
        FromRequestParts,
        rejection::{PathRejection, QueryRejection},
    },
    http::{StatusCode, request::Parts},
};
use serde::de::DeserializeOwned;

use crate::problem::Problem;

/// Query parameters. Refuses unreadable ones (400).
#[derive(Clone, Copy, Debug)]
pub struct Query<T>(pub T);

/// Path parameters. Refuses unreadable ones (400).
#[derive(Clone, Copy, Debug)]
pub struct Path<T>(pub T);

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

fn refusal(status: StatusCode, why: String) -> Problem {
    // Path parameters that the route does not have: a mistake of ours, not of the caller.
    if status.is_server_error() { Problem::internal() } else { Problem::unreadable_parameters(why) }
}

#[cfg(test)]
mod tests {
    use axum::{Router, body::Body, extract::Request, routing::get};
    use serde::Deserialize;
    use tower::ServiceExt;

    use super::*;

    #[derive(Deserialize)]
    struct Input {
        count: u32,
    }

    #[tokio::test]
    async fn query_and_path_are_read_or_refused_with_what_to_fix() {
        let query = get(|Query(input): Query<Input>| async move { input.count.to_string() });
        let path = get(|Path(count): Path<u32>| async move { count.to_string() });
        let router = Router::new().route("/query", query).route("/path/{count}", path);
        for (uri, status, hint) in [
            ("/query?count=3", 200, "3"),
            ("/query?count=three", 400, "count: invalid digit"),
            ("/query", 400, "missing field `count`"),
            ("/path/3", 200, "3"),
            ("/path/-3", 400, "-3"),
        ] {
            let request = Request::builder().uri(uri).body(Body::empty()).unwrap();
            let response = router.clone().oneshot(request).await.unwrap();
            assert_eq!(response.status().as_u16(), status, "{uri}");
            let body = axum::body::to_bytes(response.into_body(), usize::MAX).await.unwrap();
            let text = String::from_utf8_lossy(&body);
            assert!(text.contains(hint), "{hint:?} is missing in {text}");
            assert_eq!(text.contains("urn:problem:invalid-parameter"), status == 400, "{text}");
        }
    }
}
