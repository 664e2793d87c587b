//! `dlq list`.

use std::process::ExitCode;

use clap::{Args as ClapArgs, ValueEnum};
use messaging::dead_letter::State;

use super::{desk::Desk, select::Selection, words};
use crate::ui::Ui;

/// Arguments of `dlq list`.
#[derive(Debug, ClapArgs)]
pub(super) struct Args {
    #[command(flatten)]
    selection: Selection,

    /// Those of which so much has become.
    #[arg(
        long,
        value_name = "open|redriven|discarded|any",
        default_value = "open",
        hide_possible_values = true
    )]
    state: Wanted,

    /// At most so many.
    #[arg(long, value_name = "N")]
    limit: Option<usize>,
}

/// What must have become of a letter.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub(super) enum Wanted {
    /// Nothing yet.
    Open,
    /// It was put back.
    Redriven,
    /// It was written off.
    Discarded,
    /// Anything.
    Any,
}

impl Wanted {
    pub(super) fn accepts(self, state: State) -> bool {
        match self {
            Self::Open => state == State::Open,
            Self::Redriven => state == State::Redriven,
            Self::Discarded => state == State::Discarded,
            Self::Any => true,
        }
    }
}

/// Lists the letters.
pub(super) async fn run(args: Args, nats_url: &str, ui: &Ui) -> anyhow::Result<ExitCode> {
    let desk = Desk::open(nats_url).await?;
    let entries = args.selection.of(&desk.book, |state| args.state.accepts(state));
    let limit = args.limit.unwrap_or(usize::MAX);
    for entry in entries.iter().take(limit) {
        if ui.closed().is_cancelled() {
            break;
        }
        ui.object(&words::object(entry));
        ui.say(words::line(entry));
    }
    match entries.len().checked_sub(limit) {
        Some(more @ 1..) => ui.note(format_args!("and {more} more")),
        _ if entries.is_empty() => ui.note("there are no such dead letters"),
        _ => {}
    }
    Ok(ExitCode::SUCCESS)
}
