//! Negative controls: without any one of its guards the fleet must break its promise, and be found out.

use std::time::Instant;

use clap::ValueEnum;

use crate::{
    campaign::at_once,
    cli::Args,
    pool::{self, Job},
    run::Outcome,
    sabotage::Guard,
};

/// Seeds within which the lack of any guard is found out.
const WITHIN: u64 = 200;

/// Runs without each guard in turn until that is found out; whether all were missed.
pub(crate) fn run(args: &Args) -> anyhow::Result<bool> {
    let mut all_missed = true;
    println!("{:<18} {:>10} {:>8}  what is found", "without", "red seed", "after");
    for guard in Guard::value_variants() {
        let began = Instant::now();
        let mut found: Option<Outcome> = None;
        let job = Job { from: args.from, seeds: WITHIN, at_once: at_once(args), off: Some(*guard) };
        let mut unsound = None;
        pool::run(job, |outcome| {
            if !outcome.violations.is_empty() && found.as_ref().is_none_or(|red| red.seed > outcome.seed) {
                match pool::one(outcome.seed, None) {
                    // What fails with all guards says nothing about this one.
                    Ok(sound) if sound.violations.is_empty() => found = Some(outcome),
                    Ok(_) => {}
                    Err(error) => unsound = Some(error),
                }
            }
            found.is_none() && unsound.is_none()
        })?;
        if let Some(error) = unsound {
            return Err(error);
        }
        let (seed, what) = match &found {
            Some(red) => (red.seed.to_string(), red.violations.first().cloned().unwrap_or_default()),
            None => ("-".to_owned(), format!("NOTHING in {WITHIN} seeds")),
        };
        all_missed &= found.is_some();
        let what: String = what.chars().take(110).collect();
        println!("{:<18} {seed:>10} {:>6.1} s  {what}", guard.name(), began.elapsed().as_secs_f64());
    }
    Ok(all_missed)
}
