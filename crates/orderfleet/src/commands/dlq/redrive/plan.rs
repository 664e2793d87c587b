//! What exactly is put back for a letter, or why it cannot be.

use std::{collections::BTreeMap, process::ExitCode};

use bytes::Bytes;
use events::catalogue::CONSUMERS;
use messaging::{
    dead_letter::{Cause, Contents, Letter, redrive},
    log::Message,
};
use serde_json::{Value, json};

use super::super::{desk::Desk, settle::is_journal};
use crate::ui::Ui;

/// How letters are put back.
#[derive(Debug, Clone, Copy)]
pub(super) struct Plan<'a> {
    pub(super) operator: &'a str,
    pub(super) reason: Option<&'a str>,
    /// Which run of this program it is.
    pub(super) run: &'a str,
    /// The operator's body for the one letter.
    pub(super) body: Option<&'a Bytes>,
}

/// Why a letter cannot be put back.
#[derive(Debug, PartialEq, Eq, thiserror::Error)]
pub(super) enum Refusal {
    /// It is part of no journal's history, and nobody's input.
    #[error(
        "it stands in a journal whose writer did not write it, so nobody waits for it; it can be discarded"
    )]
    Foreign,
    /// Its journal knows it as another letter, and passes over what it no longer has given up.
    #[error("it came back as letter {0}: put that one back")]
    CameBack(u64),
    /// Nothing of that name reads REDRIVE.
    #[error("no consumer or journal is called `{0}`")]
    NoConsumer(String),
    /// The letter does not have the body, and nor has the stream.
    #[error("its body was too large to be parked, and {0} has aged out")]
    BodyGone(String),
}

/// A message that was given up.
pub(super) struct Original {
    pub(super) letter: Letter,
    pub(super) contents: Contents,
    pub(super) body: Bytes,
}

/// Reads the message that is to be put back for a letter.
pub(super) async fn original(desk: &Desk, letter: u64) -> anyhow::Result<Result<Original, Refusal>> {
    let Some(entry) = desk.book.entry(letter) else { anyhow::bail!("letter {letter} has aged out") };
    let letter = entry.letter.letter.clone();
    if let Err(refusal) = can_go_back(desk, &letter) {
        return Ok(Err(refusal));
    }
    let contents = desk.contents(letter.sequence).await?;
    let Some(body) = desk.body(&letter, &contents).await? else {
        return Ok(Err(Refusal::BodyGone(letter.original.to_string())));
    };
    Ok(Ok(Original { letter, contents, body }))
}

fn can_go_back(desk: &Desk, letter: &Letter) -> Result<(), Refusal> {
    if letter.cause == Cause::Foreign.as_str() {
        return Err(Refusal::Foreign);
    }
    let consumer = &letter.consumer;
    if !is_journal(consumer) && !CONSUMERS.iter().any(|def| def.durable == consumer) {
        return Err(Refusal::NoConsumer(consumer.clone()));
    }
    match desk.book.came_back(letter.sequence) {
        Some(newer) if is_journal(consumer) => Err(Refusal::CameBack(newer.sequence)),
        Some(_) | None => Ok(()),
    }
}

impl Refusal {
    /// Says so.
    pub(super) fn tell(&self, letter: u64, ui: &Ui) {
        let mut object = json!({"letter": letter, "action": "refused", "why": self.to_string()});
        if let Self::CameBack(newer) = self {
            object["new_letter"] = (*newer).into();
        }
        ui.object(&object);
        ui.warn(format_args!("letter {letter} cannot be put back: {self}"));
    }
}

impl Plan<'_> {
    /// The message that goes back for a letter.
    pub(super) async fn message(&self, desk: &Desk, letter: u64) -> anyhow::Result<Result<Message, Refusal>> {
        let Original { letter, contents, body } = match original(desk, letter).await? {
            Ok(original) => original,
            Err(refusal) => return Ok(Err(refusal)),
        };
        let number = desk.book.entry(letter.sequence).map_or(1, |entry| entry.next_number());
        let body = self.body.cloned().unwrap_or(body);
        let Self { operator, reason, run, .. } = *self;
        let order = redrive::Order { number, operator, reason, run, edited: self.body.is_some() };
        Ok(Ok(redrive::message(&letter, &contents, body, &order)))
    }

    /// Says what would be put back.
    pub(super) async fn tell(&self, desk: &Desk, letters: &[u64], ui: &Ui) -> anyhow::Result<ExitCode> {
        let mut code = ExitCode::SUCCESS;
        for letter in letters {
            match self.message(desk, *letter).await? {
                Ok(message) => {
                    ui.object(&object(*letter, &message));
                    lines(*letter, &message).into_iter().for_each(|line| ui.say(line));
                }
                Err(refusal) => {
                    code = ExitCode::FAILURE;
                    refusal.tell(*letter, ui);
                }
            }
        }
        ui.note("nothing was put back");
        Ok(code)
    }
}

fn object(letter: u64, message: &Message) -> Value {
    let headers: BTreeMap<_, _> = message.headers.iter().collect();
    let body = serde_json::from_slice(&message.payload)
        .unwrap_or_else(|_no_json| Value::from(String::from_utf8_lossy(&message.payload)));
    let subject = &message.subject;
    json!({"letter": letter, "action": "would_send", "subject": subject, "headers": headers, "body": body})
}

fn lines(letter: u64, message: &Message) -> Vec<String> {
    let mut lines = vec![format!("letter {letter} would go to {}", message.subject)];
    for (name, values) in message.headers.iter().collect::<BTreeMap<_, _>>() {
        lines.extend(values.iter().map(|value| format!("    {name}: {value}")));
    }
    lines.push(format!("    {}", String::from_utf8_lossy(&message.payload)));
    lines
}
