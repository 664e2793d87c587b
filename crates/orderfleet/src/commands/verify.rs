//! `verify`: the verdict on a running fleet.

mod progress;
mod report;

use std::{process::ExitCode, time::Duration};

use clap::Args as ClapArgs;
use service::ReachArgs;

use super::{
    Context,
    addresses::{Audit, Gateway, Inventory},
};
use crate::{
    ui::Ui,
    verify::{self, Expectations, ExpectedDeadLetters, Options, Report, Target},
};

pub(super) const LONG: &str = "\
Check the promise against everything the fleet has written down: its streams, the card gateway's own ledger, the audit
trail, the stock levels and the dead letters.

  V1   no accepted order is lost           one creation per request, every order comes to one end
  V2   no customer is charged twice        confirmed is paid exactly, cancelled costs nothing, the ledger agrees
  V3   no stock is sold twice              no level is ever negative, and what the service says is what its journal sums up to
  V4   every outcome is told once          one notification per outcome
  V5   every change is in the audit trail  byte for byte, and its chain of hashes verifies
  V6   nothing was given up unexpectedly   the dead letters are those that were expected
  LOG  one writer at a time                no stale writer, no input decided twice, no hole in any stream

First it waits until the fleet has nothing left to do. What is still under way then is listed, and is no violation
unless --complete is given. What can no longer come is one at once. A message that nobody of the fleet wrote is none once
`dlq discard` has written it off, provided that nobody has acted upon it. It only reads, and may run at any time.";

pub(super) const EXAMPLES: &str = "\
Examples:
  cargo fleet verify                              the fleet that `up` runs
  cargo fleet verify --complete --wait 120        everything must be done within two minutes
  cargo fleet verify --expect-dead-letters 1      after a poisoned message
  cargo fleet verify --json | jq '.checks[].violations'

Exit codes: 0 the promise holds, 1 it does not (the offending ids are printed) or could not be checked.";

/// Arguments of `verify`.
#[derive(Debug, ClapArgs)]
pub struct Args {
    #[command(flatten)]
    broker: ReachArgs,

    #[command(flatten)]
    gateway: Gateway,

    #[command(flatten)]
    audit: Audit,

    #[command(flatten)]
    inventory: Inventory,

    /// How long to wait until nothing is under way any more; 0 judges what is there now.
    #[arg(long, value_name = "SECONDS", default_value = "30", value_parser = seconds)]
    wait: Duration,

    /// Nothing may be under way any more: an open order is a violation.
    #[arg(long)]
    complete: bool,

    /// How many dead letters there should be that no operator has put back or discarded.
    #[arg(long, value_name = "N", default_value_t = 0)]
    expect_dead_letters: usize,
}

/// Verifies and tells.
pub(super) async fn run(args: Args, context: &Context) -> anyhow::Result<ExitCode> {
    let expected = Expectations {
        complete: args.complete,
        dead_letters: ExpectedDeadLetters::Count(args.expect_dead_letters),
        ..Expectations::default()
    };
    let target = Target {
        broker: args.broker,
        gateway_url: args.gateway.gateway_url,
        audit_url: args.audit.audit_url,
        inventory_url: args.inventory.inventory_url,
    };
    let report = context.unless_stopped(verify(&context.ui, &target, &expected, args.wait)).await?;
    tell(&context.ui, &report);
    Ok(if report.holds() { ExitCode::SUCCESS } else { ExitCode::FAILURE })
}

/// Verifies, showing how far it has come.
pub(super) async fn verify(
    ui: &Ui,
    target: &Target,
    expected: &Expectations,
    wait: Duration,
) -> anyhow::Result<Report> {
    let report = verify::run(target, expected, &Options { wait }, progress::teller(ui)).await;
    ui.done();
    report
}

/// Prints the report: one JSON object for programs, a page for people.
pub(super) fn tell(ui: &Ui, report: &Report) {
    if ui.is_json() {
        let mut object = serde_json::json!(report);
        object["holds"] = report.holds().into();
        ui.object(&object);
    } else {
        report::lines(report).into_iter().for_each(|line| ui.line(line));
    }
}

fn seconds(text: &str) -> Result<Duration, String> {
    match text.parse() {
        Ok(seconds @ 0..=86_400) => Ok(Duration::from_secs(seconds)),
        Ok(_) | Err(_) => Err("not a whole number of seconds from 0 to 86400".to_owned()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::commands::parsed;

    #[test]
    fn defaults_are_those_of_a_fleet_on_this_machine() -> Result<(), clap::Error> {
        let args = parsed::<Args>(&[])?;
        assert_eq!((args.wait, args.complete, args.expect_dead_letters), (Duration::from_secs(30), false, 0));
        Ok(())
    }

    #[test]
    fn every_flag_is_understood() -> Result<(), clap::Error> {
        let words = ["--complete", "--wait", "0", "--expect-dead-letters", "2", "--audit-url", "http://a"];
        let args: Args = parsed(&words)?;
        assert_eq!((args.wait, args.complete, args.expect_dead_letters), (Duration::ZERO, true, 2));
        assert_eq!(args.audit.audit_url, "http://a");
        for wrong in ["--wait=soon", "--wait=-1", "--wait=86401", "--expect-dead-letters=few"] {
            assert!(parsed::<Args>(&[wrong]).is_err(), "{wrong}");
        }
        Ok(())
    }
}
