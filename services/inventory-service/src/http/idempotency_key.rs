//! The `Idempotency-Key` header: repeating an adjustment under the same key adjusts nothing twice.

use axum::http::{HeaderMap, HeaderName};
use runtime::Problem;
use uuid::Uuid;

use super::problems;

/// Set on an answer to an adjustment that had been asked for before.
pub(super) const REPLAYED: HeaderName = HeaderName::from_static("idempotent-replayed");

const NAME: &str = "Idempotency-Key";
/// Most characters of a key.
const MAX: usize = 255;

/// The identity that a caller gives an adjustment by the key, if it sent one. Keys belong to their SKU.
pub(super) fn adjustment_id(headers: &HeaderMap, sku: &str) -> Result<Option<Uuid>, Problem> {
    let mut given = headers.get_all(NAME).iter();
    let Some(key) = given.next() else { return Ok(None) };
    if given.next().is_some() {
        return Err(problems::header(NAME, "is given more than once; send one key"));
    }
    match key.to_str() {
        Ok(key) if (1..=MAX).contains(&key.len()) && !key.contains('\t') => {
            Ok(Some(events::ids::derive(&["adjustment", sku, key])))
        }
        Ok(_) | Err(_) => Err(problems::header(NAME, "must be 1 to 255 printable ASCII characters")),
    }
}

#[cfg(test)]
mod tests {
    use axum::http::HeaderValue;

    use super::*;

    fn id(key: &[u8], sku: &str) -> Result<Option<Uuid>, ()> {
        let mut headers = HeaderMap::new();
        headers.insert(NAME, HeaderValue::from_bytes(key).map_err(drop)?);
        adjustment_id(&headers, sku).map_err(|_problem| ())
    }

    #[test]
    fn a_key_names_an_adjustment_of_its_sku() {
        assert!(matches!(adjustment_id(&HeaderMap::new(), "A"), Ok(None)));
        assert!(matches!(id(b"delivery 7", "A"), Ok(Some(_))));
        assert_eq!(id(b"delivery 7", "A"), id(b"delivery 7", "A"));
        assert_ne!(id(b"delivery 7", "A"), id(b"delivery 7", "B"));
        assert_ne!(id(b"delivery 7", "A"), id(b"delivery 8", "A"));
        assert!(id("k".repeat(255).as_bytes(), "A").is_ok());
    }

    #[test]
    fn no_key_is_better_than_a_bad_one() {
        for key in [b"".as_slice(), "schl\u{fc}ssel".as_bytes(), b"a\tb", "k".repeat(256).as_bytes()] {
            assert_eq!(id(key, "A"), Err(()), "{key:?}");
        }
        let mut headers = HeaderMap::new();
        headers.append(NAME, HeaderValue::from_static("a"));
        headers.append(NAME, HeaderValue::from_static("a"));
        assert!(adjustment_id(&headers, "A").is_err());
    }
}
