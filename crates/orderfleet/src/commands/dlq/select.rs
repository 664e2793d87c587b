//! Which letters are meant.

mod names;

use std::{fmt, str::FromStr, time::Duration};

use clap::Args as ClapArgs;
use events::{OrderId, Timestamp};
use messaging::dead_letter::{Entry, LetterBook, Place, State};

use super::{super::values, Misuse, desk::Filed};
use crate::ui::Ui;

/// Which letters are meant: those that meet every condition.
#[derive(Debug, Clone, Default, ClapArgs)]
pub(super) struct Selection {
    /// These letters, by number or by where their message stands (INVENTORY:4).
    #[arg(long = "id", value_name = "N|STREAM:N", num_args = 1.., value_delimiter = ',')]
    pub(super) ids: Vec<Id>,

    /// Those given up for this cause: undecodable, rejected, exhausted, …
    #[arg(long, value_name = "CAUSE")]
    cause: Option<String>,

    /// Those of this service.
    #[arg(long, value_name = "NAME")]
    service: Option<String>,

    /// Those of this durable consumer or journal: payment-charge, ORDERS, …
    #[arg(long, value_name = "NAME")]
    consumer: Option<String>,

    /// Those that concern this order.
    #[arg(long, value_name = "ID", value_parser = values::order_id)]
    order: Option<OrderId>,

    /// Those parked since then: an instant (RFC 3339), or how long ago (90m, 2h, 1d).
    #[arg(long, value_name = "TIME", value_parser = instant)]
    since: Option<Timestamp>,

    /// Those parked before then.
    #[arg(long, value_name = "TIME", value_parser = instant)]
    until: Option<Timestamp>,

    /// No condition: what `redrive` and `discard` want to hear before they take everything.
    #[arg(long)]
    all: bool,
}

/// A letter's name.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Id {
    /// By its sequence among the dead letters.
    Letter(u64),
    /// By where its message stands.
    Original(String, u64),
}

impl Selection {
    /// Whether there is no condition at all.
    pub(super) fn is_anything(&self) -> bool {
        let Self { ids, cause, service, consumer, order, since, until, all: _ } = self;
        ids.is_empty()
            && order.is_none()
            && [cause, service, consumer].iter().all(|text| text.is_none())
            && [since, until].iter().all(|time| time.is_none())
    }

    /// Says what is missing where everything would be too much.
    pub(super) fn must_say_which(&self) -> Result<(), Misuse> {
        let teach = "say which letters are meant: --id 17, or --cause, --service, --consumer, --order, --since, \
                     --until, or --all for every open one; `cargo fleet dlq list` shows them";
        if self.all || !self.is_anything() { Ok(()) } else { Err(Misuse(teach.to_owned())) }
    }

    /// The letters meant, oldest first, of those in a state that `wanted` accepts.
    pub(super) fn of<'a>(
        &self,
        book: &'a LetterBook<Filed>,
        wanted: impl Fn(State) -> bool,
    ) -> Vec<Entry<'a, Filed>> {
        book.entries().filter(|entry| self.fits(entry) && wanted(entry.state())).collect()
    }

    /// Refuses names that no letter has.
    pub(super) fn must_exist(&self, book: &LetterBook<Filed>) -> anyhow::Result<()> {
        self.must_be_possible(book)?;
        let is_unknown = |id: &&Id| !book.entries().any(|entry| id.names(&entry));
        let unknown: Vec<_> = self.ids.iter().filter(is_unknown).map(ToString::to_string).collect();
        anyhow::ensure!(unknown.is_empty(), "there is no dead letter {}", unknown.join(", "));
        Ok(())
    }

    /// Says of letters that are meant by name why they are left alone.
    pub(super) fn tell_settled(
        &self,
        book: &LetterBook<Filed>,
        wanted: impl Fn(State) -> bool,
        remedy: &str,
        ui: &Ui,
    ) {
        for entry in self.of(book, |state| !self.ids.is_empty() && !wanted(state)) {
            ui.note(format_args!(
                "letter {} is {} already; {remedy}",
                entry.sequence,
                entry.state().as_str()
            ));
        }
    }

    fn fits(&self, entry: &Entry<'_, Filed>) -> bool {
        let Filed { letter, about } = entry.letter;
        let is = |wanted: &Option<String>, found: &str| wanted.as_ref().is_none_or(|wanted| wanted == found);
        (self.ids.is_empty() || self.ids.iter().any(|id| id.names(entry)))
            && is(&self.cause, &letter.cause)
            && is(&self.service, &letter.service)
            && is(&self.consumer, &letter.consumer)
            && self.order.is_none_or(|order| about.order == Some(order))
            && self.since.is_none_or(|since| letter.at >= since)
            && self.until.is_none_or(|until| letter.at < until)
    }
}

impl Id {
    pub(super) fn names(&self, entry: &Entry<'_, Filed>) -> bool {
        match self {
            Self::Letter(sequence) => entry.sequence == *sequence || entry.copies.contains(sequence),
            Self::Original(of, at) => {
                let Place { stream, sequence, .. } = &entry.letter.letter.original;
                stream == of && sequence == at
            }
        }
    }
}

impl FromStr for Id {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let id = match text.split_once(':') {
            None => text.parse().ok().map(Self::Letter),
            Some((stream, sequence)) => {
                sequence.parse().ok().map(|sequence| Self::Original(stream.to_uppercase(), sequence))
            }
        };
        id.ok_or_else(|| "neither a letter's number nor STREAM:number".to_owned())
    }
}

impl fmt::Display for Id {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Letter(sequence) => write!(f, "{sequence}"),
            Self::Original(stream, sequence) => write!(f, "{stream}:{sequence}"),
        }
    }
}

/// An instant, or how long ago.
fn instant(text: &str) -> Result<Timestamp, String> {
    if let Ok(instant) = text.parse() {
        return Ok(instant);
    }
    let ago = values::measured(text, &values::TIMES).map(Duration::from_secs);
    let ago = ago.and_then(|ago| i64::try_from(ago.as_micros()).ok());
    let ago = ago.ok_or("neither an instant like 2026-01-31T12:00:00Z nor a time like 90m, 2h, 1d")?;
    Ok(Timestamp(super::words::now().0.saturating_sub(ago)))
}

#[cfg(test)]
mod tests;
