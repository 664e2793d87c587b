//! How many instructions the hot functions need, compared with the committed figures: unlike time, the count is the
//! same on a busy machine, so CI can tell by it that something became dearer.
//!
//! | what for | command |
//! |---|---|
//! | check | `cargo bench -p tests --bench instructions --profile fast` |
//! | renew the figures, after a change that is meant | the same with `UPDATE=1` before it |
//! | see that it finds what it is there for | the same with `-- --control` behind it |
//!
//! Needs valgrind, whose callgrind does the counting, and x86-64, which the figures in `instructions.json` are of.
//!
//! **What is counted**, for one time each case of `cases` is done: the instructions inside this program, and how often it
//! asks the C library for memory. The instructions of the C library itself are left out: which `memcpy` it takes
//! follows from the processor, and what `malloc` costs from its version. So of a copy the request for memory is seen
//! and the copying is not. What is left follows from the sources, `Cargo.lock`, `rust-toolchain.toml` and the profile,
//! incremental compilation included: without it other functions are inlined, which makes up to 9 %.
//!
//! **Other machines** can differ in little: where the processor has no AVX2, `memchr` searches otherwise. What valgrind
//! does not know (AVX-512, SHA) it hides from the program, so SHA-256 is always counted in plain code, and is cheaper
//! in truth. That the C library has to be left out was seen: with its SSE2 variants instead of those for AVX2 a case
//! needed 5 % fewer instructions altogether, and inside this program the very same. Hash maps draw their keys anew in
//! each run, which moves the cases that use any by less than 1 %.
//!
//! **Fails** when a case needs over [`figures::TOLERANCE`] more instructions than its figure says, or asks for memory
//! once more; also when a case has no figure or a figure no case. **Says** that a figure is to be renewed when a case
//! became as much cheaper: otherwise it could become dearer again unseen.

#![expect(
    clippy::print_stdout,
    clippy::print_stderr,
    reason = "it reports to whoever started it, as a test runner does"
)]

mod callgrind;
mod cases;
mod figures;

use std::{env, hint::black_box, path::Path, process::ExitCode};

use anyhow::ensure;
use clap::Parser;

use self::cases::{CASES, WARM_UP, Work};

/// How often a case is done while it is counted.
const TIMES: u32 = 200;

/// Counts the instructions of the hot functions, and compares them with the committed figures.
#[derive(Debug, Parser)]
#[command(name = "instructions", bin_name = "cargo bench -p tests --bench instructions --profile fast --")]
struct Args {
    /// Copy a few bytes in each case on purpose, and fail unless every case is found to need more
    #[arg(long)]
    control: bool,

    /// Do all cases, as the program that is counted
    #[arg(long, hide = true)]
    counted: bool,

    /// What `cargo bench` says to every benchmark
    #[arg(long, hide = true)]
    bench: bool,
}

fn main() -> ExitCode {
    let args = Args::parse();
    if args.counted {
        do_all(args.control);
        return ExitCode::SUCCESS;
    }
    match check(args.control) {
        Ok(true) => ExitCode::SUCCESS,
        Ok(false) => ExitCode::FAILURE,
        Err(error) => {
            eprintln!("error: {error:#}");
            ExitCode::from(2)
        }
    }
}

/// Whether all is well.
fn check(control: bool) -> anyhow::Result<bool> {
    comparable()?;
    if !cfg!(all(target_arch = "x86_64", target_os = "linux")) {
        println!("SKIPPED: the figures are of x86-64 and Linux; no instructions were counted");
        return Ok(true);
    }
    let counts = callgrind::count(control)?;
    if env::var_os("UPDATE").is_some() && !control {
        return figures::renew(counts).map(|()| true);
    }
    let verdicts = figures::compare(counts)?;
    verdicts.iter().for_each(|verdict| println!("{verdict}"));
    if control {
        return Ok(figures::all_found(&verdicts));
    }
    Ok(figures::all_well(&verdicts))
}

/// Whether this program was compiled as the figures want it.
fn comparable() -> anyhow::Result<()> {
    let program = env::current_exe()?;
    let profile = program.parent().and_then(Path::parent).and_then(Path::file_name);
    ensure!(
        profile.is_some_and(|name| name == "fast"),
        "the figures are of another profile; add: --profile fast"
    );
    let incremental = env::var("CARGO_INCREMENTAL");
    ensure!(
        incremental.is_err() || incremental.is_ok_and(|set| set == "1"),
        "the figures are of incremental compilation, as the profile has it; unset CARGO_INCREMENTAL"
    );
    Ok(())
}

/// Does every case in two calls to [`measured`]: of the first nothing is used.
fn do_all(control: bool) {
    for case in CASES {
        let work = (case.prepare)();
        let mut work = if control { with_a_copy(work) } else { work };
        measured(&mut work, WARM_UP);
        measured(&mut work, TIMES);
    }
}

/// The function that callgrind counts in; by name, so it has to be one.
#[inline(never)]
fn measured(work: &mut Work, times: u32) {
    (0..times).for_each(|_| work());
}

/// The same with a copy of a small body that nobody needs.
fn with_a_copy(mut work: Work) -> Work {
    let body = vec![b' '; 512];
    Box::new(move || {
        work();
        black_box(black_box(&body).clone());
    })
}
