//! The `Idempotency-Key` header: a request that is repeated with the same key does nothing twice.

use axum::{
    extract::FromRequestParts,
    http::{HeaderName, request::Parts},
};

use crate::problem::Problem;

const NAME: &str = "Idempotency-Key";
/// Most characters of a key.
const MAX: usize = 255;

/// Set to `true` on the answer to a request that had been accepted before.
pub const REPLAYED: HeaderName = HeaderName::from_static("idempotent-replayed");

/// The caller's idempotency key, if it sent one: 1 to 255 printable ASCII characters. Refuses any other key, and more
/// than one (400); what a key belongs to is the endpoint's to say.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct IdempotencyKey(pub Option<String>);

impl<S: Send + Sync> FromRequestParts<S> for IdempotencyKey {
    type Rejection = Problem;

    async fn from_request_parts(parts: &mut Parts, _state: &S) -> Result<Self, Problem> {
        let mut given = parts.headers.get_all(NAME).iter();
        let Some(key) = given.next() else { return Ok(IdempotencyKey(None)) };
        if given.next().is_some() {
            return Err(Problem::invalid_header(NAME, "is given more than once; send one key"));
        }
        match str::from_utf8(key.as_bytes()) {
            Ok(key) if (1..=MAX).contains(&key.len()) && key.bytes().all(is_printable) => {
                Ok(IdempotencyKey(Some(key.to_owned())))
            }
            Ok(_) | Err(_) => Err(Problem::invalid_header(
                NAME,
                format_args!("must be 1 to {MAX} printable ASCII characters"),
            )),
        }
    }
}

fn is_printable(byte: u8) -> bool {
    matches!(byte, 0x20..=0x7e)
}

#[cfg(test)]
mod tests {
    use axum::http::{HeaderValue, Request, StatusCode};

    use super::*;

    async fn read(keys: &[&[u8]]) -> Result<Option<String>, Problem> {
        let (mut parts, ()) = Request::new(()).into_parts();
        for key in keys {
            parts.headers.append(NAME, HeaderValue::from_bytes(key).unwrap());
        }
        let read = IdempotencyKey::from_request_parts(&mut parts, &()).await;
        read.map(|IdempotencyKey(key)| key)
    }

    #[tokio::test]
    async fn a_key_is_taken_as_it_is() {
        assert_eq!(read(&[]).await.unwrap(), None);
        for key in ["7", "cart 7; try \"2\"", &"k".repeat(255)] {
            assert_eq!(read(&[key.as_bytes()]).await.unwrap().as_deref(), Some(key));
        }
    }

    #[tokio::test]
    async fn no_key_is_better_than_a_bad_one() {
        let long = "k".repeat(256);
        for key in [b"".as_slice(), "schl\u{fc}ssel".as_bytes(), b"\xff", b"a\tb", long.as_bytes()] {
            let problem = read(&[key]).await.unwrap_err();
            assert_eq!(problem.status(), StatusCode::BAD_REQUEST);
            assert_eq!(problem.detail(), Some("Idempotency-Key must be 1 to 255 printable ASCII characters"));
        }
        let problem = read(&[b"a", b"a"]).await.unwrap_err();
        assert!(problem.detail().unwrap().contains("more than once"));
    }
}
