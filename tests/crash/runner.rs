//! Runs scenarios one after another: each has the machine to itself, and its own runtime, so that nothing outlives it.

use std::{any::Any, process::ExitCode, thread, time::Instant};

use anyhow::{Context, anyhow, bail};
use clap::Parser;
use tokio::{
    runtime::Runtime,
    signal::unix::{SignalKind, signal},
};

use crate::{
    cli::Cli,
    report::{self, Row, say},
    scenario::{Control, Outcome, Scale, Scenario},
    scenarios,
};

/// What a program exits with that was interrupted.
const INTERRUPTED: u8 = 130;
/// What a program exits with that was called wrongly.
const USAGE: u8 = 2;

/// The suite was told to stop.
#[derive(Debug, thiserror::Error)]
#[error("interrupted")]
struct Interrupted;

/// Does what the command line asks for.
pub(crate) fn main() -> ExitCode {
    if cfg!(debug_assertions) && !std::env::args().any(|argument| argument == "--list") {
        say("the crash suite was NOT RUN: it needs an optimised build to reach its load.");
        say("run it with: cargo test -p tests --test crash --profile fast");
        return ExitCode::SUCCESS;
    }
    let cli = Cli::parse();
    match chosen(&cli) {
        Err(error) => {
            say(format_args!("{error:#}"));
            ExitCode::from(USAGE)
        }
        Ok(chosen) if cli.list => {
            chosen
                .iter()
                .for_each(|(scenario, _)| say(format_args!("{:<44} {}", scenario.name, scenario.fault)));
            ExitCode::SUCCESS
        }
        Ok(chosen) => run(&cli, &chosen),
    }
}

/// What to run, each with the words of its failure if it has to fail.
fn chosen(cli: &Cli) -> anyhow::Result<Vec<(&'static Scenario, Option<&'static str>)>> {
    let all: Vec<_> = if cli.controls {
        scenarios::CONTROLS.iter().map(|Control { scenario, red }| (scenario, Some(*red))).collect()
    } else {
        scenarios::ALL.iter().map(|scenario| (scenario, None)).collect()
    };
    let known = |name: &String| all.iter().any(|(scenario, _)| scenario.name == *name);
    if let Some(unknown) = cli.names.iter().find(|name| !known(name)) {
        bail!("there is no scenario {unknown:?}; --list says which there are");
    }
    let wanted =
        |scenario: &Scenario| cli.names.is_empty() || cli.names.iter().any(|name| name == scenario.name);
    Ok(all.into_iter().filter(|(scenario, _)| wanted(scenario)).collect())
}

fn run(cli: &Cli, chosen: &[(&'static Scenario, Option<&'static str>)]) -> ExitCode {
    let scale = Scale { factor: if cli.long { 5 } else { 1 } };
    let mut rows = Vec::new();
    for (number, (scenario, red)) in chosen.iter().enumerate() {
        say(format_args!("\n=== {} ({} of {}): {}", scenario.name, number + 1, chosen.len(), scenario.fault));
        let started = Instant::now();
        let outcome = run_one(scenario, scale);
        if outcome.as_ref().is_err_and(|error| error.is::<Interrupted>()) {
            return ExitCode::from(INTERRUPTED);
        }
        let outcome = match red {
            Some(words) => must_fail(outcome, words),
            None => outcome,
        };
        let row = Row { name: scenario.name, fault: scenario.fault, took: started.elapsed(), outcome };
        row.tell();
        rows.push(row);
    }
    let well = report::table(&rows);
    let written = cli.json.as_ref().map_or(Ok(()), |path| report::write(&rows, path));
    if let Err(error) = &written {
        say(format_args!("{error:#}"));
    }
    if well && written.is_ok() { ExitCode::SUCCESS } else { ExitCode::FAILURE }
}

/// On a thread of its own, so that a panic in it is a failure of this scenario alone. An interrupt drops it, and with
/// it every process and disk it holds.
fn run_one(scenario: &'static Scenario, scale: Scale) -> anyhow::Result<Outcome> {
    let work = move || -> anyhow::Result<Outcome> {
        Runtime::new()?.block_on(async {
            let mut terminate = signal(SignalKind::terminate())?;
            tokio::select! {
                outcome = (scenario.run)(scale) => outcome,
                _ = tokio::signal::ctrl_c() => Err(Interrupted.into()),
                _ = terminate.recv() => Err(Interrupted.into()),
            }
        })
    };
    let thread = thread::Builder::new().name(scenario.name.to_owned()).spawn(work);
    let ended = thread.context("cannot start a thread")?.join();
    ended.unwrap_or_else(|panic| Err(anyhow!("it panicked: {}", words_of(&*panic))))
}

fn words_of(panic: &(dyn Any + Send)) -> &str {
    let text = panic.downcast_ref::<String>().map(String::as_str);
    text.or_else(|| panic.downcast_ref::<&str>().copied()).unwrap_or("without a word")
}

/// A control passes by failing in the way that its missing guard was there to prevent.
fn must_fail(outcome: anyhow::Result<Outcome>, words: &str) -> anyhow::Result<Outcome> {
    match outcome {
        Ok(Outcome::Held(_)) => bail!("nothing went wrong although the guard was off"),
        Ok(skipped @ Outcome::Skipped(_)) => Ok(skipped),
        Err(error) => {
            let said = format!("{error:#}");
            if !said.contains(words) {
                bail!("it went wrong, but not by {words:?}: {said}");
            }
            let first = said.lines().next().unwrap_or_default().to_owned();
            Ok(Outcome::Held(crate::scenario::Figures {
                notes: vec![format!("red, as it has to be: {first}")],
                ..Default::default()
            }))
        }
    }
}
