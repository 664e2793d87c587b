//! The verdict on a fleet: does it keep its promise?
//!
//! `collect` reads what the fleet has written down: the streams, the card gateway's ledger, the audit
//! trail, the dead letters. [`judge`] decides on that alone, so it is the same for a fleet on this
//! machine, in a cluster, or simulated. [`run()`] does both, and first waits for the fleet to settle.
//!
//! | check | promise |
//! |---|---|
//! | V1 | every accepted request led to one order, every order ends or is known to be open |
//! | V2 | nobody is charged twice, what is confirmed is paid, what is cancelled costs nothing |
//! | V3 | the stock adds up at every moment |
//! | V4 | every outcome is told once |
//! | V5 | the audit trail is complete and untampered |
//! | V6 | nothing was given up unexpectedly |
//! | LOG | one writer at a time, no holes |
//!
//! What is still under way is listed, not condemned, unless [`Expectations::complete`] is set. What can
//! no longer come is condemned at once: see `owed`.

mod book;
mod checks;
mod collect;
mod evidence;
mod owed;
mod record;
pub mod report;
mod run;
mod strangers;
mod summary;

#[cfg(test)]
mod tests;

pub use evidence::*;
pub use report::Report;
pub use run::{Options, Progress, Target, run};

use book::Book;
use checks::Case;

/// Judges the evidence.
#[must_use]
pub fn judge(evidence: &Evidence, expected: &Expectations) -> Report {
    let book = Book::of(evidence);
    let owed = owed::all(&book);
    let case = Case { book: &book, owed: &owed, expected };
    Report {
        settled: !owed.iter().any(owed::Owed::is_open),
        checks: checks::all(&case),
        summary: summary::of(&book),
        open_orders: summary::open_orders(&book, &owed),
    }
}

/// How many things are still under way, as far as the streams alone can tell; 0 when the fleet has settled.
#[must_use]
pub fn open(evidence: &Evidence) -> usize {
    let book = Book::of(evidence);
    owed::all(&book).iter().filter(|owed| owed.is_open()).count()
}
