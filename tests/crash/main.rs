//! The crash suite: the real processes under load, hurt in every way the promise speaks of, then verified.
//!
//! `cargo test -p tests --test crash --profile fast`, with `-- --help` for the rest. Each scenario is one function
//! in `scenarios`, each control the same function with a guard switched off: it has to fail.
//!
//! Compiled without optimisation the fleet does not reach the load that the scenarios are about, so the suite
//! then says so and does nothing: `cargo test --workspace` is not held up by it, and CI runs it as a step of its own.

mod cli;
mod disk;
mod postgres;
mod probe;
mod recovery;
mod report;
mod runner;
mod scenario;
mod scenarios;
mod stage;

use std::process::ExitCode;

fn main() -> ExitCode {
    runner::main()
}
