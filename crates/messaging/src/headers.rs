//! The headers of a message: their names, and a map that hides the client's own type.

use std::{collections::BTreeMap, fmt};

use serde::{Serialize, Serializer};

/// Deduplication id: a second message with the same id within the stream's window is not stored.
pub const MSG_ID: &str = "Nats-Msg-Id";
/// Stored only if this is the stream's last sequence: the journal's fence.
pub const EXPECTED_LAST_SEQUENCE: &str = "Nats-Expected-Last-Sequence";
/// Which atomic batch a message belongs to.
pub const BATCH_ID: &str = "Nats-Batch-Id";
/// Position in the atomic batch, from 1.
pub const BATCH_SEQUENCE: &str = "Nats-Batch-Sequence";
/// Set on the last message of an atomic batch.
pub const BATCH_COMMIT: &str = "Nats-Batch-Commit";
/// What the body is; always [`JSON`].
pub const CONTENT_TYPE: &str = "Content-Type";
/// The media type of an envelope.
pub const JSON: &str = "application/json";
/// W3C trace context.
pub const TRACEPARENT: &str = "traceparent";
/// W3C vendor part of the trace context, passed on untouched.
pub const TRACESTATE: &str = "tracestate";
/// The epoch of the journal's writer.
pub const EPOCH: &str = "Fleet-Epoch";
/// Identity of one journal commit, the same however often it is sent.
pub const COMMIT: &str = "Fleet-Commit";
/// The inputs consumed so far, on the last message of a journal commit: `REQUESTS=12,PAYMENTS=7`.
pub const POSITIONS: &str = "Fleet-Positions";
/// There, whatever it says, on an event of a journal that follows from an input that was put back.
pub const PUT_BACK: &str = "Fleet-Put-Back";

/// Longest text kept in a header.
const MAX_TEXT: usize = 8 * 1024;

/// The headers of one message.
#[derive(Clone, Default, PartialEq, Eq)]
pub struct Headers(pub(crate) async_nats::HeaderMap);

impl Headers {
    /// No headers.
    #[must_use]
    pub fn new() -> Self {
        Self::default()
    }

    /// Sets a header, replacing an earlier value.
    pub fn set(&mut self, name: &'static str, value: impl Into<String>) {
        self.0.insert(name, value.into());
    }

    /// Adds a value under a name that another message has; one that no header can have is left out.
    pub fn append(&mut self, name: &str, value: &str) {
        if let (Ok(name), Ok(value)) =
            (name.parse::<async_nats::HeaderName>(), value.parse::<async_nats::HeaderValue>())
        {
            self.0.append(name, value);
        }
    }

    /// The value of a header, by its exact spelling.
    #[must_use]
    pub fn get(&self, name: &str) -> Option<&str> {
        self.0.get(name).map(async_nats::HeaderValue::as_str)
    }

    /// Every header with its values.
    pub fn iter(&self) -> impl Iterator<Item = (String, Vec<String>)> + '_ {
        self.0.iter().map(|(name, values)| {
            (name.to_string(), values.iter().map(|value| value.as_str().to_owned()).collect())
        })
    }

    /// A JSON object of lists, sorted by name: the same headers always make the same text.
    ///
    /// # Panics
    /// Never: an object of strings serialises.
    #[must_use]
    pub fn to_json(&self) -> String {
        let sorted: BTreeMap<&str, Values<'_>> =
            self.0.iter().map(|(name, values)| (name.as_ref(), Values(values))).collect();
        #[expect(clippy::expect_used, reason = "strings in lists in an object with strings for keys")]
        serde_json::to_string(&sorted).expect("headers serialise")
    }
}

/// The values of one header, written as they are.
struct Values<'a>(&'a [async_nats::HeaderValue]);

impl Serialize for Values<'_> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_seq(self.0.iter().map(async_nats::HeaderValue::as_str))
    }
}

impl fmt::Debug for Headers {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_map().entries(self.iter()).finish()
    }
}

/// What may stand in a header: no line ends, not endless.
pub(crate) fn one_line(text: &str) -> String {
    let mut line: String = text.chars().map(|c| if c.is_control() { ' ' } else { c }).collect();
    if let Some((end, _)) = line.char_indices().find(|(index, _)| *index >= MAX_TEXT) {
        line.truncate(end);
    }
    line
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The audit trail hashes the text, so not a byte of it may ever change.
    #[test]
    fn headers_are_the_same_json_for_ever() {
        assert_eq!(Headers::new().to_json(), "{}");
        let mut headers = Headers::new();
        headers.set(TRACEPARENT, "00-5a-01");
        headers.set(MSG_ID, "\"quoted\" \\ \u{7f}\t\u{e9}\u{1f600}");
        headers.append("a-list", "1");
        headers.append("a-list", "");
        let expected = concat!(
            r#"{"Nats-Msg-Id":["\"quoted\" \\ "#,
            "\u{7f}",
            r#"\té😀"],"a-list":["1",""],"traceparent":["00-5a-01"]}"#
        );
        assert_eq!(headers.to_json(), expected);
        let as_before: BTreeMap<String, Vec<String>> = headers.iter().collect();
        assert_eq!(headers.to_json(), serde_json::json!(as_before).to_string());
    }
}
