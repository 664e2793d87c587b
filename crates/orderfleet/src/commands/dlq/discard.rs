//! `dlq discard`.

use std::process::ExitCode;

use clap::Args as ClapArgs;
use messaging::dead_letter::State;
use serde_json::json;
use service::ReachArgs;

use super::{confirm::Consent, desk::Desk, select::Selection, send, words};
use crate::{commands::Context, fleet::Cancelled};

/// Arguments of `dlq discard`.
#[derive(Debug, ClapArgs)]
pub(super) struct Args {
    #[command(flatten)]
    selection: Selection,

    #[command(flatten)]
    consent: Consent,

    /// Why they need not be handled, for the audit trail.
    #[arg(long, value_name = "TEXT", required = true, value_parser = words::text)]
    reason: String,

    /// Those, too, that were put back before.
    #[arg(long)]
    again: bool,
}

/// Writes the letters off.
pub(super) async fn run(args: Args, broker: &ReachArgs, context: &Context) -> anyhow::Result<ExitCode> {
    args.selection.must_say_which()?;
    let (ui, operator) = (&context.ui, args.consent.operator());
    let mut desk = context.unless_stopped(Desk::open(broker, ui)).await?;
    args.selection.must_exist(&desk.book)?;
    let wanted = |state| state == State::Open || args.again && state == State::Redriven;
    args.selection.tell_settled(&desk.book, wanted, "--again discards it, if it was put back", ui);
    let chosen: Vec<u64> = args.selection.of(&desk.book, wanted).iter().map(|entry| entry.sequence).collect();
    if chosen.is_empty() {
        ui.note(format_args!("there is nothing to discard: {}", words::none_fits(args.again)));
        return Ok(ExitCode::SUCCESS);
    }
    let question = format!("Discard {}?", words::letters(chosen.len()));
    if !context.unless_stopped(args.consent.given(ui, question)).await? {
        ui.note("nothing was discarded");
        return Ok(ExitCode::FAILURE);
    }
    let bar = ui.progress(chosen.len() as u64, "discarding");
    let mut done = 0;
    for (index, letter) in chosen.iter().enumerate() {
        if context.stop.is_cancelled() {
            ui.done();
            let left = chosen.len() - index;
            ui.warn(format_args!("interrupted: {done} discarded, {left} not touched"));
            return Err(Cancelled.into());
        }
        desk.look_again().await?;
        let Some(entry) = desk.book.entry(*letter).filter(|entry| wanted(entry.state())) else {
            ui.object(&json!({"letter": letter, "action": "skipped"}));
            ui.note(format_args!("letter {letter}: somebody else has just seen to it"));
            continue;
        };
        let number = entry.discards.len() + 1;
        send::discard(&desk.js, entry.letter, number, &operator, &args.reason).await?;
        ui.object(&json!({"letter": letter, "action": "discarded"}));
        done += 1;
        bar.at(index as u64 + 1);
    }
    bar.done();
    ui.say(format_args!("{} discarded.", words::letters(done)));
    Ok(ExitCode::SUCCESS)
}
