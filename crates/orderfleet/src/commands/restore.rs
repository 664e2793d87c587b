//! `restore`: a backup into an empty broker.

use std::{path::PathBuf, process::ExitCode, time::Instant};

use clap::Args as ClapArgs;
use console::style;
use messaging::{jetstream::JetStream, permissions::RESTORE};
use serde_json::json;
use service::ReachArgs;

use super::{
    Context,
    backup::teller,
    figures::{counted, lasting, size},
    setup::replicas,
};
use crate::{
    backup::{self, Manifest, Restored, Wishes},
    broker,
    fleet::Cancelled,
    ui::Ui,
};

pub(super) const LONG: &str = "\
Put a backup back into a broker that has none of the fleet's streams. First every file is compared with its checksum;
a backup that is damaged or was not finished is refused, and so is a broker that has any of the streams. Stop the
services before, and start them only when this is done: with empty databases, or with databases that were saved before
the backup was. Their databases of now know of more than the streams do.

A single broker is best started without `sync_interval: always` for it, and with it again afterwards: it stores the
messages one by one, and gives up if syncing each of them takes too long.

What was accepted after the backup was taken is not in it. Orders that it has are carried on from where they were;
money that was taken for them since is found in the gateway's books, not taken again, if `payment-service` runs with
`--look-first` until they are done. `docs/OPERATIONS.md` has the whole procedure, and what remains to be done by hand.";

pub(super) const EXAMPLES: &str = "\
Examples:
  cargo fleet restore /backups/2026-11-25 --dry-run       is it whole?
  cargo fleet restore /backups/2026-11-25
  cargo fleet restore /backups/2026-11-25 --nats-url nats://a:4222 --replicas 3
  cargo fleet verify                                      afterwards, with the services running

A broker with users lets nobody do this but `restore`, whom `cargo fleet nats config --restore` adds to its accounts;
take that user out again when all is there.

Exit codes: 0 restored (or, with --dry-run, whole), 1 failed or refused (it is said why), 2 wrong usage,
130 interrupted. Unless it is 0, what was restored until then is taken back; only a second Ctrl-C leaves it there.";

/// Arguments of `restore`.
#[derive(Debug, ClapArgs)]
pub struct Args {
    /// Where the backup is.
    #[arg(value_name = "DIR")]
    dir: PathBuf,

    #[command(flatten)]
    broker: ReachArgs,

    /// Copies of every stream, if not as many as there were: 1, or 3 on a cluster.
    #[arg(long, value_name = "1|3", value_parser = replicas)]
    replicas: Option<usize>,

    /// Only check the backup; no broker is needed.
    #[arg(long)]
    dry_run: bool,
}

/// Restores, and says what.
pub(super) async fn run(args: Args, context: &Context) -> anyhow::Result<ExitCode> {
    let ui = &context.ui;
    let began = Instant::now();
    let outcome = restore(&args, context).await;
    ui.done();
    let (manifest, restored) = outcome?;
    tell(ui, &args, &manifest, restored.as_ref(), began.elapsed());
    Ok(ExitCode::SUCCESS)
}

async fn restore(args: &Args, context: &Context) -> anyhow::Result<(Manifest, Option<Restored>)> {
    let progress = teller(&context.ui);
    let check = async {
        let manifest = Manifest::read(&args.dir).await?;
        backup::check(&args.dir, &manifest, &progress).await?;
        anyhow::Ok(manifest)
    };
    let manifest = context.unless_stopped(check).await?;
    if args.dry_run {
        return Ok((manifest, None));
    }
    let look = async {
        let js = broker::connect(&args.broker, RESTORE, "restore").await?;
        broker::unless_refused(&js, backup::refuse_if_there(&js, &manifest)).await?;
        anyhow::Ok(js)
    };
    let js = context.unless_stopped(look).await?;
    let wishes = Wishes { replicas: args.replicas };
    let fill = backup::restore(&js, &args.dir, &manifest, wishes, &progress);
    match context.unless_stopped(broker::unless_refused(&js, fill)).await {
        Ok(restored) => Ok((manifest, Some(restored))),
        Err(error) => Err(take_back(&js, &manifest, error, &context.ui).await),
    }
}

/// All or nothing: a fleet that is started on a part of its streams would go wrong for good.
async fn take_back(js: &JetStream, manifest: &Manifest, error: anyhow::Error, ui: &Ui) -> anyhow::Error {
    ui.step("taking back what was restored");
    match backup::take_back(js, manifest).await {
        Ok(()) if error.is::<Cancelled>() => error,
        Ok(()) => error.context("nothing was restored"),
        Err(second) => {
            ui.warn(format_args!("the broker holds a part of the backup; remove its streams: {second:#}"));
            error
        }
    }
}

fn tell(ui: &Ui, args: &Args, manifest: &Manifest, restored: Option<&Restored>, took: std::time::Duration) {
    let bytes = manifest.bytes();
    for stream in &manifest.streams {
        ui.object(&json!({"stream": stream.name, "last": stream.last, "settled": stream.settled}));
    }
    let max_age = restored.and_then(|restored| restored.max_age);
    ui.object(&json!({
        "backup": args.dir, "restored": restored.is_some(), "cut": manifest.cut, "server": manifest.server,
        "bytes": bytes, "seconds": took.as_secs_f64(), "max_age_seconds": max_age.map(|age| age.as_secs()),
    }));
    let messages = manifest.streams.iter().filter_map(|stream| stream.last).sum();
    let what = format!("{}, {} in all, as of {}", size(bytes), counted(messages, "messages"), manifest.cut);
    if restored.is_none() {
        ui.say(format_args!("The backup is {}: {what}.", style("whole").green()));
        return;
    }
    ui.say(format_args!("{} in {}: {what}.", style("Restored").green(), lasting(took)));
    ui.say("Start payment-service with LOOK_FIRST=true until the orders in the streams are done.");
    if let Some(age) = max_age {
        ui.warn(format_args!(
            "the backup is old, so the streams now keep messages for {} h; pass --max-age {}h to `setup` from now on",
            age.as_secs() / 3_600,
            age.as_secs() / 3_600
        ));
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::commands::parsed;

    #[test]
    fn every_flag_is_understood() -> Result<(), clap::Error> {
        let args: Args = parsed(&["/backups/1", "--replicas", "3", "--dry-run"])?;
        assert_eq!((args.dir, args.replicas, args.dry_run), ("/backups/1".into(), Some(3), true));
        assert!(parsed::<Args>(&[]).is_err() && parsed::<Args>(&["/b", "--replicas=2"]).is_err());
        Ok(())
    }
}
