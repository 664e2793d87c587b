//! Lists in pages: how much is on one, and where the next one begins.

use sha2::{Digest, Sha256};

use crate::problem::Problem;

/// Bytes of the seal behind the place in a cursor.
const SEAL: usize = 8;

/// Reads the parameter `limit`: how much a caller wants on a page, from 1 to `most`; `default` if it does not say.
///
/// # Errors
/// 400, if it is no such number.
pub fn page_limit(limit: Option<&str>, default: usize, most: usize) -> Result<usize, Problem> {
    let Some(text) = limit else { return Ok(default) };
    let digits = text.bytes().all(|byte| byte.is_ascii_digit());
    let number = text.parse().ok().filter(|limit| digits && (1..=most).contains(limit));
    number.ok_or_else(|| {
        Problem::invalid_parameter("limit", format_args!("must be a whole number from 1 to {most}"))
    })
}

/// Cuts a list off after a page of `limit`, and gives the last item on it if there was more: the next page begins there.
pub fn page_end<T>(items: &mut Vec<T>, limit: usize) -> Option<&T> {
    let more = items.len() > limit;
    items.truncate(limit);
    items.last().filter(|_| more)
}

/// The cursor for what comes after `place`: opaque to callers, and worth nothing for any other listing.
///
/// `listing` tells listings apart: what is listed, by which filter, in which order, and how places are written.
pub fn write_cursor(listing: &str, place: &[u8]) -> String {
    hex::encode([place, &seal(listing, place)].concat())
}

/// The place in a cursor; `None` when it was not given out for this listing.
pub fn read_cursor(listing: &str, cursor: &str) -> Option<Vec<u8>> {
    let mut place = hex::decode(cursor).ok()?;
    let sealed = place.split_off(place.len().checked_sub(SEAL)?);
    (sealed == seal(listing, &place)).then_some(place)
}

/// Ties the place to its listing. No secret: it keeps mistakes out, and there is nothing to steal.
fn seal(listing: &str, place: &[u8]) -> [u8; SEAL] {
    let digest = Sha256::new_with_prefix(listing).chain_update([0]).chain_update(place).finalize();
    std::array::from_fn(|index| digest[index])
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_limit_is_a_whole_number_within_bounds() {
        for (text, limit) in [(None, 20), (Some("1"), 1), (Some("007"), 7), (Some("100"), 100)] {
            assert_eq!(page_limit(text, 20, 100).ok(), Some(limit), "{text:?}");
        }
        for text in ["", "0", "101", "-1", "+5", "1.5", "ten", "99999999999999999999"] {
            let problem = page_limit(Some(text), 20, 100).unwrap_err();
            assert_eq!(problem.detail(), Some("limit must be a whole number from 1 to 100"), "{text:?}");
        }
    }

    #[test]
    fn a_page_ends_where_there_is_more() {
        for (there, limit, kept, end) in
            [(0, 2, 0, None), (2, 2, 2, None), (3, 2, 2, Some(1)), (9, 1, 1, Some(0))]
        {
            let mut items: Vec<_> = (0..there).collect();
            assert_eq!((page_end(&mut items, limit).copied(), items.len()), (end, kept), "{there} items");
        }
    }

    #[test]
    fn a_cursor_leads_back_to_its_place_in_its_listing_alone() {
        for place in [&b""[..], b"7", &[0; 40]] {
            let cursor = write_cursor("orders of c-1", place);
            assert_eq!(read_cursor("orders of c-1", &cursor).as_deref(), Some(place));
            assert_eq!(read_cursor("orders of c-2", &cursor), None);
        }
    }

    #[test]
    fn what_was_not_given_out_is_refused() {
        let good = write_cursor("orders", b"\0M");
        let forged = good.replacen("004d", "004e", 1);
        assert_ne!(forged, good);
        let zeros = "0".repeat(20);
        for text in ["", "0", "77", "zz", &good[..18], &good[2..], &format!("{good}00"), &forged, &zeros] {
            assert_eq!(read_cursor("orders", text), None, "{text}");
        }
    }
}
