//! Runs seeds in processes of their own, several at once, and hands their outcomes on as they come.

use std::{
    process::{Command, Stdio},
    sync::{
        Mutex, PoisonError,
        atomic::{AtomicBool, AtomicU64, Ordering},
        mpsc,
    },
    thread,
};

use anyhow::Context;

use crate::{run::Outcome, sabotage::Guard};

/// Every so many seeds one is run twice, and must come to the same.
const AGAIN: u64 = 10;

/// Which seeds to run, and how.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Job {
    pub(crate) from: u64,
    pub(crate) seeds: u64,
    pub(crate) at_once: usize,
    pub(crate) off: Option<Guard>,
}

/// Runs the seeds; `take` is given each outcome in no particular order, and says whether to go on.
pub(crate) fn run(job: Job, mut take: impl FnMut(Outcome) -> bool) -> anyhow::Result<()> {
    let (next, over) = (AtomicU64::new(job.from), AtomicBool::new(false));
    let failure = Mutex::new(None);
    let (tell, told) = mpsc::sync_channel(job.at_once);
    thread::scope(|scope| {
        for _ in 0..job.at_once {
            let (tell, next, over, failure) = (tell.clone(), &next, &over, &failure);
            scope.spawn(move || {
                while !over.load(Ordering::Relaxed) {
                    let seed = next.fetch_add(1, Ordering::Relaxed);
                    if seed >= job.from.saturating_add(job.seeds) {
                        break;
                    }
                    match run_again(seed, job.off) {
                        Ok(outcome) => {
                            // Nobody listens any more when the seeds are over.
                            let _over = tell.send(outcome);
                        }
                        Err(error) => {
                            over.store(true, Ordering::Relaxed);
                            failure.lock().unwrap_or_else(PoisonError::into_inner).get_or_insert(error);
                        }
                    }
                }
            });
        }
        drop(tell);
        for outcome in told {
            if !take(outcome) {
                over.store(true, Ordering::Relaxed);
            }
        }
    });
    failure.into_inner().unwrap_or_else(PoisonError::into_inner).map_or(Ok(()), Err)
}

/// Runs one seed, some of them twice: a replay that shows something else than what failed would be worth nothing.
fn run_again(seed: u64, off: Option<Guard>) -> anyhow::Result<Outcome> {
    let mut outcome = one(seed, off)?;
    if off.is_none() && seed.is_multiple_of(AGAIN) {
        let second = one(seed, off)?;
        if second.fingerprint != outcome.fingerprint || second.violations != outcome.violations {
            outcome.violations.push("SEED: run twice, it came to two different stories".to_owned());
        }
    }
    Ok(outcome)
}

/// Runs one seed.
pub(crate) fn one(seed: u64, off: Option<Guard>) -> anyhow::Result<Outcome> {
    let program = std::env::current_exe().context("cannot find this program")?;
    let mut command = Command::new(program);
    command.args(["--json", "--seed", &seed.to_string()]).stderr(Stdio::piped());
    if let Some(guard) = off {
        command.args(["--sabotage", &guard.name()]);
    }
    let done = command.output().with_context(|| format!("cannot run seed {seed}"))?;
    serde_json::from_slice(&done.stdout).with_context(|| {
        format!(
            "seed {seed} ended without an outcome ({}): {}",
            done.status,
            String::from_utf8_lossy(&done.stderr)
        )
    })
}
