//! An error in one line, with everything that caused it.

use std::iter::successors;

/// An error and everything that caused it, outermost first.
#[must_use]
pub fn error_chain(error: &(dyn std::error::Error + 'static)) -> String {
    let causes = successors(Some(error), |error| error.source());
    causes.map(ToString::to_string).collect::<Vec<_>>().join(": ")
}
