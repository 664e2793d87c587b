//! `dlq list`.

use std::process::ExitCode;

use clap::Args as ClapArgs;
use service::ReachArgs;

use super::{super::values, desk::Desk, view::View, words};
use crate::ui::Ui;

/// Arguments of `dlq list`.
#[derive(Debug, ClapArgs)]
pub(super) struct Args {
    #[command(flatten)]
    view: View,

    /// At most so many.
    #[arg(long, value_name = "N", value_parser = values::count::<usize>)]
    limit: Option<usize>,
}

/// Lists the letters.
pub(super) async fn run(args: Args, broker: &ReachArgs, ui: &Ui) -> anyhow::Result<ExitCode> {
    let desk = Desk::open(broker, ui).await?;
    let entries = args.view.of(&desk.book)?;
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
        _ if entries.is_empty() => ui.note(args.view.none()),
        _ => {}
    }
    Ok(ExitCode::SUCCESS)
}
