//! Cursors: where the next page begins, and of which listing.

use sha2::{Digest, Sha256};

use crate::{
    projection::STREAMS,
    trail::{Filter, Place, Start},
};

/// Changes when cursors of an earlier release can no longer be read.
const VERSION: u8 = 1;
/// Bytes before the name of the stream: version, mark, time, sequence.
const FIXED: usize = 1 + 8 + 8 + 8;

/// The cursor of the page after `place`, in the listing with this filter and order.
pub(super) fn encode(filter: &Filter, order: &Start, place: &Place) -> String {
    let mut bytes = vec![VERSION];
    bytes.extend(mark(filter, order));
    bytes.extend(place.stored_at.to_be_bytes());
    bytes.extend(place.sequence.to_be_bytes());
    bytes.extend(place.stream.as_bytes());
    hex::encode(bytes)
}

/// Where the page begins; `None` when this is no cursor, or one of another listing.
pub(super) fn decode(filter: &Filter, order: &Start, cursor: &str) -> Option<Start> {
    let bytes = hex::decode(cursor).ok()?;
    let (fixed, stream) = bytes.split_at_checked(FIXED)?;
    let [version, fixed @ ..] = fixed else { return None };
    let (marked, place) = fixed.split_at_checked(8)?;
    let (stored_at, sequence) = place.split_first_chunk::<8>()?;
    let sequence = u64::from_be_bytes(sequence.try_into().ok()?);
    let stream = STREAMS.iter().find(|known| known.as_bytes() == stream)?;
    if *version != VERSION || marked != mark(filter, order) {
        return None;
    }
    Some(match order {
        Start::Sequence(_) => Start::Sequence(sequence),
        Start::Time(_) => {
            let stored_at = i64::from_be_bytes(*stored_at);
            Start::Time(Some(Place { stored_at, stream: (*stream).to_owned(), sequence }))
        }
    })
}

/// Tells listings apart.
fn mark(filter: &Filter, order: &Start) -> [u8; 8] {
    let hash: [u8; 32] = Sha256::digest(format!("{filter:?} {order:?}")).into();
    let mut mark = [0; 8];
    mark.copy_from_slice(&hash[..8]);
    mark
}

#[cfg(test)]
mod tests {
    use super::*;

    fn place() -> Place {
        Place { stored_at: -7, stream: "ORDERS".to_owned(), sequence: u64::MAX }
    }

    #[test]
    fn a_cursor_leads_back_to_its_place() {
        let filter = Filter { kind: Some("orders.created".to_owned()), ..Filter::default() };
        for (order, start) in
            [(Start::Time(None), Start::Time(Some(place()))), (Start::Sequence(3), Start::Sequence(u64::MAX))]
        {
            let cursor = encode(&filter, &order, &place());
            assert_eq!(decode(&filter, &order, &cursor), Some(start));
        }
    }

    #[test]
    fn a_cursor_of_another_listing_is_none() {
        let (filter, order) = (Filter::default(), Start::Time(None));
        let cursor = encode(&filter, &order, &place());
        let other = Filter { stream: Some("ORDERS"), ..Filter::default() };
        assert_eq!(decode(&other, &order, &cursor), None);
        assert_eq!(decode(&filter, &Start::Sequence(0), &cursor), None);
    }

    #[test]
    fn no_other_text_is_a_cursor() {
        let (filter, order) = (Filter::default(), Start::Time(None));
        let cursor = encode(&filter, &order, &place());
        let later = format!("02{}", &cursor[2..]);
        let unknown = encode(&filter, &order, &Place { stream: "ORDER".to_owned(), ..place() });
        for text in
            ["", "0", "01", "zz", "cursor", &cursor[..cursor.len() - 2], &cursor[..50], &later, &unknown]
        {
            assert_eq!(decode(&filter, &order, text), None, "{text}");
        }
    }
}
