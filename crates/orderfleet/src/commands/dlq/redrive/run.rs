//! Putting letters back: in order, at a pace, the canaries first, until all are handled.

use std::{process::ExitCode, time::Duration};

use messaging::dead_letter::State;
use serde_json::json;
use tokio::time::{Instant, Interval, MissedTickBehavior, interval};

use super::{
    super::{
        desk::Desk,
        send::{self, PutBack},
        settle::{Outcome, Sent, settle},
        words::{letters, now},
    },
    plan::Plan,
};
use crate::{commands::Context, fleet::Cancelled};

/// A run of the command.
pub(super) struct Run<'a> {
    desk: &'a mut Desk,
    plan: Plan<'a>,
    context: &'a Context,
    /// Whatever has become of a letter, it goes back.
    again: bool,
    pace: Option<Interval>,
    sent: Vec<Sent>,
    /// How many of those are known to be handled or given up again.
    settled: usize,
    refused: usize,
    failed: usize,
    waiting: usize,
}

/// Tells one run from another.
pub(super) fn id() -> String {
    let parts = [runtime::host_name(), std::process::id().to_string(), now().to_string()];
    events::ids::derive(&parts.each_ref().map(String::as_str)).to_string()
}

impl<'a> Run<'a> {
    pub(super) fn new(desk: &'a mut Desk, plan: Plan<'a>, context: &'a Context, again: bool) -> Self {
        let (sent, settled, refused, failed, waiting) = (Vec::new(), 0, 0, 0, 0);
        Self { desk, plan, context, again, pace: None, sent, settled, refused, failed, waiting }
    }

    /// At most so many per second.
    pub(super) fn pace(&mut self, rate: Option<f64>) {
        self.pace = rate.map(|rate| {
            let mut pace = interval(Duration::from_secs_f64(1.0 / rate));
            pace.set_missed_tick_behavior(MissedTickBehavior::Delay);
            pace
        });
    }

    /// Puts all of them back and waits, `patience` permitting, until they are handled.
    pub(super) async fn everything(
        &mut self,
        chosen: &[u64],
        canaries: u64,
        patience: Option<Duration>,
    ) -> anyhow::Result<ExitCode> {
        let outcome = self.in_turn(chosen, canaries, patience).await;
        self.context.ui.done();
        if outcome.as_ref().is_err_and(|error| error.is::<Cancelled>()) {
            let (sent, all) = (self.sent.len(), chosen.len());
            self.context
                .ui
                .warn(format_args!("interrupted: {sent} of {all} were put back, the rest was not touched"));
        }
        outcome?;
        self.tell_summary(patience);
        let good = self.refused == 0 && self.failed == 0 && self.waiting == 0;
        Ok(if good { ExitCode::SUCCESS } else { ExitCode::FAILURE })
    }

    async fn in_turn(
        &mut self,
        chosen: &[u64],
        canaries: u64,
        patience: Option<Duration>,
    ) -> anyhow::Result<()> {
        let bar = self.context.ui.progress(chosen.len() as u64, "putting messages back");
        for (index, letter) in chosen.iter().enumerate() {
            self.one(*letter).await?;
            bar.at(index as u64 + 1);
            let is_last_canary = canaries > 0 && self.sent.len() as u64 == canaries && self.settled == 0;
            if let (true, Some(patience)) = (is_last_canary, patience) {
                self.wait(patience).await?;
                if self.failed + self.waiting > 0 {
                    let left = letters(chosen.len() - index - 1);
                    self.context.ui.warn(format_args!("not all canaries succeeded: {left} not touched"));
                    return Ok(());
                }
            }
        }
        bar.done();
        match patience {
            Some(patience) => self.wait(patience).await,
            None => Ok(()),
        }
    }

    /// Puts one letter back, unless somebody else has seen to it meanwhile.
    async fn one(&mut self, letter: u64) -> anyhow::Result<()> {
        let stop = &self.context.stop;
        if let Some(pace) = &mut self.pace {
            stop.run_until_cancelled(pace.tick()).await;
        }
        if stop.is_cancelled() {
            return Err(Cancelled.into());
        }
        self.desk.look_again().await?;
        let state = self.desk.book.entry(letter).map_or(State::Open, |entry| entry.state());
        if state != State::Open && !self.again {
            self.somebody_else(letter, state.as_str());
            return Ok(());
        }
        match self.plan.message(self.desk, letter).await? {
            Ok(message) => {
                let put_back = send::put_back(&self.desk.js, &message, self.plan.run).await?;
                self.stored(letter, &put_back).await
            }
            Err(refusal) => {
                self.refused += 1;
                refusal.tell(letter, &self.context.ui);
                Ok(())
            }
        }
    }

    async fn stored(&mut self, letter: u64, put_back: &PutBack) -> anyhow::Result<()> {
        let PutBack { redrive, by_somebody_else, .. } = put_back;
        if *by_somebody_else {
            self.somebody_else(letter, State::Redriven.as_str());
            return Ok(());
        }
        if let Some(entry) = self.desk.book.entry(letter) {
            send::tell_redriven(&self.desk.js, entry.letter, put_back).await?;
        }
        let (redrive, consumer) = (redrive.sequence, redrive.consumer.clone());
        self.context.ui.object(
            &json!({"letter": letter, "action": "put_back", "redrive": redrive, "consumer": consumer}),
        );
        self.sent.push(Sent { letter, redrive, consumer });
        Ok(())
    }

    fn somebody_else(&self, letter: u64, state: &str) {
        let ui = &self.context.ui;
        ui.object(&json!({"letter": letter, "action": "skipped", "state": state}));
        if state == State::Redriven.as_str() {
            ui.note(format_args!("letter {letter}: somebody else has just put it back"));
        } else {
            ui.note(format_args!("letter {letter}: somebody else has just discarded it"));
        }
    }

    /// Waits until what was put back since the last time is handled, and tells what came of it.
    async fn wait(&mut self, patience: Duration) -> anyhow::Result<()> {
        let sent = self.sent.get(self.settled..).unwrap_or_default().to_vec();
        if sent.is_empty() {
            return Ok(());
        }
        let bar = self.context.ui.progress(sent.len() as u64, "waiting until they are handled");
        let started = Instant::now();
        let settling = settle(self.desk, &sent, patience, |count| bar.at(count as u64));
        let outcomes = self.context.unless_stopped(settling).await?;
        bar.done();
        self.settled = self.sent.len();
        for (sent, outcome) in sent.iter().zip(outcomes) {
            self.tell(sent, &outcome, started.elapsed());
        }
        Ok(())
    }

    fn tell(&mut self, sent: &Sent, outcome: &Outcome, waited: Duration) {
        let ui = &self.context.ui;
        let Sent { letter, redrive, consumer } = sent;
        match outcome {
            Outcome::Handled => ui.object(&json!({"letter": letter, "action": "handled"})),
            Outcome::FailedAgain { letter: new, cause, error } => {
                self.failed += 1;
                ui.object(&json!({
                    "letter": letter, "action": "failed_again", "new_letter": new, "cause": cause, "error": error,
                }));
                ui.warn(format_args!(
                    "letter {letter} was given up again, as letter {new} ({cause}): {error}"
                ));
            }
            Outcome::Waiting => {
                self.waiting += 1;
                ui.object(&json!({"letter": letter, "action": "waiting", "redrive": redrive}));
                ui.warn(format_args!(
                    "letter {letter} was not handled within {} s: is the service of {consumer} running? \
                     Nothing is lost: it stays in REDRIVE ({redrive}) until it is",
                    waited.as_secs()
                ));
            }
        }
    }

    fn tell_summary(&self, patience: Option<Duration>) {
        let sent = self.sent.len();
        let done = sent - self.failed - self.waiting;
        let ui = &self.context.ui;
        let refused = if self.refused > 0 { format!("; {} refused", self.refused) } else { String::new() };
        match patience {
            None => ui.say(format_args!("{} put back{refused}.", letters(sent))),
            Some(_) => ui.say(format_args!(
                "{} put back: {done} handled, {} given up again, {} waiting{refused}.",
                letters(sent),
                self.failed,
                self.waiting
            )),
        }
    }
}
