//! Where a page of a list ends: opaque to callers, and worth nothing for any other list.

use runtime::http::{read_cursor, write_cursor};

use crate::read_model::Filter;

/// The cursor for what comes after `place`.
pub(super) fn write(place: i64, filter: &Filter) -> String {
    write_cursor(&listing(filter), &place.to_be_bytes())
}

/// The place in a cursor; `None` when it was not given out for such a list.
pub(super) fn read(text: &str, filter: &Filter) -> Option<i64> {
    let place = read_cursor(&listing(filter), text)?;
    place.try_into().ok().map(i64::from_be_bytes)
}

fn listing(filter: &Filter) -> String {
    let Filter { customer_id, stage, before: _ } = filter;
    format!("orders/1 {customer_id:?} {:?}", stage.map(|stage| stage.number()))
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
}
