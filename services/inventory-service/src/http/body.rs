//! A JSON object as a body: for serde, a list of the same values would do as well.

use std::{fmt, marker::PhantomData};

use serde::{
    Deserialize, Deserializer,
    de::{MapAccess, Visitor, value::MapAccessDeserializer},
};

/// What is read from an object, and from nothing else.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Object<T>(pub(super) T);

impl<'de, T: Deserialize<'de>> Deserialize<'de> for Object<T> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_map(ObjectVisitor(PhantomData)).map(Self)
    }
}

struct ObjectVisitor<T>(PhantomData<T>);

impl<'de, T: Deserialize<'de>> Visitor<'de> for ObjectVisitor<T> {
    type Value = T;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("an object")
    }

    fn visit_map<A: MapAccess<'de>>(self, members: A) -> Result<T, A::Error> {
        T::deserialize(MapAccessDeserializer::new(members))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[derive(Debug, Deserialize)]
    struct Pair {
        a: u8,
        b: u8,
    }

    fn read(text: &str) -> Result<(u8, u8), String> {
        let read: Result<Object<Pair>, _> = serde_json::from_str(text);
        read.map(|Object(Pair { a, b })| (a, b)).map_err(|error| error.to_string())
    }

    #[test]
    fn an_object_and_nothing_else_will_do() {
        assert_eq!(read(r#"{"a":1,"b":2}"#), Ok((1, 2)));
        for text in ["[1,2]", "[]", "1", "null", r#""a""#] {
            let refusal = read(text).err().unwrap_or_default();
            assert!(refusal.contains("expected an object"), "{text}: {refusal}");
        }
    }
}
