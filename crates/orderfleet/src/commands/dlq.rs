//! `dlq`: the messages that could not be handled: look at them, put them back, or write them off.

mod confirm;
mod desk;
mod discard;
mod edit;
mod group;
mod list;
mod redrive;
mod select;
mod send;
mod settle;
mod show;
mod view;
mod words;

use std::process::ExitCode;

use clap::{Args as ClapArgs, Subcommand};
use service::ReachArgs;

use super::Context;

pub(super) const LONG: &str = "\
A message that a service cannot handle is parked as a dead letter, with its cause, and the service goes on. Nothing is
lost: the letter holds the message. Once the cause is mended, put the message back for the consumer that gave it up
(nobody else sees it), with another body if its own was at fault; or discard it, with a reason. Both are events in the
audit trail, and no letter is ever deleted.";

pub(super) const EXAMPLES: &str = "\
Examples:
  cargo fleet dlq list                                         what is open
  cargo fleet dlq group                                        the same, by who gave up and why
  cargo fleet dlq show 17                                      all about one, with its body
  cargo fleet dlq redrive --id 17 --reason 'gateway mended'
  cargo fleet dlq redrive --cause exhausted --dry-run          what would be put back
  cargo fleet dlq redrive --cause exhausted --canary 1 --rate 20 --yes
  cargo fleet dlq redrive --id REQUESTS:4 --edit               with another body
  cargo fleet dlq discard --id 18 --reason 'sent by a load test'

Exit codes: 0 all done, 1 something failed or was refused (it is said what), 2 wrong usage, 130 interrupted (it is said
what was put back by then).";

/// What a shell reports for a wrong usage.
const USAGE: u8 = 2;

/// Arguments of `dlq`.
#[derive(Debug, ClapArgs)]
pub struct Args {
    #[command(subcommand)]
    action: Action,

    #[command(flatten)]
    broker: ReachArgs,
}

#[derive(Debug, Subcommand)]
enum Action {
    /// List dead letters, oldest first; those that nobody has done anything about yet.
    List(list::Args),
    /// Show everything about a dead letter.
    Show(show::Args),
    /// Count dead letters by who gave up and why.
    Group(group::Args),
    /// Put messages back, for the consumer that gave them up.
    #[command(after_help = redrive::EXAMPLES)]
    Redrive(redrive::Args),
    /// Write messages off: they will not be handled any more. The letters stay.
    Discard(discard::Args),
}

/// The command was used wrongly, in a way that its words alone do not show.
#[derive(Debug, thiserror::Error)]
#[error("{0}")]
struct Misuse(String);

/// Does what was asked for.
pub(super) async fn run(args: Args, context: &Context) -> anyhow::Result<ExitCode> {
    let broker = &args.broker;
    let outcome = match args.action {
        Action::List(args) => context.unless_stopped(list::run(args, broker, &context.ui)).await,
        Action::Show(args) => context.unless_stopped(show::run(args, broker, &context.ui)).await,
        Action::Group(args) => context.unless_stopped(group::run(args, broker, &context.ui)).await,
        Action::Redrive(args) => redrive::run(args, broker, context).await,
        Action::Discard(args) => discard::run(args, broker, context).await,
    };
    context.ui.done();
    match outcome {
        Err(error) if error.is::<Misuse>() => {
            context.ui.error(&error);
            Ok(ExitCode::from(USAGE))
        }
        outcome => outcome,
    }
}
