//! Where a backup ends: the earliest place, after a given one in each stream, at which it contradicts itself nowhere.
//!
//! | whatever is in the backup | needs |
//! |---|---|
//! | an event | what caused it |
//! | a journal's message | its inputs, as far as it says they were read; the rest of its commit |
//! | a journal's note that an input was parked | the letter |
//! | a letter | what it is a copy of |
//! | a message that was put back, and the event that tells of it | the letter; the message |
//!
//! All of that was stored before what needs it. So whenever the streams are looked at, there is such a place before
//! their ends, however fast they grow.

use std::collections::{BTreeMap, HashMap};

use events::{EventData, RawEnvelope, catalogue::STREAMS, dead_letters::LetterRedriven};
use messaging::{
    dead_letter::{ORIGINAL_SEQUENCE, ORIGINAL_STREAM, Redrive, STREAM as DEAD_LETTERS},
    headers::{EPOCH, POSITIONS},
    journal::Control,
    log::Stored,
    topology::REDRIVE,
};
use uuid::Uuid;

/// A last sequence for each stream.
pub(super) type Lasts = BTreeMap<String, u64>;

/// What another message must be in the backup for.
#[derive(Debug, PartialEq, Eq)]
enum Need {
    /// Whatever bears this id.
    Event(Uuid),
    /// What stands there, and all before it.
    Place(String, u64),
    /// The copy of what stands there.
    LetterOf(String, u64),
}

/// What has to be known of a message that was stored while the backup was taken.
#[derive(Debug)]
struct Seen {
    sequence: u64,
    needs: Vec<Need>,
    /// It is not followed by another message of the same commit.
    ends_commit: bool,
}

/// The messages that were stored while the backup was taken, as far as they were looked at.
#[derive(Debug, Default)]
pub(super) struct Arrivals {
    seen: BTreeMap<String, Vec<Seen>>,
    events: HashMap<Uuid, (String, u64)>,
    letters: HashMap<(String, u64), u64>,
}

/// The backup cannot end yet: something in it needs a message of this stream that was not looked at.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct TooFew(pub(super) String);

impl Arrivals {
    /// Takes note of the next message of a stream.
    pub(super) fn note(&mut self, stream: &str, message: &Stored) {
        let envelope = RawEnvelope::parse(&message.payload).ok();
        // A letter is a copy, under the id of the message that was given up.
        if let Some(envelope) = envelope.as_ref().filter(|_| stream != DEAD_LETTERS) {
            let place = (stream.to_owned(), message.sequence);
            self.events.entry(envelope.id).or_insert(place);
        }
        if stream == DEAD_LETTERS
            && let Some(place) = original(message)
        {
            self.letters.entry(place).or_insert(message.sequence);
        }
        let seen = Seen {
            sequence: message.sequence,
            needs: needs(stream, message, envelope.as_ref()),
            ends_commit: ends_commit(stream, message, envelope.as_ref()),
        };
        self.seen.entry(stream.to_owned()).or_default().push(seen);
    }

    /// The earliest consistent place that is not before `from`.
    pub(super) fn cut(&self, from: &Lasts) -> Result<Lasts, TooFew> {
        let (mut cut, mut settled) = (from.clone(), HashMap::new());
        loop {
            let before = cut.clone();
            for (stream, seen) in &self.seen {
                let settled: &mut usize = settled.entry(stream.as_str()).or_default();
                self.settle(stream, &seen[*settled..], settled, &mut cut);
            }
            if cut == before {
                break;
            }
        }
        // Whatever was stored before the backup began is in it anyhow, and stands in no list.
        let begun_since = |stream: &&String| cut[*stream] > from.get(*stream).copied().unwrap_or(0);
        let short = cut.keys().filter(begun_since).find(|stream| self.last(stream) < cut[*stream]);
        match short.or_else(|| self.in_a_commit(&cut)) {
            Some(stream) => Err(TooFew(stream.clone())),
            None => Ok(cut),
        }
    }

    /// Looks at the next messages of a stream that are in the backup, and takes in what they need.
    fn settle(&self, stream: &str, next: &[Seen], settled: &mut usize, cut: &mut Lasts) {
        let mut in_commit = false;
        for seen in next {
            let last = cut.entry(stream.to_owned()).or_default();
            if seen.sequence > *last && !in_commit {
                break;
            }
            *last = seen.sequence.max(*last);
            for need in &seen.needs {
                if let Some((stream, sequence)) = self.place_of(need) {
                    let last = cut.entry(stream).or_default();
                    *last = sequence.max(*last);
                }
            }
            in_commit = !seen.ends_commit;
            *settled += 1;
        }
    }

    /// Where that stands which is needed; `None` when it was there before the backup began.
    fn place_of(&self, need: &Need) -> Option<(String, u64)> {
        match need {
            Need::Event(id) => self.events.get(id).cloned(),
            Need::Place(stream, sequence) => Some((stream.clone(), *sequence)),
            Need::LetterOf(stream, sequence) => {
                let letter = self.letters.get(&(stream.clone(), *sequence))?;
                Some((DEAD_LETTERS.to_owned(), *letter))
            }
        }
    }

    fn last(&self, stream: &str) -> u64 {
        self.seen.get(stream).and_then(|seen| seen.last()).map_or(0, |seen| seen.sequence)
    }

    /// A journal that would end in the middle of a commit.
    fn in_a_commit(&self, cut: &Lasts) -> Option<&String> {
        let ends_there = |stream: &String, seen: &Vec<Seen>| {
            let last = seen.iter().rev().find(|seen| seen.sequence <= cut[stream]);
            last.is_none_or(|last| last.ends_commit)
        };
        self.seen.iter().find(|(stream, seen)| !ends_there(stream, seen)).map(|(stream, _)| stream)
    }
}

fn needs(stream: &str, message: &Stored, envelope: Option<&RawEnvelope<'_>>) -> Vec<Need> {
    let mut needs = Vec::new();
    needs.extend(envelope.map(|envelope| Need::Event(envelope.causation_id)));
    if let Some(positions) = message.headers.get(POSITIONS).filter(|_| is_of_journal(stream, message)) {
        let places = positions.split(',').filter_map(|place| place.split_once('='));
        let read = |(stream, sequence): (&str, &str)| Some((stream.to_owned(), sequence.parse().ok()?));
        needs.extend(places.filter_map(read).map(|(stream, sequence)| Need::Place(stream, sequence)));
    }
    needs.extend(original(message).map(|(stream, sequence)| Need::Place(stream, sequence)));
    if let Some(Control::Parked { input, .. }) = control(stream, envelope) {
        needs.push(Need::LetterOf(input.stream, input.sequence));
    }
    if stream == REDRIVE
        && let Some(redrive) = Redrive::of(message)
    {
        needs.push(Need::Place(DEAD_LETTERS.to_owned(), redrive.letter));
    }
    if let Some(envelope) = envelope
        && stream == DEAD_LETTERS
        && envelope.kind == LetterRedriven::TYPE
        && let Ok(told) = envelope.decode_as::<LetterRedriven>()
    {
        needs.push(Need::Place(DEAD_LETTERS.to_owned(), told.letter));
        needs.push(Need::Place(REDRIVE.to_owned(), told.redrive));
    }
    needs
}

/// What a letter is a copy of, and what was put back once was.
fn original(message: &Stored) -> Option<(String, u64)> {
    let stream = message.headers.get(ORIGINAL_STREAM)?.to_owned();
    Some((stream, message.headers.get(ORIGINAL_SEQUENCE)?.parse().ok()?))
}

/// The last message of a commit says how far the inputs were read. A fence is a commit of its own, and so, to us, is
/// what no writer of the journal has written.
fn ends_commit(stream: &str, message: &Stored, envelope: Option<&RawEnvelope<'_>>) -> bool {
    !is_of_journal(stream, message)
        || message.headers.get(POSITIONS).is_some()
        || message.headers.get(EPOCH).is_none()
        || matches!(control(stream, envelope), Some(Control::Fence { .. }))
}

/// A journal's message, and no copy of one from elsewhere, which may say of the journal what it likes.
fn is_of_journal(stream: &str, message: &Stored) -> bool {
    STREAMS.iter().any(|def| def.name == stream && def.control.is_some() && def.holds(&message.subject))
}

fn control(stream: &str, envelope: Option<&RawEnvelope<'_>>) -> Option<Control> {
    let subject = STREAMS.iter().find(|def| def.name == stream)?.control?;
    let envelope = envelope.filter(|envelope| envelope.kind == subject)?;
    serde_json::from_str(envelope.data.get()).ok()
}

#[cfg(test)]
mod tests;
