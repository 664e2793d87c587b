//! `dlq group`.

use std::{collections::BTreeMap, process::ExitCode};

use clap::Args as ClapArgs;
use console::style;
use events::Timestamp;
use serde_json::json;
use service::ReachArgs;
use uuid::Uuid;

use super::{super::figures::lasting, desk::Desk, view::View, words};
use crate::ui::Ui;

/// Arguments of `dlq group`.
#[derive(Debug, ClapArgs)]
pub(super) struct Args {
    #[command(flatten)]
    view: View,
}

/// Who gave up, why, and the error without what differs from message to message.
type Key = (String, String, String, String);

/// What is told of a group.
struct Group {
    count: usize,
    oldest: Timestamp,
    /// The number of its oldest letter.
    example: u64,
}

/// Counts the letters.
pub(super) async fn run(args: Args, broker: &ReachArgs, ui: &Ui) -> anyhow::Result<ExitCode> {
    let desk = Desk::open(broker, ui).await?;
    let mut groups = BTreeMap::<Key, Group>::new();
    for entry in args.view.of(&desk.book)? {
        let letter = &entry.letter.letter;
        let error = without_particulars(&letter.error);
        let key = (letter.service.clone(), letter.consumer.clone(), letter.cause.clone(), error);
        let first = Group { count: 0, oldest: letter.at, example: entry.sequence };
        groups.entry(key).or_insert(first).count += 1;
    }
    let mut groups: Vec<_> = groups.into_iter().collect();
    groups.sort_by_key(|(_, group)| std::cmp::Reverse(group.count));
    for ((service, consumer, cause, error), Group { count, oldest, example }) in &groups {
        ui.object(&json!({
            "count": count, "service": service, "consumer": consumer, "cause": cause, "error": error,
            "oldest": oldest, "example": example,
        }));
        let age = lasting(words::now().since(*oldest));
        ui.say(format_args!("{}  {consumer}  {cause}  {error}", style(format!("{count:>6}")).bold()));
        ui.say(style(format!("        {service}; the oldest is {example}, {age} old")).dim());
    }
    if groups.is_empty() {
        ui.note(args.view.none());
    }
    Ok(ExitCode::SUCCESS)
}

/// An error with its ids and numbers blanked, so that the same mistake about two messages reads the same.
fn without_particulars(error: &str) -> String {
    let is_part = |c: char| c.is_ascii_alphanumeric() || c == '-';
    let mut blanked = String::with_capacity(error.len());
    let mut rest = error;
    while !rest.is_empty() {
        let end = rest.find(|c| !is_part(c)).unwrap_or(rest.len());
        let (word, after) = rest.split_at(end);
        blanked.push_str(&blank(word));
        let next = after.find(is_part).unwrap_or(after.len());
        let (between, after) = after.split_at(next);
        blanked.push_str(between);
        rest = after;
    }
    blanked
}

fn blank(word: &str) -> String {
    if Uuid::parse_str(word).is_ok() {
        return "<id>".to_owned();
    }
    let mut blanked = String::with_capacity(word.len());
    for c in word.chars() {
        match c {
            '0'..='9' if blanked.ends_with("<n>") => {}
            '0'..='9' => blanked.push_str("<n>"),
            other => blanked.push(other),
        }
    }
    blanked
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_same_mistake_about_two_messages_reads_the_same() {
        let cases = [
            ("", ""),
            ("no good", "no good"),
            ("order 0198c0de-7a11-7c3e-9b5d-2f6a1e8d4c70: 17 of 230", "order <id>: <n> of <n>"),
            ("ch_7Qm2 at 10:45", "ch_<n>Qm<n> at <n>:<n>"),
            ("timed out after 5s (INVENTORY:4)", "timed out after <n>s (INVENTORY:<n>)"),
            ("für 3 Stück…", "für <n> Stück…"),
        ];
        for (error, blanked) in cases {
            assert_eq!(without_particulars(error), blanked);
        }
    }
}
