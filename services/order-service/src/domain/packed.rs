//! A settled order in as few bytes as it takes: there are far more of them than of awaiting ones, and hardly any is
//! looked at again.

use std::{borrow::Cow, fmt, sync::Arc};

use base64::{Engine as _, display::Base64Display, engine::general_purpose::STANDARD};
use serde::{Deserialize, Deserializer, Serialize, Serializer, de::Error};

use super::Order;

/// What an order needs at most, as a rule, while it is being written down.
const ROOM: usize = 256;

/// An order as one string of bytes, shared with the snapshots that are being written down. JSON has it in Base64.
///
/// The bytes are those of `postcard`, which has names neither of fields nor of variants: an [`Order`] of another shape, or
/// enums in another order, are another version of the journal's state.
#[derive(Clone, PartialEq, Eq)]
pub(super) struct Packed(Arc<[u8]>);

impl Packed {
    pub(super) fn new(order: &Order) -> Self {
        #[expect(clippy::expect_used, reason = "plain structs of strings and numbers always serialise")]
        let bytes =
            postcard::to_extend(order, Vec::with_capacity(ROOM)).expect("an order can be written down");
        Self(bytes.into())
    }

    pub(super) fn order(&self) -> Order {
        #[expect(clippy::expect_used, reason = "the bytes are of an order, or were read as one")]
        postcard::from_bytes(&self.0).expect("what was written down can be read")
    }
}

impl fmt::Debug for Packed {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.order().fmt(f)
    }
}

impl Serialize for Packed {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(&Base64Display::new(&self.0, &STANDARD))
    }
}

impl<'de> Deserialize<'de> for Packed {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let text = Cow::<str>::deserialize(deserializer)?;
        let bytes = STANDARD.decode(text.as_bytes()).map_err(D::Error::custom)?;
        postcard::from_bytes::<Order>(&bytes).map_err(D::Error::custom)?;
        Ok(Self(bytes.into()))
    }
}
