//! The `Idempotency-Key` header: repeating a request with the same key does nothing twice.

use axum::http::{HeaderMap, HeaderName};
use runtime::Problem;

use super::problems;

/// Set on an answer to a request that had been accepted before.
pub(super) const REPLAYED: HeaderName = HeaderName::from_static("idempotent-replayed");

const NAME: &str = "Idempotency-Key";
const MAX: usize = 255;

/// The key, if the caller sent one.
pub(super) fn read(headers: &HeaderMap) -> Result<Option<String>, Problem> {
    let mut given = headers.get_all(NAME).iter();
    let Some(key) = given.next() else { return Ok(None) };
    if given.next().is_some() {
        return Err(problems::header(NAME, "is given more than once; send one key"));
    }
    let printable = |byte: &u8| matches!(byte, 0x20..=0x7e);
    let key = key.as_bytes();
    if !(1..=MAX).contains(&key.len()) || !key.iter().all(printable) {
        return Err(problems::header(NAME, "must be 1 to 255 printable ASCII characters"));
    }
    Ok(Some(key.iter().copied().map(char::from).collect()))
}

#[cfg(test)]
mod tests {
    use axum::http::HeaderValue;

    use super::*;

    fn one(value: &[u8]) -> HeaderMap {
        HeaderMap::from_iter([(
            HeaderName::from_static("idempotency-key"),
            HeaderValue::from_bytes(value).unwrap(),
        )])
    }

    #[test]
    fn a_key_is_taken_as_it_is() {
        assert!(matches!(read(&HeaderMap::new()), Ok(None)));
        for key in ["7", "cart 7; try \"2\"", &"k".repeat(255)] {
            assert_eq!(read(&one(key.as_bytes())).unwrap().as_deref(), Some(key));
        }
    }

    #[test]
    fn no_key_is_better_than_a_bad_one() {
        for key in [b"".as_slice(), "schl\u{fc}ssel".as_bytes(), b"a\tb", "k".repeat(256).as_bytes()] {
            assert!(read(&one(key)).is_err(), "{key:?} was accepted");
        }
        let mut headers = HeaderMap::new();
        headers.append(NAME, HeaderValue::from_static("a"));
        headers.append(NAME, HeaderValue::from_static("a"));
        assert!(read(&headers).is_err());
    }
}
