//! Identities, and how the deterministic ones are derived.

use std::{fmt, str::FromStr};

use serde::{Deserialize, Deserializer, Serialize, Serializer};
use uuid::Uuid;

/// The namespace of every name-based (version 5) id of the fleet.
pub const NAMESPACE: Uuid = Uuid::from_u128(0x6f72_6465_7266_6c65_6574_0000_0000_0001);

/// A name-based id: the same parts always give the same id, in every process and for ever.
///
/// Each part is preceded by its length in bytes, so that no two lists of parts share a name, whatever
/// characters callers put into them.
#[must_use]
pub fn derive(parts: &[&str]) -> Uuid {
    let mut name = String::with_capacity(96);
    for part in parts {
        name.push_str(&part.len().to_string());
        name.push(':');
        name.push_str(part);
    }
    Uuid::new_v5(&NAMESPACE, name.as_bytes())
}

/// The id of an order.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(transparent)]
pub struct OrderId(pub Uuid);

impl OrderId {
    /// How an order's id is written, in words.
    pub const FORM: &str = "the id of an order, a UUID such as 0198c0de-7a11-7c3e-9b5d-2f6a1e8d4c70";

    /// The order a customer means by an idempotency key: repeating the key names the same order.
    #[must_use]
    pub fn from_key(customer_id: &str, idempotency_key: &str) -> Self {
        Self(derive(&["order", customer_id, idempotency_key]))
    }
}

impl fmt::Display for OrderId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.hyphenated().fmt(f)
    }
}

impl FromStr for OrderId {
    type Err = uuid::Error;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        Uuid::parse_str(text).map(Self)
    }
}

/// A W3C trace id: 16 bytes, written as 32 lower-case hex digits; binary formats have the bytes.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Default)]
pub struct TraceId(pub [u8; 16]);

impl TraceId {
    /// Whether this is the all-zero id, which W3C declares invalid: "no trace".
    #[must_use]
    pub fn is_none(&self) -> bool {
        self.0 == [0; 16]
    }
}

impl fmt::Display for TraceId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:032x}", u128::from_be_bytes(self.0))
    }
}

impl fmt::Debug for TraceId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}

/// The text was not 32 hex digits.
#[derive(Debug, thiserror::Error)]
#[error("a trace id is 32 lower-case hex digits")]
pub struct InvalidTraceId;

impl FromStr for TraceId {
    type Err = InvalidTraceId;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let hex = text.len() == 32 && text.bytes().all(|b| matches!(b, b'0'..=b'9' | b'a'..=b'f'));
        if !hex {
            return Err(InvalidTraceId);
        }
        u128::from_str_radix(text, 16).map(|id| Self(id.to_be_bytes())).map_err(|_| InvalidTraceId)
    }
}

impl Serialize for TraceId {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        if serializer.is_human_readable() {
            serializer.collect_str(self)
        } else {
            self.0.serialize(serializer)
        }
    }
}

impl<'de> Deserialize<'de> for TraceId {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        if deserializer.is_human_readable() {
            crate::text::deserialize(deserializer)
        } else {
            <[u8; 16]>::deserialize(deserializer).map(Self)
        }
    }
}

#[cfg(test)]
mod tests {
    use super::{OrderId, TraceId, derive};

    #[test]
    fn derived_ids_never_change() {
        assert_eq!(derive(&["a", "b"]).to_string(), "d7d66354-f5c4-50e2-87a6-78e4cb1d1e68");
        let order = OrderId::from_key("c-1001", "cart-7");
        assert_eq!(order.to_string(), "a1ded41f-c5e7-5a71-93a6-d9624e55adaa");
        assert_ne!(order, OrderId::from_key("c-1002", "cart-7"), "keys belong to their customer");
    }

    #[test]
    fn other_parts_give_another_id_even_if_they_read_the_same() {
        let ids =
            [&["a", "b", "c"][..], &["a\nb", "c"], &["a", "b\nc"], &["ab", "c"], &["abc"], &["a1:b", "c"]];
        let distinct = ids.iter().map(|parts| derive(parts)).collect::<std::collections::BTreeSet<_>>();
        assert_eq!(distinct.len(), ids.len());
    }

    #[test]
    fn every_spelling_of_a_uuid_names_the_same_order_and_one_is_written() {
        let written = "6ba7b810-9dad-11d1-80b4-00c04fd430c8";
        let spellings = [
            written,
            "6BA7B810-9DAD-11D1-80B4-00C04FD430C8",
            "6ba7b8109dad11d180b400c04fd430c8",
            "{6ba7b810-9dad-11d1-80b4-00c04fd430c8}",
            "urn:uuid:6ba7b810-9dad-11d1-80b4-00c04fd430c8",
        ];
        for text in spellings {
            assert_eq!(text.parse::<OrderId>().map(|id| id.to_string()).ok().as_deref(), Some(written));
        }
        for text in
            ["", "6ba7b810", "6ba7b810-9dad-11d1-80b4-00c04fd430cg", " 6ba7b8109dad11d180b400c04fd430c8"]
        {
            assert!(text.parse::<OrderId>().is_err(), "{text}");
        }
    }

    #[test]
    fn a_trace_id_is_32_lower_case_hex_digits() {
        let text = "0af7651916cd43dd8448eb211c80319c";
        let id = text.parse::<TraceId>();
        assert_eq!(id.map(|id| (id.to_string(), id.is_none())).ok(), Some((text.to_owned(), false)));
        let refused = [
            "",
            "0af7651916cd43dd8448eb211c80319",
            "0af7651916cd43dd8448eb211c80319c0",
            "0AF7651916CD43DD8448EB211C80319C",
            "+af7651916cd43dd8448eb211c80319c",
            "0af7651916cd43dd8448eb211c8031é",
        ];
        for text in refused {
            assert!(text.parse::<TraceId>().is_err(), "{text}");
        }
    }

    #[test]
    fn binary_formats_have_the_bytes_of_a_trace_id() {
        let id = TraceId([0xab; 16]);
        let bytes = postcard::to_allocvec(&id).unwrap_or_default();
        assert_eq!((bytes.as_slice(), postcard::from_bytes(&bytes).ok()), (&id.0[..], Some(id)));
    }

    #[test]
    fn the_all_zero_trace_id_is_no_trace_yet_can_be_written_and_read() {
        let zeros = "0".repeat(32);
        assert_eq!(TraceId::default().to_string(), zeros);
        assert_eq!(zeros.parse::<TraceId>().map(|id| id.is_none()).ok(), Some(true));
    }
}
