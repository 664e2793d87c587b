//! An order in as few bytes as it takes: there may be millions of them, and each is looked at two or three times at most.

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

#[cfg(test)]
mod tests {
    use events::{Money, Timestamp, TraceId, orders::Quantity};
    use proptest::{collection::vec, prelude::*};

    use super::*;
    use crate::domain::Stage;

    fn stages() -> impl Strategy<Value = Stage> {
        let line = (any::<String>(), any::<u32>()).prop_map(|(sku, quantity)| Quantity { sku, quantity });
        let refunded = || vec(any::<String>(), 0..4);
        let lines = vec(line, 0..5);
        prop_oneof![
            lines.clone().prop_map(|lines| Stage::Awaiting { lines }),
            (lines, any::<i64>(), any::<String>(), refunded()).prop_map(
                |(lines, at, charge_id, refunded)| {
                    Stage::Confirmed { lines, at: Timestamp(at), charge_id, refunded }
                }
            ),
            refunded().prop_map(|refunded| Stage::Cancelled { refunded }),
        ]
    }

    fn orders() -> impl Strategy<Value = Order> {
        let customer = prop_oneof![any::<String>(), (0_usize..200_000).prop_map(|length| "ü".repeat(length))];
        let currency = prop::sample::select(vec!["EUR", "JPY", "AED", "ZWG"]);
        let rest = (any::<[u8; 16]>(), any::<i64>(), stages());
        (customer, any::<i64>(), currency, rest).prop_map(
            |(customer_id, amount, currency, (trace, due, stage))| Order {
                customer_id,
                total: Money { amount, currency: currency.parse().expect("a currency") },
                trace_id: TraceId(trace),
                due: Timestamp(due),
                stage,
            },
        )
    }

    proptest! {
        #[test]
        fn what_is_packed_is_what_comes_out_whichever_way_it_went(order in orders()) {
            let packed = Packed::new(&order);
            prop_assert_eq!(&packed.order(), &order);
            let json = serde_json::to_vec(&packed).expect("it can be written down");
            let read: Packed = serde_json::from_slice(&json).expect("it can be read");
            prop_assert_eq!(read.order(), order);
        }

        #[test]
        fn no_bytes_make_it_panic(bytes in vec(any::<u8>(), 0..200), order in orders(), cut in any::<prop::sample::Index>()) {
            let whole = Packed::new(&order).0;
            let cut = &whole[..cut.index(whole.len())];
            for bytes in [&bytes[..], cut] {
                let json = serde_json::to_vec(&STANDARD.encode(bytes)).expect("text");
                if let Ok(read) = serde_json::from_slice::<Packed>(&json) {
                    read.order();
                }
            }
            prop_assert!(postcard::from_bytes::<Order>(cut).is_err(), "an order cut short is none");
        }
    }
}
