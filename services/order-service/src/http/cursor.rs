//! Where a page of a list ends: opaque to callers, and worth nothing for any other list.

use sha2::{Digest, Sha256};

use crate::read_model::Filter;

/// Bytes of the place, and of the seal behind it.
const PART: usize = 8;

/// The cursor for what comes after `place`.
pub(super) fn write(place: i64, filter: &Filter) -> String {
    hex::encode([place.to_be_bytes(), seal(place, filter)].concat())
}

/// The place in a cursor; `None` when it was not given out for such a list.
pub(super) fn read(text: &str, filter: &Filter) -> Option<i64> {
    let bytes = hex::decode(text).ok()?;
    let (place, sealed) = bytes.split_first_chunk::<PART>()?;
    let place = i64::from_be_bytes(*place);
    (sealed == seal(place, filter)).then_some(place)
}

/// Ties the place to what is listed. No secret: it keeps mistakes out, and there is nothing to steal.
fn seal(place: i64, filter: &Filter) -> [u8; PART] {
    let Filter { customer_id, stage, before: _ } = filter;
    let text = format!("orders-cursor/1 {place} {customer_id:?} {:?}", stage.map(|stage| stage.number()));
    let digest = Sha256::digest(text);
    std::array::from_fn(|index| digest[index])
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::projection::change::Stage;

    #[test]
    fn a_cursor_leads_back_to_its_place_in_its_list_alone() {
        let customer = |id: &str| Filter { customer_id: Some(id.to_owned()), ..Filter::default() };
        let stage = Filter { stage: Some(Stage::Confirmed), ..Filter::default() };
        for filter in [Filter::default(), customer("c-1"), stage.clone()] {
            for place in [1, 77, i64::MAX] {
                assert_eq!(read(&write(place, &filter), &filter), Some(place));
            }
        }
        assert_eq!(read(&write(1, &customer("c-1")), &customer("c-2")), None);
        assert_eq!(read(&write(1, &stage), &Filter::default()), None);
    }

    #[test]
    fn what_was_not_given_out_is_refused() {
        let good = write(77, &Filter::default());
        let forged = good.replacen("000000000000004d", "000000000000004e", 1);
        assert_ne!(forged, good);
        for text in
            ["", "77", "zz", &good[..30], &format!("{good}00"), &forged, "00000000000000000000000000000000"]
        {
            assert_eq!(read(text, &Filter::default()), None, "{text}");
        }
    }
}
