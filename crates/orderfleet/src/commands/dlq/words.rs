//! Letters in words, and as objects for programs.

use std::fmt::Display;

use console::{StyledObject, style};
use events::Timestamp;
use messaging::dead_letter::{Entry, State};
use serde_json::{Value, json};

use super::{super::figures::counted, desk::Filed};

/// Longest error shown in a line; `show` has all of it.
const MAX_ERROR: usize = 80;

/// The time of day.
pub(super) fn now() -> Timestamp {
    Timestamp(i64::try_from(runtime::Clock::system().unix_micros()).unwrap_or(i64::MAX))
}

/// A letter in one line.
pub(super) fn line(entry: &Entry<'_, Filed>) -> String {
    let Filed { letter, .. } = entry.letter;
    let number = style(format!("{:>6}", entry.sequence)).bold();
    let place = letter.original.to_string();
    let state = padded(state(entry.state()), entry.state().as_str(), 9);
    format!(
        "{number}  {state}  {}  {:<20} {:<13} {place:<18} {}",
        style(letter.at).dim(),
        letter.consumer,
        letter.cause,
        style(shortened(&letter.error)).dim()
    )
}

/// Padded after it is coloured: escape codes would count as width.
fn padded(shown: impl Display, text: &str, width: usize) -> String {
    format!("{shown}{}", " ".repeat(width.saturating_sub(text.len())))
}

/// What has become of a letter, in its colour.
pub(super) fn state(state: State) -> StyledObject<&'static str> {
    let text = style(state.as_str());
    match state {
        State::Open => text.red(),
        State::Redriven => text.green(),
        State::Discarded => text.dim(),
    }
}

/// A letter as an object.
pub(super) fn object(entry: &Entry<'_, Filed>) -> Value {
    let Filed { letter, about } = entry.letter;
    json!({
        "letter": entry.sequence,
        "state": entry.state().as_str(),
        "parked_at": letter.at,
        "service": letter.service,
        "consumer": letter.consumer,
        "cause": letter.cause,
        "error": letter.error,
        "attempts": letter.attempts,
        "first_failure": letter.first_failure,
        "original": {
            "stream": letter.original.stream,
            "sequence": letter.original.sequence,
            "subject": letter.original.subject,
        },
        "type": about.kind,
        "aggregate_id": about.aggregate,
        "order_id": about.order,
        "trace_id": (!about.trace.is_none()).then(|| about.trace.to_string()),
    })
}

/// The beginning of a text that is too long for a line.
fn shortened(text: &str) -> String {
    match text.char_indices().nth(MAX_ERROR) {
        Some((end, _)) => format!("{}…", &text[..end]),
        None => text.to_owned(),
    }
}

/// A text that says something.
pub(super) fn text(text: &str) -> Result<String, String> {
    if text.trim().is_empty() { Err("it says nothing".to_owned()) } else { Ok(text.to_owned()) }
}

/// `1 letter`, `2 letters`.
pub(super) fn letters(count: usize) -> String {
    counted(count as u64, "letters")
}

/// Why nothing is done: letters that were seen to are meant only if they are asked for.
pub(super) fn none_fits(again: bool) -> &'static str {
    if again { "no letter fits" } else { "no open letter fits" }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_text_says_something() {
        assert_eq!(text("sent by a load test").as_deref(), Ok("sent by a load test"));
        assert!(text("").is_err() && text(" \t").is_err());
    }

    #[test]
    fn long_errors_are_cut_between_characters() {
        assert_eq!(shortened("short"), "short");
        let long = "é".repeat(MAX_ERROR + 1);
        assert_eq!(shortened(&long), format!("{}…", "é".repeat(MAX_ERROR)));
    }
}
