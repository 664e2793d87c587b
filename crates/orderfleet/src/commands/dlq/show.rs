//! `dlq show`.

use std::{fmt::Display, process::ExitCode};

use clap::Args as ClapArgs;
use console::style;
use messaging::dead_letter::{Body, Contents, Entry};
use serde_json::{Value, json};
use service::ReachArgs;

use super::{
    desk::{Desk, Filed},
    select::Id,
    words,
};
use crate::ui::Ui;

/// Bytes shown of a body that is no text.
const MAX_HEX: usize = 256;

/// Arguments of `dlq show`.
#[derive(Debug, ClapArgs)]
pub(super) struct Args {
    /// The letters, by number or by where their message stands.
    #[arg(value_name = "N|STREAM:N", required = true)]
    ids: Vec<Id>,
}

/// Shows each letter.
pub(super) async fn run(args: Args, broker: &ReachArgs, ui: &Ui) -> anyhow::Result<ExitCode> {
    let desk = Desk::open(broker, ui).await?;
    let mut code = ExitCode::SUCCESS;
    for id in &args.ids {
        let entries: Vec<_> = desk.book.entries().filter(|entry| id.names(entry)).collect();
        if entries.is_empty() {
            ui.warn(format_args!("there is no dead letter {id}"));
            code = ExitCode::FAILURE;
        }
        for entry in &entries {
            let contents = desk.contents(entry.sequence).await?;
            ui.object(&object(entry, &contents));
            lines(entry, &contents).into_iter().for_each(|line| ui.say(line));
        }
    }
    Ok(code)
}

fn object(entry: &Entry<'_, Filed>, contents: &Contents) -> Value {
    let mut object = words::object(entry);
    object["headers"] = json!(contents.headers);
    object["body"] = match &contents.body {
        Body::Kept(body) => serde_json::from_slice(body).unwrap_or_else(|_no_json| as_text(body).into()),
        Body::Omitted(_) => Value::Null,
    };
    if let Body::Omitted(length) = contents.body {
        object["body_omitted"] = length.into();
    }
    object["history"] = json!(history(entry));
    object
}

fn lines(entry: &Entry<'_, Filed>, contents: &Contents) -> Vec<String> {
    let Filed { letter, about } = entry.letter;
    let title = style(format!("Dead letter {}", entry.sequence)).bold();
    let mut lines = vec![
        format!("{title}  {}", words::state(entry.state())),
        row("cause", &letter.cause),
        row("error", &letter.error),
        row("given up", format_args!("by {} of {}, {}", letter.consumer, letter.service, letter.at)),
        row("attempts", letter.attempts),
    ];
    lines.extend(letter.first_failure.map(|at| row("failed", format_args!("first {at}"))));
    lines.push(row("message", format_args!("{} ({})", letter.original, letter.original.subject)));
    lines.extend(about.order.map(|order| row("order", order)));
    if !about.trace.is_none() {
        lines.push(row("trace", about.trace));
    }
    lines.extend(entry.copies.iter().map(|copy| row("again", format_args!("parked as {copy}, too"))));
    if !contents.headers.is_empty() {
        lines.push(style("  headers").dim().to_string());
    }
    for (name, values) in &contents.headers {
        lines.extend(values.iter().map(|value| format!("    {name}: {value}")));
    }
    lines.push(style("  body").dim().to_string());
    lines.extend(body(&contents.body, &letter.original).lines().map(|line| format!("    {line}")));
    let history = history(entry);
    if !history.is_empty() {
        lines.push(style("  history").dim().to_string());
        lines.extend(history.iter().map(|what| format!("    {what}")));
    }
    lines
}

fn row(name: &str, text: impl Display) -> String {
    format!("  {} {text}", style(format!("{name:<9}")).dim())
}

/// A body for people.
fn body(body: &Body, stands_at: impl Display) -> String {
    match body {
        Body::Omitted(length) => format!("too large to be parked ({length} bytes); it stands in {stands_at}"),
        Body::Kept(body) if body.is_empty() => "empty".to_owned(),
        Body::Kept(body) => match serde_json::from_slice::<Value>(body) {
            Ok(value) => format!("{value:#}"),
            Err(_no_json) => as_text(body),
        },
    }
}

/// A body that is no JSON: its text, or its length and first bytes.
fn as_text(body: &[u8]) -> String {
    match std::str::from_utf8(body) {
        Ok(text) => text.to_owned(),
        Err(_no_text) => {
            let hex: String = body.iter().take(MAX_HEX).map(|byte| format!("{byte:02x}")).collect();
            let more = if body.len() > MAX_HEX { "…" } else { "" };
            format!("{} bytes, no text: {hex}{more}", body.len())
        }
    }
}

/// What was done about it, oldest first.
fn history(entry: &Entry<'_, Filed>) -> Vec<String> {
    let mut history = Vec::new();
    for (redrive, attempt) in &entry.attempts {
        let said = attempt.event.as_ref().map(|(_, event)| (&event.operator, &event.reason, event.edited));
        let sent = attempt.message.as_ref().map(|sent| (&sent.operator, &sent.reason, sent.edited));
        let Some(((operator, reason, edited), at)) = sent.or(said).zip(attempt.at()) else { continue };
        let edited = if edited { " with another body" } else { "" };
        let reason = reason.as_ref().map(|reason| format!(": {reason}")).unwrap_or_default();
        let untold = if attempt.event.is_none() { " (its event is missing)" } else { "" };
        history.push((at, format!("put back as REDRIVE:{redrive}{edited} by {operator}{reason}{untold}")));
    }
    for (at, event) in &entry.discards {
        history.push((*at, format!("discarded by {}: {}", event.operator, event.reason)));
    }
    history.sort();
    history.into_iter().map(|(at, what)| format!("{at}  {what}")).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn bodies_of_every_kind_can_be_shown() {
        let shown = |bytes: &'static [u8]| body(&Body::Kept(bytes.into()), "ORDERS:4");
        assert_eq!(shown(b""), "empty");
        assert_eq!(shown(br#"{"a":1}"#), "{\n  \"a\": 1\n}");
        assert_eq!(shown(b"not { json"), "not { json");
        assert_eq!(shown(&[0xff, 0x00]), "2 bytes, no text: ff00");
        let large = body(&Body::Omitted(700_000), "ORDERS:4");
        assert_eq!(large, "too large to be parked (700000 bytes); it stands in ORDERS:4");
    }
}
