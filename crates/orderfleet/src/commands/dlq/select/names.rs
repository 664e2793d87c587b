//! The names that letters bear: one that none has and none could ever have was mistyped.

use std::collections::BTreeSet;

use events::catalogue::{CONSUMERS, STREAMS};
use messaging::dead_letter::{Cause, Letter, LetterBook};

use super::{super::Misuse, Filed, Selection};

impl Selection {
    /// Refuses a cause, service or consumer that no letter could meet, and teaches those that there are.
    pub(in super::super) fn must_be_possible(&self, book: &LetterBook<Filed>) -> Result<(), Misuse> {
        let causes = Cause::ALL.iter().map(|cause| cause.as_str());
        is_possible("cause", self.cause.as_deref(), causes, |letter| &letter.cause, book)?;
        let services = STREAMS.iter().map(|stream| stream.writer);
        is_possible("service", self.service.as_deref(), services, |letter| &letter.service, book)?;
        let journals = STREAMS.iter().filter(|stream| stream.control.is_some()).map(|stream| stream.name);
        let consumers = CONSUMERS.iter().map(|consumer| consumer.durable).chain(journals);
        is_possible("consumer", self.consumer.as_deref(), consumers, |letter| &letter.consumer, book)
    }
}

/// What there can be is what this version writes; what there is may be older.
fn is_possible(
    what: &str,
    wanted: Option<&str>,
    written: impl Iterator<Item = &'static str>,
    of: fn(&Letter) -> &str,
    book: &LetterBook<Filed>,
) -> Result<(), Misuse> {
    let Some(wanted) = wanted else { return Ok(()) };
    let mut names: BTreeSet<&str> = written.collect();
    names.extend(book.entries().map(|entry| of(&entry.letter.letter)).filter(|name| !name.is_empty()));
    if names.contains(wanted) {
        return Ok(());
    }
    let names = names.into_iter().collect::<Vec<_>>().join(", ");
    Err(Misuse(format!("no letter can have the {what} `{wanted}`; there are {names}")))
}
