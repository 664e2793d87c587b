//! The dead letters as they lie on an operator's desk: all of them, and what was done about each.

use anyhow::Context;
use bytes::Bytes;
use events::{OrderId, TraceId};
use messaging::{
    dead_letter::{self, Body, Contents, Letter, LetterBook},
    headers::TRACEPARENT,
    jetstream::JetStream,
    log::{Log, Stored},
    permissions::OPERATOR,
    topology::REDRIVE,
};
use serde_json::Value;
use service::ReachArgs;
use uuid::Uuid;

use crate::{broker, ui::Ui};

/// What is known of a letter without its body.
#[derive(Debug, Clone)]
pub(super) struct Filed {
    pub(super) letter: Letter,
    pub(super) about: About,
}

/// What a message says of itself, as far as it can be read.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(super) struct About {
    pub(super) kind: Option<String>,
    pub(super) id: Option<Uuid>,
    pub(super) aggregate: Option<String>,
    pub(super) order: Option<OrderId>,
    pub(super) trace: TraceId,
}

/// Every letter, as of the last look.
pub(super) struct Desk {
    pub(super) js: JetStream,
    pub(super) book: LetterBook<Filed>,
    /// The last message read of each stream.
    letters: u64,
    redrives: u64,
}

impl Desk {
    /// Reads everything there is.
    pub(super) async fn open(reach: &ReachArgs, ui: &Ui) -> anyhow::Result<Self> {
        let whom = format_args!("the broker at {}", reach.nats_url);
        let js = ui.patiently(whom, broker::connect(reach, OPERATOR, "dlq")).await?;
        let mut desk = Self { js, book: LetterBook::default(), letters: 0, redrives: 0 };
        desk.look_again().await?;
        Ok(desk)
    }

    /// Reads what has come since the last look.
    pub(super) async fn look_again(&mut self) -> anyhow::Result<()> {
        let Self { js, book, letters, redrives } = self;
        let extent = broker::extent(js, dead_letter::STREAM).await?;
        let after = (*letters).max(extent.first.saturating_sub(1));
        broker::read(js, dead_letter::STREAM, after, extent.last, |batch| {
            for message in batch {
                book.read(message, |letter| Filed::of(letter, message));
            }
        })
        .await?;
        *letters = after.max(extent.last);
        let extent = broker::extent(js, REDRIVE).await?;
        let after = (*redrives).max(extent.first.saturating_sub(1));
        broker::read(js, REDRIVE, after, extent.last, |batch| {
            batch.iter().for_each(|message| book.read_redrive(message));
        })
        .await?;
        *redrives = after.max(extent.last);
        Ok(())
    }

    /// The message in a letter; its body is empty where it was too large to be parked.
    pub(super) async fn contents(&self, letter: u64) -> anyhow::Result<Contents> {
        let message = self.js.get(dead_letter::STREAM, letter).await?;
        Ok(Contents::of(&message.with_context(|| format!("letter {letter} has aged out"))?))
    }

    /// The body of a message that was given up, from where it stands if the letter does not have it; `None` when it
    /// is gone there.
    pub(super) async fn body(&self, letter: &Letter, contents: &Contents) -> anyhow::Result<Option<Bytes>> {
        match &contents.body {
            Body::Kept(body) => Ok(Some(body.clone())),
            Body::Omitted(_) => {
                let original = &letter.original;
                let message = self.js.get(&original.stream, original.sequence).await?;
                Ok(message.map(|message| message.payload))
            }
        }
    }
}

impl Filed {
    pub(super) fn of(letter: Letter, message: &Stored) -> Self {
        let mut about = About::of(&message.payload);
        if let Some(trace) = message.headers.get(TRACEPARENT).and_then(|parent| parent.split('-').nth(1)) {
            about.trace = trace.parse().unwrap_or(about.trace);
        }
        Self { letter, about }
    }

    /// What the message is about, in one word.
    pub(super) fn subject(&self) -> String {
        self.about.aggregate.clone().unwrap_or_else(|| self.letter.original.to_string())
    }
}

impl About {
    /// Reads a body, which need not be an event.
    pub(super) fn of(body: &[u8]) -> Self {
        let Ok(value) = serde_json::from_slice::<Value>(body) else { return Self::default() };
        let text = |pointer: &str| value.pointer(pointer).and_then(Value::as_str);
        let order = |pointer: &str| text(pointer).and_then(|id| id.parse().ok());
        let is_id = |text: &&str| !text.is_empty() && text.len() <= 128;
        Self {
            kind: text("/type").map(str::to_owned),
            id: text("/id").and_then(|id| id.parse().ok()),
            aggregate: text("/aggregate_id").filter(is_id).map(str::to_owned),
            order: order("/aggregate_id").or_else(|| order("/data/order_id")).or_else(|| order("/order_id")),
            trace: text("/trace_id").and_then(|id| id.parse().ok()).unwrap_or_default(),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_message_says_what_it_is_about_even_if_it_is_no_event() {
        let id = "0198c0de-7a11-7c3e-9b5d-2f6a1e8d4c70";
        let order = id.parse::<OrderId>().ok();
        let whole = format!(r#"{{"id":"{id}","type":"a.b","aggregate_id":"{id}","data":1}}"#);
        let about = About::of(whole.as_bytes());
        assert_eq!(
            (about.order, about.kind.as_deref(), about.aggregate.as_deref()),
            (order, Some("a.b"), Some(id))
        );
        assert_eq!(About::of(format!(r#"{{"data":{{"order_id":"{id}"}}}}"#).as_bytes()).order, order);
        assert_eq!(
            About::of(format!(r#"{{"aggregate_id":"LAMP","order_id":"{id}"}}"#).as_bytes()).order,
            order
        );
        for nothing in ["", "no event", "[1]", r#"{"aggregate_id":""}"#] {
            assert_eq!(About::of(nothing.as_bytes()), About::default(), "{nothing}");
        }
    }
}
