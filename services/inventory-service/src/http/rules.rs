//! What may stand in a request: every rule about its content, pure.

use events::requests::StockChange;
use runtime::Problem;
use serde::{Deserialize, Serialize};

use super::{body::Object, problems};

/// Most characters of a SKU; the same rule as for the lines of an order.
const MAX_SKU: usize = 64;
/// Most characters of a reason.
const MAX_REASON: usize = 500;
/// Most pieces that one adjustment brings or takes: far beyond any shelf, far below what can be counted.
const MAX_PIECES: u64 = 1_000_000_000;

/// The body of an adjustment, as it was sent.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Wish {
    change: Object<Change>,
    /// Why, in the caller's words.
    reason: Option<String>,
}

/// How the stock shall change: one of the two.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields)]
struct Change {
    /// Pieces to add, or to take away.
    by: Option<i64>,
    /// Pieces to have on hand.
    to: Option<u64>,
}

/// What is wrong with one field of a body.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub(super) struct FieldError {
    /// JSON pointer (RFC 6901) of the field.
    pub(super) pointer: &'static str,
    /// What to fix.
    pub(super) detail: String,
}

/// Reads a SKU from a path.
pub(super) fn sku(text: &str) -> Result<&str, Problem> {
    if is_sku(text) { Ok(text) } else { Err(problems::parameter("sku", &sku_rule())) }
}

/// Whether a text can be a SKU.
pub(super) fn is_sku(text: &str) -> bool {
    let allowed = |byte: u8| byte.is_ascii_alphanumeric() || matches!(byte, b'.' | b'_' | b'-');
    (1..=MAX_SKU).contains(&text.len()) && text.bytes().all(allowed)
}

/// What a SKU must be, in words.
pub(super) fn sku_rule() -> String {
    format!("must be a SKU: 1 to {MAX_SKU} characters of A-Z a-z 0-9 . _ -")
}

impl Wish {
    /// How the stock shall change and why, if all of it makes sense.
    pub(super) fn checked(self) -> Result<(StockChange, Option<String>), Problem> {
        match (self.change.0.checked(), wrong_reason(self.reason.as_deref())) {
            (Ok(change), None) => Ok((change, self.reason)),
            (change, reason) => {
                let errors: Vec<FieldError> = change.err().into_iter().chain(reason).collect();
                Err(problems::content(&errors))
            }
        }
    }
}

impl Change {
    fn checked(self) -> Result<StockChange, FieldError> {
        let wrong = |pointer, detail| Err(FieldError { pointer, detail });
        match (self.by, self.to) {
            (Some(0), None) => {
                wrong("/change/by", "is nothing; use {\"to\": 0} to create a SKU without pieces".to_owned())
            }
            (Some(by), None) if by.unsigned_abs() > MAX_PIECES => wrong(
                "/change/by",
                format!("must be a whole number from -{MAX_PIECES} to {MAX_PIECES}, not {by}"),
            ),
            (None, Some(to)) if to > MAX_PIECES => {
                wrong("/change/to", format!("must be a whole number from 0 to {MAX_PIECES}, not {to}"))
            }
            (Some(by), None) => Ok(StockChange::By(by)),
            (None, Some(to)) => Ok(StockChange::To(to)),
            (None, None) | (Some(_), Some(_)) => {
                wrong("/change", "must hold either `by` or `to`, and not both".to_owned())
            }
        }
    }
}

fn wrong_reason(reason: Option<&str>) -> Option<FieldError> {
    let reason = reason?;
    let length = reason.chars().take(MAX_REASON + 1).count();
    let good = (1..=MAX_REASON).contains(&length) && !reason.chars().any(char::is_control);
    let detail = format!("must be 1 to {MAX_REASON} characters without control characters");
    (!good).then_some(FieldError { pointer: "/reason", detail })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn wish(by: Option<i64>, to: Option<u64>, reason: &str) -> Wish {
        Wish { change: Object(Change { by, to }), reason: Some(reason.to_owned()) }
    }

    #[test]
    fn skus_are_those_of_order_lines() {
        for good in ["A", "lamp-blue_2.0", &"x".repeat(64)] {
            assert!(is_sku(good), "{good}");
        }
        for bad in ["", " A", "A B", "A/B", "größe", "A\n", "*", &"x".repeat(65)] {
            assert!(!is_sku(bad), "{bad}");
        }
    }

    #[test]
    fn changes_at_the_bounds_are_taken() {
        for by in [1_000_000_000, -1_000_000_000, 1, -1] {
            let checked = wish(Some(by), None, "Lieferung № 4711").checked();
            assert!(matches!(checked, Ok((StockChange::By(read), Some(_))) if read == by), "{by}");
        }
        for to in [0, 1_000_000_000] {
            let checked = wish(None, Some(to), &"ü".repeat(500)).checked();
            assert!(matches!(checked, Ok((StockChange::To(read), Some(_))) if read == to), "{to}");
        }
    }

    #[test]
    fn everything_that_is_wrong_is_told_at_once() {
        let problem = wish(Some(i64::MIN), None, "").checked().err();
        let detail = problem.as_ref().and_then(Problem::detail).unwrap_or_default();
        assert!(detail.starts_with("/change/by must be") && detail.contains("1 more"), "{detail}");
    }
}
