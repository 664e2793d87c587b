//! The mistakes that callers make with any API: the same mistake reads the same in every service.

use std::fmt::Display;

use serde::Serialize;
use serde_json::json;

use super::Problem;

/// The body is not JSON.
const MALFORMED_JSON: &str = "urn:problem:malformed-json";
/// A field of the body is wrong.
const INVALID_BODY: &str = "urn:problem:invalid-body";
/// A header is wrong.
const INVALID_HEADER: &str = "urn:problem:invalid-header";
/// A parameter in path or query is wrong.
const INVALID_PARAMETER: &str = "urn:problem:invalid-parameter";
/// The idempotency key belongs to another request.
const KEY_REUSED: &str = "urn:problem:idempotency-key-reused";

/// What is wrong with one field of a body.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct FieldError {
    /// JSON pointer (RFC 6901) of the field; empty for the body as a whole.
    pub pointer: String,
    /// What to fix, as a sentence goes on that begins with the field: `must be at least 1`.
    pub detail: String,
}

impl FieldError {
    /// The field at `pointer` is wrong; `detail` says what to fix.
    pub fn new(pointer: impl Into<String>, detail: impl Into<String>) -> FieldError {
        FieldError { pointer: pointer.into(), detail: detail.into() }
    }
}

impl Problem {
    /// 400: the body is not JSON; `why` says where it ceases to be.
    pub(crate) fn malformed_json(why: impl Into<String>) -> Problem {
        Problem::bad_request(why).with_type(MALFORMED_JSON).with_title("Malformed JSON")
    }

    /// 422: the body is JSON, and these fields of it are wrong: at least one. They are all in `errors`, the first one
    /// also in the detail.
    pub fn invalid_fields(errors: &[FieldError]) -> Problem {
        Problem::unprocessable(summary(errors))
            .with_type(INVALID_BODY)
            .with_title("Invalid body")
            .with("errors", json!(errors))
    }

    /// 400: a header is not acceptable. `what_to_fix` goes on after its name: `is given more than once`.
    pub fn invalid_header(name: &'static str, what_to_fix: impl Display) -> Problem {
        Problem::bad_request(format!("{name} {what_to_fix}"))
            .with_type(INVALID_HEADER)
            .with_title("Invalid header")
            .with("header", name)
    }

    /// 400: a parameter in path or query is not acceptable. `what_to_fix` goes on after its name: `must be 1 or more`.
    pub fn invalid_parameter(name: &str, what_to_fix: impl Display) -> Problem {
        Problem::unreadable_parameters(format!("{name} {what_to_fix}")).with("parameter", name)
    }

    /// 400: some parameter in path or query is not acceptable; `why` names it.
    pub(crate) fn unreadable_parameters(why: impl Into<String>) -> Problem {
        Problem::bad_request(why).with_type(INVALID_PARAMETER).with_title("Invalid parameter")
    }

    /// 422: the idempotency key was used for another request; `detail` says for which, and what to do.
    pub fn idempotency_key_reused(detail: impl Into<String>) -> Problem {
        Problem::unprocessable(detail).with_type(KEY_REUSED).with_title("Idempotency key reused")
    }
}

fn summary(errors: &[FieldError]) -> String {
    let Some(FieldError { pointer, detail }) = errors.first() else { return String::new() };
    let field = if pointer.is_empty() { "the body" } else { pointer };
    match errors.len() - 1 {
        0 => format!("{field} {detail}"),
        more => format!("{field} {detail} (and {more} more, see `errors`)"),
    }
}

#[cfg(test)]
mod tests {
    use axum::http::StatusCode;

    use super::*;
    use crate::problem::tests::rendered;

    #[tokio::test]
    async fn wrong_fields_are_all_named_and_the_first_one_in_words() {
        let whole = FieldError::new("", "must be an object, not a list");
        let field = FieldError::new("/lines/0/quantity", "must be at least 1");
        let (status, _, body) = rendered(Problem::invalid_fields(std::slice::from_ref(&whole))).await;
        assert_eq!(
            (status, body),
            (
                StatusCode::UNPROCESSABLE_ENTITY,
                json!({
                    "type": "urn:problem:invalid-body",
                    "title": "Invalid body",
                    "status": 422,
                    "detail": "the body must be an object, not a list",
                    "errors": [{ "pointer": "", "detail": "must be an object, not a list" }],
                })
            )
        );
        let both = Problem::invalid_fields(&[field, whole]);
        assert_eq!(both.detail(), Some("/lines/0/quantity must be at least 1 (and 1 more, see `errors`)"));
    }

    #[tokio::test]
    async fn a_mistake_is_known_by_its_type_and_named_in_a_member() {
        let header = Problem::invalid_header("Prefer", "must be `wait=N`");
        let parameter = Problem::invalid_parameter("limit", format_args!("must be from 1 to {}", 5));
        for (problem, kind, member, detail) in [
            (header, "invalid-header", Some(("header", "Prefer")), "Prefer must be `wait=N`"),
            (parameter, "invalid-parameter", Some(("parameter", "limit")), "limit must be from 1 to 5"),
            (Problem::malformed_json("line 1"), "malformed-json", None, "line 1"),
            (Problem::idempotency_key_reused("elsewhere"), "idempotency-key-reused", None, "elsewhere"),
        ] {
            let (_, _, body) = rendered(problem).await;
            assert_eq!(body["type"], format!("urn:problem:{kind}"));
            assert_eq!(body["detail"], detail);
            if let Some((member, name)) = member {
                assert_eq!(body[member], name);
            }
        }
    }
}
