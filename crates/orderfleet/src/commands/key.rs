//! Idempotency keys: what makes a repetition one.

use uuid::Uuid;

use crate::client::CallError;

/// A key that nobody has used.
pub(super) fn fresh() -> String {
    #[expect(clippy::disallowed_methods, reason = "each call of the program means something of its own")]
    Uuid::new_v4().to_string()
}

/// Why something was not done, or perhaps not: then with what to try again.
pub(super) fn failed(error: CallError, (what, done): (&str, &str), key: &str) -> anyhow::Error {
    let refused = matches!(error, CallError::Refused(_)) && !error.is_transient();
    let outcome = if refused {
        format!("{what} was not {done}")
    } else {
        format!("{what} may be {done}; try again with --key {key}")
    };
    anyhow::Error::from(error).context(outcome)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::client::Problem;

    fn refused(status: u16) -> CallError {
        let (kind, title, url) = (String::new(), String::new(), String::new());
        let (detail, errors, trace_id, retry_after) = (None, Vec::new(), None, None);
        CallError::Refused(Box::new(Problem {
            status,
            kind,
            title,
            detail,
            errors,
            trace_id,
            retry_after,
            url,
        }))
    }

    #[test]
    fn what_may_have_been_done_is_tried_again_under_the_same_key() {
        let told = |error| failed(error, ("the order", "placed"), "k").to_string();
        let silence = CallError::NoAnswer { url: String::new(), what: String::new(), never_sent: false };
        let strange = CallError::Unreadable { url: String::new(), status: 200, error: String::new() };
        for unsure in [silence, strange, refused(503)] {
            assert_eq!(told(unsure), "the order may be placed; try again with --key k");
        }
        assert_eq!(told(refused(422)), "the order was not placed");
    }
}
