//! Cursors: where the next page begins, and of which listing.

use runtime::http::{read_cursor, write_cursor};

use crate::{
    projection::STREAMS,
    trail::{Filter, Place, Start},
};

/// The cursor of the page after `place`, in the listing with this filter and order.
pub(super) fn encode(filter: &Filter, order: &Start, place: &Place) -> String {
    let mut bytes = place.stored_at.to_be_bytes().to_vec();
    bytes.extend(place.sequence.to_be_bytes());
    bytes.extend(place.stream.as_bytes());
    write_cursor(&listing(filter, order), &bytes)
}

/// Where the page begins; `None` when this is no cursor, or one of another listing.
pub(super) fn decode(filter: &Filter, order: &Start, cursor: &str) -> Option<Start> {
    let bytes = read_cursor(&listing(filter, order), cursor)?;
    let (stored_at, rest) = bytes.split_first_chunk()?;
    let (sequence, stream) = rest.split_first_chunk()?;
    let sequence = u64::from_be_bytes(*sequence);
    let stream = STREAMS.iter().find(|known| known.as_bytes() == stream)?;
    Some(match order {
        Start::Sequence(_) => Start::Sequence(sequence),
        Start::Time(_) => {
            let stored_at = i64::from_be_bytes(*stored_at);
            Start::Time(Some(Place { stored_at, stream: (*stream).to_owned(), sequence }))
        }
    })
}

fn listing(filter: &Filter, order: &Start) -> String {
    format!("audit/1 {filter:?} {order:?}")
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
    fn a_cursor_into_an_unknown_stream_is_none() {
        let (filter, order) = (Filter::default(), Start::Time(None));
        let unknown = encode(&filter, &order, &Place { stream: "ORDER".to_owned(), ..place() });
        assert_eq!(decode(&filter, &order, &unknown), None);
        assert_eq!(decode(&filter, &order, "cursor"), None);
    }
}
