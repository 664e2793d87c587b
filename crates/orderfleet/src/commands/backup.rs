//! `backup`: everything the broker holds, into a directory.

mod progress;

use std::{path::PathBuf, process::ExitCode, time::Instant};

use clap::Args as ClapArgs;
use console::style;
use messaging::permissions::OPERATOR;
use serde_json::json;
use service::ReachArgs;

use super::{
    Context,
    figures::{grouped, lasting, named, size},
};
use crate::{
    backup::{self, Manifest, SavedStream},
    broker,
    fleet::Cancelled,
    ui::Ui,
};

pub(super) use progress::teller;

pub(super) const LONG: &str = "\
Save every stream of the broker, with how far each consumer has come, into a directory: one snapshot per stream, what
was stored while it was taken, and a manifest with their checksums, written last. The fleet goes on working, and nothing
is changed. The streams are cut where they agree with one another, as if the fleet had been stopped at one instant.

Not in it: the SQL databases, which `audit-service` and `order-service` read anew from the streams (an audit trail that
reaches back further than the streams is saved by the database's own means, before this), and the card gateway's books.";

pub(super) const EXAMPLES: &str = "\
Examples:
  cargo fleet backup /backups/2026-11-25
  cargo fleet backup --nats-url nats://a:4222,nats://b:4222 /backups/2026-11-25
  cargo fleet backup /backups/2026-11-25 --json | jq .bytes
  cargo fleet restore /backups/2026-11-25 --dry-run       is it whole?

Exit codes: 0 saved, 1 failed (the directory then has no manifest.json and is refused by `restore`), 2 wrong usage,
130 interrupted (likewise).";

/// Arguments of `backup`.
#[derive(Debug, ClapArgs)]
pub struct Args {
    /// Where to; it is created, or must be empty.
    #[arg(value_name = "DIR")]
    dir: PathBuf,

    #[command(flatten)]
    broker: ReachArgs,
}

/// Saves, and says what.
pub(super) async fn run(args: Args, context: &Context) -> anyhow::Result<ExitCode> {
    let ui = &context.ui;
    let began = Instant::now();
    let saved = context.unless_stopped(save(&args, ui)).await;
    ui.done();
    let manifest = saved.map_err(|error| unfinished(error, &args))?;
    for stream in &manifest.streams {
        ui.object(&as_json(stream));
        ui.say(as_text(stream));
    }
    let (bytes, took) = (manifest.bytes(), began.elapsed());
    let (streams, dir) = (manifest.streams.len(), args.dir.display());
    ui.object(&json!({
        "saved": args.dir, "bytes": bytes, "streams": streams, "server": manifest.server, "began": manifest.began,
        "cut": manifest.cut, "seconds": took.as_secs_f64(),
    }));
    ui.say(format_args!("{} saved in {}: {}", size(bytes), lasting(took), style(dir).green()));
    Ok(ExitCode::SUCCESS)
}

async fn save(args: &Args, ui: &Ui) -> anyhow::Result<Manifest> {
    let js = broker::connect(&args.broker, OPERATOR, "backup").await?;
    broker::unless_refused(&js, backup::save(&js, &args.dir, teller(ui))).await
}

fn unfinished(error: anyhow::Error, args: &Args) -> anyhow::Error {
    // Whoever interrupts it knows.
    if error.is::<Cancelled>() {
        error
    } else {
        error.context(format!("no backup was taken into {}", args.dir.display()))
    }
}

fn as_json(stream: &SavedStream) -> serde_json::Value {
    json!({
        "stream": stream.name, "messages": stream.exported.messages(), "last": stream.last, "bytes": stream.bytes(),
        "settled": stream.settled,
    })
}

fn as_text(stream: &SavedStream) -> String {
    let last = stream.last.map(|last| format!(" up to {}", grouped(last))).unwrap_or_default();
    let messages = stream.exported.messages();
    let named = named(messages, "messages");
    format!("  {:<21} {:>12} {named}{last}, {}", stream.name, grouped(messages), size(stream.bytes()))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::commands::parsed;

    #[test]
    fn it_wants_to_know_where_to() -> Result<(), clap::Error> {
        assert!(parsed::<Args>(&[]).is_err());
        let args: Args = parsed(&["/backups/1", "--nats-url", "nats://a:4222"])?;
        assert_eq!((args.dir, args.broker.nats_url), ("/backups/1".into(), "nats://a:4222".to_owned()));
        Ok(())
    }
}
