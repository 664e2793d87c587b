//! `setup`: the broker's streams, consumers and buckets.

mod patience;

use std::{process::ExitCode, time::Duration};

use clap::Args as ClapArgs;
use console::style;
use messaging::{
    permissions::SETUP,
    topology::{self, Action, Change, TopologyOptions},
};
use serde_json::json;
use service::ReachArgs;
use tokio::time::Instant;

use self::patience::Patience;
use super::{
    Context,
    values::{TIMES, measured},
};
use crate::{broker, ui::Ui};

pub(super) const LONG: &str = "\
Create the broker's streams, consumers and buckets where they are missing, and change those that differ. Safe to repeat;
services never create anything themselves. If anything differs in a way that would lose messages, nothing is changed.
A broker that is only starting, or a cluster without a leader as yet, is tried again for a while.";

pub(super) const EXAMPLES: &str = "\
Examples:
  cargo fleet setup
  cargo fleet setup --dry-run                             what would be done
  cargo fleet setup --nats-url nats://a:4222,nats://b:4222 --replicas 3
  cargo fleet setup --max-age 30d --max-bytes 16GiB       kept longer, with more room
  cargo fleet setup --patience 5m                         beside a broker whose start takes long

Exit codes: 0 everything is as it should be; 1 something was refused or failed, or, with --dry-run, differs.";

const REFUSED: &str =
    "Nothing was changed: what is marked ✗ would lose messages. Change it by hand, or ask for what is there.";

/// Arguments of `setup`.
#[derive(Debug, ClapArgs)]
pub struct Args {
    #[command(flatten)]
    broker: ReachArgs,

    /// Copies of every stream: 1, or 3 on a cluster.
    #[arg(long, value_name = "1|3", default_value = "1", value_parser = replicas)]
    replicas: usize,

    /// How long messages are kept, e.g. 7d, 12h [default: 7d].
    #[arg(long, value_name = "TIME", value_parser = age)]
    max_age: Option<Duration>,

    /// How much room a stream of orders may take, e.g. 512MiB, 4GiB [default: 4GiB]. When it is full, callers get a 503.
    #[arg(long, value_name = "SIZE", value_parser = bytes)]
    max_bytes: Option<i64>,

    /// How long a broker that is only starting is tried again, e.g. 90s, 5m.
    #[arg(long, value_name = "TIME", default_value = "60s", value_parser = age)]
    patience: Duration,

    /// Only say what would be done.
    #[arg(long)]
    dry_run: bool,
}

/// Sets the broker up, or says what that would mean.
pub(super) async fn run(args: Args, context: &Context) -> anyhow::Result<ExitCode> {
    context.unless_stopped(set_up(args, &context.ui)).await
}

async fn set_up(args: Args, ui: &Ui) -> anyhow::Result<ExitCode> {
    let outcome = Outcome::of(args, ui).await?;
    for change in &outcome.changes {
        ui.object(&as_json(change, outcome.done));
        as_text(change, outcome.done).into_iter().for_each(|line| ui.say(line));
    }
    ui.say(outcome.summary());
    Ok(if outcome.is_good() { ExitCode::SUCCESS } else { ExitCode::FAILURE })
}

/// What was done, or would have to be.
struct Outcome {
    changes: Vec<Change>,
    /// It was done.
    done: bool,
}

impl Outcome {
    async fn of(args: Args, ui: &Ui) -> anyhow::Result<Self> {
        let (whom, lasting) = (format!("the broker at {}", args.broker.nats_url), args.patience);
        let patience = Patience { ui, whom: &whom, until: Instant::now() + lasting, lasting };
        let connecting = broker::connect_within(lasting, &args.broker, SETUP, "setup");
        let js = ui.patiently(&whom, connecting).await?;
        let defaults = TopologyOptions::default();
        let options = TopologyOptions {
            replicas: args.replicas,
            max_bytes: args.max_bytes.unwrap_or(defaults.max_bytes),
            max_age: args.max_age.unwrap_or(defaults.max_age),
        };
        let changes = patience.ask(&js, async || topology::compare(&js, &options).await).await?;
        let planned = Self { changes, done: false };
        if args.dry_run || planned.is_refused() {
            return Ok(planned);
        }
        // Goes on from where it was broken off; what was done is what was planned.
        patience.ask(&js, async || topology::setup(&js, &options).await).await?;
        Ok(Self { done: true, ..planned })
    }

    fn is_refused(&self) -> bool {
        self.changes.iter().any(|change| matches!(change.action, Action::Refused(_)))
    }

    fn differences(&self) -> usize {
        self.changes.iter().filter(|change| change.action != Action::Unchanged).count()
    }

    /// The broker is as it should be.
    fn is_good(&self) -> bool {
        self.done || self.differences() == 0
    }

    fn summary(&self) -> String {
        match self.differences() {
            _ if self.is_refused() => style(REFUSED).red().to_string(),
            0 => "The broker is set up; nothing has to be done.".to_owned(),
            count if self.done => format!("The broker is set up; {count} done."),
            count => format!("{count} to be done; nothing was changed."),
        }
    }
}

fn as_json(change: &Change, done: bool) -> serde_json::Value {
    let (action, differences): (&str, &[String]) = match &change.action {
        Action::Created => ("create", &[]),
        Action::Unchanged => ("unchanged", &[]),
        Action::Updated(differences) => ("update", differences),
        Action::Refused(differences) => ("refuse", differences),
    };
    let done = done && change.action != Action::Unchanged;
    json!({"what": change.what, "action": action, "done": done, "differences": differences})
}

fn as_text(change: &Change, done: bool) -> Vec<String> {
    let verb = |past: &'static str, planned: &'static str| if done { past } else { planned };
    let (mark, word, differences): (_, _, &[String]) = match &change.action {
        Action::Created => (style("+").green(), verb("created", "missing"), &[]),
        Action::Unchanged => (style("=").dim(), "as it should be", &[]),
        Action::Updated(differences) => (style("~").yellow(), verb("changed", "to be changed"), differences),
        Action::Refused(differences) => (style("✗").red(), "would lose messages", differences),
    };
    let headline = format!("{mark} {:<39} {word}", change.what);
    std::iter::once(headline).chain(differences.iter().map(|line| format!("    {line}"))).collect()
}

pub(super) fn replicas(text: &str) -> Result<usize, String> {
    match text {
        "1" => Ok(1),
        "3" => Ok(3),
        _ => {
            Err("1 on a single server or 3 on a cluster; other numbers cost more and survive no more"
                .to_owned())
        }
    }
}

fn age(text: &str) -> Result<Duration, String> {
    let seconds = measured(text, &TIMES).filter(|seconds| *seconds > 0);
    Ok(Duration::from_secs(seconds.ok_or("expected a whole number with a unit: 7d, 12h, 30m or 90s")?))
}

fn bytes(text: &str) -> Result<i64, String> {
    let units = [("TiB", 1 << 40), ("GiB", 1 << 30), ("MiB", 1 << 20)];
    let bytes = measured(text, &units).and_then(|bytes| i64::try_from(bytes).ok());
    bytes
        .filter(|bytes| *bytes > 0)
        .ok_or("expected a whole number with a unit: 512MiB, 4GiB or 1TiB".to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{cli::Color, commands::parsed};

    #[test]
    fn measures_are_understood_or_explained() -> Result<(), clap::Error> {
        let args: Args =
            parsed(&["--replicas", "3", "--max-age", "30d", "--max-bytes", "16GiB", "--dry-run"])?;
        assert_eq!(
            (args.replicas, args.max_age, args.max_bytes),
            (3, Some(Duration::from_secs(2_592_000)), Some(16 << 30))
        );
        let refused = [
            "--replicas=2",
            "--max-age=7",
            "--max-age=0d",
            "--max-age=-1d",
            "--max-bytes=4GB",
            "--max-bytes=9999999999TiB",
        ];
        let args: Args = parsed(&["--patience", "5m"])?;
        assert_eq!(args.patience, Duration::from_secs(300));
        for wrong in refused {
            assert!(parsed::<Args>(&[wrong]).is_err(), "{wrong}");
        }
        Ok(())
    }

    #[test]
    fn a_change_is_told_with_its_reasons() {
        let change = Change {
            what: "stream ORDERS".to_owned(),
            action: Action::Updated(vec!["replicas is 1, should be 3".to_owned()]),
        };
        let plain = |done| console::strip_ansi_codes(&as_text(&change, done).join("\n")).into_owned();
        assert_eq!(plain(true), format!("~ {:<39} changed\n    replicas is 1, should be 3", "stream ORDERS"));
        assert!(plain(false).contains("to be changed"));
        assert_eq!(as_json(&change, false)["done"], false);
    }

    #[tokio::test]
    async fn a_dry_run_changes_nothing_and_a_destructive_change_is_refused() -> anyhow::Result<()> {
        let broker = testkit::broker().await;
        let url = broker.url();
        let set_up = async |words: &[&str]| {
            let words = [&["--nats-url", &url, "--max-bytes", "64MiB"], words].concat();
            let outcome = Outcome::of(parsed(&words)?, &Ui::new(false, Color::Never)).await?;
            anyhow::Ok((outcome.is_good(), outcome.summary()))
        };
        let all = topology_size();
        let to_do = (false, format!("{all} to be done; nothing was changed."));
        assert_eq!(set_up(&["--dry-run"]).await?, to_do);
        assert_eq!(set_up(&["--dry-run"]).await?, to_do, "the first look must not have created anything");
        assert_eq!(set_up(&[]).await?, (true, format!("The broker is set up; {all} done.")));
        let good = (true, "The broker is set up; nothing has to be done.".to_owned());
        assert_eq!(set_up(&["--dry-run"]).await?, good);
        let (is_good, summary) = set_up(&["--max-age", "1h"]).await?;
        assert!(!is_good && summary.contains("would lose messages"), "{summary}");
        assert_eq!(set_up(&["--dry-run"]).await?, good, "what was refused must not be done in part");
        Ok(())
    }

    /// A server that will never do it is not asked again and again.
    #[tokio::test]
    async fn what_no_patience_would_change_is_told_at_once() -> anyhow::Result<()> {
        let broker = testkit::broker().await;
        let url = broker.url();
        let words = ["--nats-url", url.as_str(), "--replicas", "3", "--patience", "1h"];
        let args: Args = parsed(&words)?;
        let ui = Ui::new(false, Color::Never);
        let refusal = tokio::time::timeout(Duration::from_secs(30), Outcome::of(args, &ui)).await?.err();
        let text = refusal.map(|error| format!("{error:#}")).unwrap_or_default();
        assert!(text.contains("stream REQUESTS: ") && text.contains("replicas"), "{text}");
        Ok(())
    }

    #[tokio::test]
    async fn patience_ends() -> anyhow::Result<()> {
        let args: Args = parsed(&["--nats-url", "nats://127.0.0.1:1", "--patience", "1s"])?;
        let refusal = Outcome::of(args, &Ui::new(false, Color::Never)).await.err();
        let text = refusal.map(|error| error.to_string()).unwrap_or_default();
        assert!(text.starts_with("no broker answers at nats://127.0.0.1:1 (tried for 1 s)"), "{text}");
        Ok(())
    }

    /// Streams, the four beside them, the consumers, and a bucket for each journal.
    fn topology_size() -> usize {
        events::catalogue::STREAMS.len() + 4 + events::catalogue::every_consumer().count() + 2
    }
}
