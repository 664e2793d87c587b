//! Which letters are looked at.

use clap::{Args as ClapArgs, ValueEnum};
use messaging::dead_letter::{Entry, LetterBook, State};

use super::{Misuse, desk::Filed, select::Selection};

/// Which letters are looked at: the open ones unless more is asked for.
#[derive(Debug, ClapArgs)]
pub(super) struct View {
    #[command(flatten)]
    selection: Selection,

    /// Those in this state.
    #[arg(
        long,
        value_name = "open|redriven|discarded|any",
        default_value = "open",
        hide_possible_values = true
    )]
    state: Wanted,
}

/// What must have become of a letter.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
enum Wanted {
    /// Nothing yet.
    Open,
    /// It was put back.
    Redriven,
    /// It was written off.
    Discarded,
    /// Anything.
    Any,
}

impl View {
    /// The letters, oldest first.
    pub(super) fn of<'a>(&self, book: &'a LetterBook<Filed>) -> Result<Vec<Entry<'a, Filed>>, Misuse> {
        self.selection.must_be_possible(book)?;
        Ok(self.selection.of(book, |state| self.state.accepts(state)))
    }

    /// What is to be said when there are none.
    pub(super) fn none(&self) -> &'static str {
        match (self.selection.is_anything(), self.state) {
            (false, _) => "no dead letter fits",
            (true, Wanted::Open) => "no dead letter is open: whatever was given up is seen to",
            (true, Wanted::Redriven) => "no dead letter was put back",
            (true, Wanted::Discarded) => "no dead letter was discarded",
            (true, Wanted::Any) => "there is no dead letter",
        }
    }
}

impl Wanted {
    fn accepts(self, state: State) -> bool {
        match self {
            Self::Open => state == State::Open,
            Self::Redriven => state == State::Redriven,
            Self::Discarded => state == State::Discarded,
            Self::Any => true,
        }
    }
}
