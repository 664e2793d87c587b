//! What may stand in a request: every rule about its content, pure.

use events::{
    form::{REASON, SKU},
    requests::StockChange,
};
use runtime::{FieldError, Problem};
use serde::Deserialize;

use super::body::Object;

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

/// Reads a SKU from a path.
pub(super) fn sku(text: &str) -> Result<&str, Problem> {
    if SKU.fits(text) {
        Ok(text)
    } else {
        Err(Problem::invalid_parameter("sku", format_args!("must be a SKU: {SKU}")))
    }
}

impl Wish {
    /// How the stock shall change and why, if all of it makes sense.
    pub(super) fn checked(self) -> Result<(StockChange, Option<String>), Problem> {
        match (self.change.0.checked(), wrong_reason(self.reason.as_deref())) {
            (Ok(change), None) => Ok((change, self.reason)),
            (change, reason) => {
                let errors: Vec<FieldError> = change.err().into_iter().chain(reason).collect();
                Err(Problem::invalid_fields(&errors))
            }
        }
    }
}

impl Change {
    fn checked(self) -> Result<StockChange, FieldError> {
        let wrong = |pointer: &str, detail: String| Err(FieldError::new(pointer, detail));
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
    let wrong = !REASON.fits(reason?);
    wrong.then(|| FieldError::new("/reason", format!("must be {REASON}")))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn wish(by: Option<i64>, to: Option<u64>, reason: &str) -> Wish {
        Wish { change: Object(Change { by, to }), reason: Some(reason.to_owned()) }
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
