//! Values on the command line, and what is said of those that are none.

use std::str::FromStr;

use events::OrderId;

/// The id of an order.
pub(super) fn order_id(text: &str) -> Result<OrderId, String> {
    text.parse().map_err(|_| format!("expected {}", OrderId::FORM))
}

/// How many of something there are.
pub(super) fn count<T: FromStr>(text: &str) -> Result<T, String> {
    text.parse().map_err(|_| "expected a whole number from 0".to_owned())
}

/// How many more, or fewer.
pub(super) fn difference(text: &str) -> Result<i64, String> {
    text.parse().map_err(|_| "expected a whole number, negative for fewer".to_owned())
}

/// Units of time, in seconds.
pub(super) const TIMES: [(&str, u64); 4] = [("d", 86_400), ("h", 3_600), ("m", 60), ("s", 1)];

/// A number followed by one of the units: `7d`.
pub(super) fn measured(text: &str, units: &[(&str, u64)]) -> Option<u64> {
    let (number, size) = units.iter().find_map(|(unit, size)| Some((text.strip_suffix(unit)?, size)))?;
    number.trim_end().parse::<u64>().ok()?.checked_mul(*size)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn measures_have_a_unit() {
        assert_eq!(["90s", "2 h", "0d"].map(|text| measured(text, &TIMES)), [Some(90), Some(7_200), Some(0)]);
        for wrong in ["7", "d", "-1d", "1.5h", "1w", "99999999999999999999d", "999999999999999999d"] {
            assert_eq!(measured(wrong, &TIMES), None, "{wrong}");
        }
    }

    #[test]
    fn what_is_no_value_is_answered_with_what_is() {
        let id = "0198c0de-7a11-7c3e-9b5d-2f6a1e8d4c70";
        assert_eq!(order_id(id).map(|id| id.to_string()).as_deref(), Ok(id));
        assert!(order_id("xyz").is_err_and(|why| why.contains("a UUID such as")));
        assert_eq!((count::<u64>("7"), difference("-7")), (Ok(7), Ok(-7)));
        for wrong in ["abc", "-5", "1.5", ""] {
            assert!(count::<usize>(wrong).is_err_and(|why| why.contains("whole number from 0")), "{wrong}");
        }
        assert!(difference("few").is_err_and(|why| why.contains("whole number")));
    }
}
