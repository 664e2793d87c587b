//! What happened: a fingerprint of everything always, readable lines when asked for, and a count of the rare things.

use std::{
    collections::BTreeMap,
    hash::Hasher,
    sync::{Mutex, MutexGuard, PoisonError},
    time::Duration,
};

use tokio::time::Instant;

/// What a run leaves behind for its reader.
pub(crate) struct Trace {
    start: Instant,
    verbose: bool,
    book: Mutex<Book>,
}

#[derive(Default)]
struct Book {
    fingerprint: Fingerprint,
    lines: Vec<String>,
    seen: BTreeMap<String, u64>,
}

impl Trace {
    /// An empty one; its time begins now. Lines are only kept if it is `verbose`.
    pub(crate) fn new(verbose: bool) -> Self {
        Self { start: Instant::now(), verbose, book: Mutex::default() }
    }

    /// Virtual time since the start.
    pub(crate) fn elapsed(&self) -> Duration {
        self.start.elapsed()
    }

    /// Notes that `who` did something, with a number that tells it from similar things.
    pub(crate) fn note(&self, who: &str, what: &str, number: u64, detail: impl FnOnce() -> String) {
        let at = self.elapsed();
        let mut book = self.book();
        book.fingerprint.write_u128(at.as_nanos());
        book.fingerprint.write(who.as_bytes());
        book.fingerprint.write(what.as_bytes());
        book.fingerprint.write_u64(number);
        if self.verbose {
            let line = format!("{:>10.3}s  {who:<24} {what:<14} {}", at.as_secs_f64(), detail());
            book.lines.push(line.trim_end().to_owned());
        }
    }

    /// Counts something rare that the simulation claims to try.
    pub(crate) fn sometimes(&self, what: &str) {
        let mut book = self.book();
        match book.seen.get_mut(what) {
            Some(count) => *count += 1,
            None => drop(book.seen.insert(what.to_owned(), 1)),
        }
    }

    /// The fingerprint: equal for runs in which the same things happened at the same times.
    pub(crate) fn fingerprint(&self) -> u64 {
        self.book().fingerprint.finish()
    }

    /// Takes the lines out.
    pub(crate) fn lines(&self) -> Vec<String> {
        std::mem::take(&mut self.book().lines)
    }

    /// How often each rare thing happened.
    pub(crate) fn seen(&self) -> BTreeMap<String, u64> {
        self.book().seen.clone()
    }

    fn book(&self) -> MutexGuard<'_, Book> {
        self.book.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// FNV-1a, which is the same in every process.
struct Fingerprint(u64);

impl Default for Fingerprint {
    fn default() -> Self {
        Self(0xCBF2_9CE4_8422_2325)
    }
}

impl Hasher for Fingerprint {
    fn finish(&self) -> u64 {
        self.0
    }

    fn write(&mut self, bytes: &[u8]) {
        for byte in bytes {
            self.0 = (self.0 ^ u64::from(*byte)).wrapping_mul(0x0100_0000_01B3);
        }
    }
}
