//! `Prefer: wait=N` (RFC 7240): the caller would rather wait for the outcome than ask for it later.

use std::time::Duration;

use axum::http::{HeaderMap, HeaderName, HeaderValue};
use runtime::Problem;
use tokio::time::Instant;

/// Says that the preference was honoured.
pub(super) const APPLIED: HeaderName = HeaderName::from_static("preference-applied");

const NAME: &str = "Prefer";
/// Most seconds a caller may wait; a longer wish is cut.
const MAX: u64 = 30;
/// The process ends requests after 30 s, and an answer has to be written before.
const LATEST: Duration = Duration::from_millis(28_500);

/// How long a caller would wait.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Wait {
    seconds: u64,
}

impl Wait {
    /// When to answer at the latest, for a request that arrived then.
    pub(super) fn deadline(self, arrived: Instant) -> Instant {
        arrived + Duration::from_secs(self.seconds).min(LATEST)
    }

    /// The header that says so.
    pub(super) fn applied(self) -> (HeaderName, HeaderValue) {
        let value = HeaderValue::from_str(&format!("wait={}", self.seconds));
        (APPLIED, value.unwrap_or(HeaderValue::from_static("wait")))
    }
}

/// The wish to wait, if there is one. Other preferences are not known here and do no harm.
pub(super) fn read(headers: &HeaderMap) -> Result<Option<Wait>, Problem> {
    let refusal =
        || Problem::invalid_header(NAME, "must be `wait=N` with N a whole number of seconds; 30 is the most");
    for value in headers.get_all(NAME) {
        for preference in value.to_str().map_err(|_| refusal())?.split(',') {
            let (name, value) = preference.split_once('=').unwrap_or((preference, ""));
            if !name.trim().eq_ignore_ascii_case("wait") {
                continue;
            }
            let value = value.split(';').next().unwrap_or_default().trim().trim_matches('"');
            let digits = !value.is_empty() && value.bytes().all(|byte| byte.is_ascii_digit());
            // More digits than fit are a long wait too.
            let seconds = if digits { value.parse().unwrap_or(MAX) } else { return Err(refusal()) };
            return Ok(Some(Wait { seconds: seconds.clamp(1, MAX) }));
        }
    }
    Ok(None)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn seconds(values: &[&'static str]) -> Result<Option<u64>, ()> {
        let mut headers = HeaderMap::new();
        for value in values {
            headers.append(NAME, HeaderValue::from_static(value));
        }
        read(&headers).map(|wait| wait.map(|wait| wait.seconds)).map_err(|_| ())
    }

    #[test]
    fn the_wish_is_found_among_others_and_cut_to_what_is_possible() {
        assert_eq!(seconds(&[]), Ok(None));
        assert_eq!(seconds(&["respond-async, return=minimal"]), Ok(None));
        assert_eq!(seconds(&["wait=5"]), Ok(Some(5)));
        assert_eq!(seconds(&["respond-async, Wait = \"7\"; foo"]), Ok(Some(7)));
        assert_eq!(seconds(&["handling=strict", "wait=1"]), Ok(Some(1)));
        assert_eq!(seconds(&["wait=0"]), Ok(Some(1)));
        assert_eq!(seconds(&["wait=99999999999999999999"]), Ok(Some(30)));
    }

    #[test]
    fn a_wish_that_cannot_be_read_is_refused() {
        for value in ["wait", "wait=", "wait=-1", "wait=1.5", "wait=soon", "wait=5s"] {
            assert_eq!(seconds(&[value]), Err(()), "{value}");
        }
    }
}
