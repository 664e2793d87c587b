//! What has become of every letter: a pure fold of the dead letters, of what operators say they did about them, and of
//! what was put back. The two streams may be read in any order, and any part of them again.

use std::collections::{BTreeMap, HashMap};

use events::{
    RawEnvelope, Timestamp,
    dead_letters::{LetterDiscarded, LetterEvent, LetterRedriven},
};

use super::{Letter, Redrive};
use crate::{log::Stored, topology::REDRIVE};

/// What has become of a letter.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum State {
    /// Nobody has done anything about it.
    Open,
    /// Its message was put back; if that failed again, there is another letter about it.
    Redriven,
    /// Its message will not be handled any more.
    Discarded,
}

impl State {
    /// The spelling in commands and reports.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Open => "open",
            Self::Redriven => "redriven",
            Self::Discarded => "discarded",
        }
    }
}

/// A redrive, as far as the streams still tell of it.
#[derive(Debug, Clone, Default)]
pub struct Attempt {
    /// The message that was put back.
    pub message: Option<Redrive>,
    /// What the operator says of it, and when that was stored. Missing when the operator's program died in between.
    pub event: Option<(Timestamp, LetterRedriven)>,
}

/// Every letter and what was done about it; of each letter `L` is kept.
#[derive(Debug, Clone)]
pub struct LetterBook<L> {
    /// By sequence, each message that was given up once.
    letters: BTreeMap<u64, Filed<L>>,
    /// The first letter of each id.
    by_id: HashMap<String, u64>,
    /// Letters that tell again what an earlier one tells: the earlier one.
    copies: BTreeMap<u64, u64>,
    /// By letter, then by sequence of the message put back.
    attempts: BTreeMap<u64, BTreeMap<u64, Attempt>>,
    /// By letter, then by sequence of the event.
    discards: BTreeMap<u64, BTreeMap<u64, (Timestamp, LetterDiscarded)>>,
    /// What was put back and given up again: the letter about it.
    failures: BTreeMap<u64, u64>,
}

#[derive(Debug, Clone)]
struct Filed<L> {
    kept: L,
    copies: Vec<u64>,
}

/// A letter, and what was done about it.
#[derive(Debug)]
pub struct Entry<'a, L> {
    /// Its sequence among the dead letters.
    pub sequence: u64,
    /// What is kept of it.
    pub letter: &'a L,
    /// Letters that tell the same again, parked after the broker had forgotten the first.
    pub copies: &'a [u64],
    /// How often it was put back, by sequence of the message that was.
    pub attempts: BTreeMap<u64, &'a Attempt>,
    /// How often it was discarded, and when.
    pub discards: Vec<&'a (Timestamp, LetterDiscarded)>,
}

impl<L> Default for LetterBook<L> {
    fn default() -> Self {
        Self {
            letters: BTreeMap::new(),
            by_id: HashMap::new(),
            copies: BTreeMap::new(),
            attempts: BTreeMap::new(),
            discards: BTreeMap::new(),
            failures: BTreeMap::new(),
        }
    }
}

impl<L> LetterBook<L> {
    /// Reads a message of the stream of dead letters; `keep` says what is kept of a letter.
    pub fn read(&mut self, message: &Stored, keep: impl FnOnce(Letter) -> L) {
        match Letter::of(message) {
            Some(letter) => self.file(letter, keep),
            None => self.note(message),
        }
    }

    /// Reads a message that was put back.
    pub fn read_redrive(&mut self, message: &Stored) {
        let Some(redrive) = Redrive::of(message) else { return };
        let attempt = self.attempt(redrive.letter, redrive.sequence);
        attempt.message = Some(redrive);
    }

    fn attempt(&mut self, letter: u64, redrive: u64) -> &mut Attempt {
        self.attempts.entry(letter).or_default().entry(redrive).or_default()
    }

    fn file(&mut self, letter: Letter, keep: impl FnOnce(Letter) -> L) {
        let sequence = letter.sequence;
        if letter.original.stream == REDRIVE {
            self.failures.entry(letter.original.sequence).or_insert(sequence);
        }
        let first = *self.by_id.entry(letter.id.clone()).or_insert(sequence);
        match self.letters.get_mut(&first) {
            None => drop(self.letters.insert(first, Filed { kept: keep(letter), copies: Vec::new() })),
            Some(filed) if sequence != first && self.copies.insert(sequence, first).is_none() => {
                filed.copies.push(sequence);
            }
            Some(_) => {}
        }
    }

    fn note(&mut self, message: &Stored) {
        // What cannot be read tells of nothing that was done.
        let event = RawEnvelope::parse(&message.payload).and_then(|raw| LetterEvent::decode(&raw));
        match event {
            Ok(LetterEvent::Redriven(event)) => {
                let attempt = self.attempt(event.letter, event.redrive);
                attempt.event = Some((message.timestamp, event));
            }
            Ok(LetterEvent::Discarded(event)) => {
                let discards = self.discards.entry(event.letter).or_default();
                discards.insert(message.sequence, (message.timestamp, event));
            }
            Err(_) => {}
        }
    }

    /// Every letter, oldest first.
    pub fn entries(&self) -> impl Iterator<Item = Entry<'_, L>> {
        self.letters.iter().map(|(sequence, filed)| self.entry_of(*sequence, filed))
    }

    /// The letter at a sequence, or the one that it tells again.
    #[must_use]
    pub fn entry(&self, sequence: u64) -> Option<Entry<'_, L>> {
        let first = self.copies.get(&sequence).copied().unwrap_or(sequence);
        self.letters.get(&first).map(|filed| self.entry_of(first, filed))
    }

    /// The letter about a message that was put back and given up again.
    #[must_use]
    pub fn failure(&self, redrive: u64) -> Option<Entry<'_, L>> {
        self.failures.get(&redrive).and_then(|letter| self.entry(*letter))
    }

    /// The newest letter about the message of this one, if that was put back and given up again.
    #[must_use]
    pub fn came_back(&self, letter: u64) -> Option<Entry<'_, L>> {
        let next = |entry: &Entry<'_, L>| {
            let mut failures = entry.attempts.keys().rev().filter_map(|redrive| self.failure(*redrive));
            // A message is put back after its letter was written, so this comes to an end.
            failures.find(|failure| failure.sequence > entry.sequence)
        };
        let mut newest = next(&self.entry(letter)?)?;
        while let Some(newer) = next(&newest) {
            newest = newer;
        }
        Some(newest)
    }

    fn entry_of<'a>(&'a self, sequence: u64, filed: &'a Filed<L>) -> Entry<'a, L> {
        let named = || std::iter::once(&sequence).chain(&filed.copies);
        let attempts = named().filter_map(|name| self.attempts.get(name)).flatten();
        let attempts = attempts.map(|(redrive, attempt)| (*redrive, attempt)).collect();
        let discards =
            named().filter_map(|name| self.discards.get(name)).flat_map(BTreeMap::values).collect();
        Entry { sequence, letter: &filed.kept, copies: &filed.copies, attempts, discards }
    }

    /// Forgets the letters before one, which have aged out of their stream, and all that was done about them.
    pub fn forget_before(&mut self, sequence: u64) {
        self.letters.retain(|letter, _| *letter >= sequence);
        self.by_id.retain(|_, letter| *letter >= sequence);
        self.copies.retain(|_, letter| *letter >= sequence);
        self.attempts.retain(|letter, _| *letter >= sequence);
        self.discards.retain(|letter, _| *letter >= sequence);
        self.failures.retain(|_, letter| *letter >= sequence);
    }
}

impl<L> Entry<'_, L> {
    /// What has become of it: what was done last counts.
    #[must_use]
    pub fn state(&self) -> State {
        let redriven = self.attempts.values().filter_map(|attempt| attempt.at()).max();
        let discarded = self.discards.iter().map(|(at, _)| *at).max();
        match (redriven, discarded) {
            (None, None) => State::Open,
            (Some(redriven), Some(discarded)) if redriven > discarded => State::Redriven,
            (_, Some(_)) => State::Discarded,
            (Some(_), None) => State::Redriven,
        }
    }

    /// The number of the next redrive, from 1.
    #[must_use]
    pub fn next_number(&self) -> u64 {
        self.attempts.len() as u64 + 1
    }
}

impl Attempt {
    /// When it was put back, as far as known.
    #[must_use]
    pub fn at(&self) -> Option<Timestamp> {
        let said = self.event.as_ref().map(|(at, _)| *at);
        self.message.as_ref().map(|message| message.at).or(said)
    }
}

#[cfg(test)]
mod tests;
