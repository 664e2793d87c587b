//! `dlq redrive`.

mod plan;
mod run;

use std::{path::PathBuf, process::ExitCode, time::Duration};

use clap::Args as ClapArgs;
use messaging::dead_letter::State;
use service::ReachArgs;

use super::{Misuse, confirm::Consent, desk::Desk, edit, select::Selection, send, words};
use crate::commands::Context;
use plan::Plan;
use run::Run;

pub(super) const EXAMPLES: &str = "\
Messages go back one by one, the oldest letter first. Then the command waits until each is handled, and says which were
given up again. Stopping it, or its time running out, undoes nothing: what was put back stays in REDRIVE until its
consumer has handled it. Running it again puts back only what is still open, so nothing goes back twice by accident.

Examples:
  cargo fleet dlq redrive --id 17 --reason 'gateway mended'
  cargo fleet dlq redrive --cause exhausted --dry-run
  cargo fleet dlq redrive --service payment-service --canary 3 --rate 20 --yes
  cargo fleet dlq redrive --id REQUESTS:4 --edit-with mended.json";

/// Arguments of `dlq redrive`.
#[derive(Debug, ClapArgs)]
pub(super) struct Args {
    #[command(flatten)]
    selection: Selection,

    #[command(flatten)]
    consent: Consent,

    /// Why it should succeed this time, for the audit trail.
    #[arg(long, value_name = "TEXT")]
    reason: Option<String>,

    /// Only say what would be put back.
    #[arg(long)]
    dry_run: bool,

    /// Put so many back first, and the others only if all of these succeed.
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u64).range(1..), conflicts_with = "no_wait")]
    canary: Option<u64>,

    /// Put back at most so many per second.
    #[arg(long, value_name = "PER SECOND", value_parser = rate)]
    rate: Option<f64>,

    /// Open the body of one letter in $VISUAL or $EDITOR, and put that back instead.
    #[arg(long, conflicts_with = "edit_with")]
    edit: bool,

    /// Put this file back as the body of one letter.
    #[arg(long, value_name = "FILE")]
    edit_with: Option<PathBuf>,

    /// Those, too, that were put back or discarded before.
    #[arg(long)]
    again: bool,

    /// Do not wait until they are handled.
    #[arg(long)]
    no_wait: bool,

    /// How long to wait until they are handled.
    #[arg(long, value_name = "SECONDS", default_value = "60", value_parser = clap::value_parser!(u64).range(1..=86_400))]
    timeout: u64,
}

/// Puts the messages back.
pub(super) async fn run(args: Args, broker: &ReachArgs, context: &Context) -> anyhow::Result<ExitCode> {
    args.selection.must_say_which()?;
    let operator = args.consent.operator();
    let mut desk = context.unless_stopped(Desk::open(broker, &context.ui)).await?;
    if !args.dry_run {
        context.unless_stopped(send::tell_what_was_left_untold(&desk)).await?;
    }
    let chosen = chosen(&args, &desk, context)?;
    if chosen.is_empty() {
        let fits = words::none_fits(args.again);
        context.ui.note(format_args!("there is nothing to put back: {fits}"));
        return Ok(ExitCode::SUCCESS);
    }
    let body = context.unless_stopped(new_body(&args, &desk, &chosen)).await?;
    let run_id = run::id();
    let reason = args.reason.as_deref();
    let plan = Plan { operator: &operator, reason, run: &run_id, body: body.as_ref() };
    if args.dry_run {
        return context.unless_stopped(plan.tell(&desk, &chosen, &context.ui)).await;
    }
    let question = format!("Put the messages of {} back?", words::letters(chosen.len()));
    if !context.unless_stopped(args.consent.given(&context.ui, question)).await? {
        context.ui.note("nothing was put back");
        return Ok(ExitCode::FAILURE);
    }
    let mut run = Run::new(&mut desk, plan, context, args.again);
    run.pace(args.rate);
    let patience = (!args.no_wait).then(|| Duration::from_secs(args.timeout));
    run.everything(&chosen, args.canary.unwrap_or(0), patience).await
}

/// The letters to put back, oldest first.
fn chosen(args: &Args, desk: &Desk, context: &Context) -> anyhow::Result<Vec<u64>> {
    args.selection.must_exist(&desk.book)?;
    let wanted = |state: State| args.again || state == State::Open;
    args.selection.tell_settled(&desk.book, wanted, "--again puts it back all the same", &context.ui);
    Ok(args.selection.of(&desk.book, wanted).iter().map(|entry| entry.sequence).collect())
}

/// The operator's body for the one letter, if there is to be one.
async fn new_body(args: &Args, desk: &Desk, chosen: &[u64]) -> anyhow::Result<Option<bytes::Bytes>> {
    if !args.edit && args.edit_with.is_none() {
        return Ok(None);
    }
    let [letter] = chosen else {
        let count = words::letters(chosen.len());
        return Err(
            Misuse(format!("a body can be edited for one letter at a time; these are {count}")).into()
        );
    };
    let prepared = plan::original(desk, *letter).await?;
    let (letter, old) = match prepared {
        Ok(original) => (original.letter, original.body),
        Err(refusal) => anyhow::bail!("letter {letter} cannot be put back: {refusal}"),
    };
    let body = match &args.edit_with {
        Some(path) => edit::from_file(path)?,
        None => edit::in_editor(&old).await?,
    };
    let checked = edit::check(&old, &body, &letter.consumer);
    if args.edit {
        edit::keep_refused(checked, &body)?
    } else {
        checked?
    }
    Ok(Some(body))
}

fn rate(text: &str) -> Result<f64, String> {
    match text.parse::<f64>() {
        Ok(rate @ 0.01..=1_000_000.0) => Ok(rate),
        Ok(_) | Err(_) => Err("not a number from 0.01 to 1000000".to_owned()),
    }
}

#[cfg(test)]
mod tests;
