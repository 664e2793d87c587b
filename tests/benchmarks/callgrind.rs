//! Runs this program under callgrind, and reads what it counted.

use std::{env, fs, process::Command};

use anyhow::{Context, bail, ensure};
use serde::{Deserialize, Serialize};

use crate::{CASES, TIMES};

/// What one case needs, done once.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
pub(crate) struct Count {
    /// Instructions of this program.
    pub(crate) instructions: u64,
    /// How often it asks for memory.
    pub(crate) allocations: u64,
}

/// How it asks.
const ALLOCATORS: [&str; 5] = ["malloc", "calloc", "realloc", "posix_memalign", "aligned_alloc"];
/// The function whose calls are counted, one after another, as callgrind spells it.
const MEASURED: &str = "instructions::measured";

/// Counts every case, in their order.
pub(crate) fn count(control: bool) -> anyhow::Result<Vec<Count>> {
    let program = env::current_exe()?.canonicalize()?;
    let dir = tempfile::tempdir()?;
    let out = dir.path().join("out");
    let mut valgrind = Command::new("valgrind");
    valgrind.args(["--tool=callgrind", "--quiet", "--compress-strings=no", "--compress-pos=no"]);
    valgrind.arg(format!("--callgrind-out-file={}", out.display()));
    // Counting begins and ends with the function, and what was counted so far is written when it ends.
    valgrind.args([format!("--toggle-collect={MEASURED}"), format!("--dump-after={MEASURED}")]);
    valgrind.arg(&program).arg("--counted").args(control.then_some("--control"));
    let ended = valgrind.status().context("cannot run valgrind; install it: apt-get install valgrind")?;
    ensure!(ended.success(), "the program under valgrind failed: {ended}");
    let part = |number: usize| dir.path().join(format!("out.{number}"));
    let counts = CASES.iter().enumerate().map(|(index, case)| {
        // The part before it is the warming up, and what it took to get ready: callgrind counts calls even then.
        let profile = fs::read_to_string(part(2 * index + 2))
            .with_context(|| format!("callgrind did not count `{}`", case.name))?;
        read(&profile, &program.display().to_string())
    });
    let counts = counts.collect::<anyhow::Result<Vec<_>>>()?;
    ensure!(!part(2 * CASES.len() + 1).exists(), "callgrind counted something else");
    Ok(counts)
}

/// Reads a profile in callgrind's format: who was called how often, and what each function cost without what it called.
fn read(profile: &str, program: &str) -> anyhow::Result<Count> {
    let (mut ours, mut allocations, mut all, mut totals) = (0, 0, 0, None);
    let (mut within, mut callee, mut is_call) = (false, "", false);
    for line in profile.lines() {
        if let Some(object) = line.strip_prefix("ob=") {
            within = object == program;
        } else if let Some(function) = line.strip_prefix("cfn=") {
            callee = function;
        } else if let Some(calls) = line.strip_prefix("calls=") {
            if within && ALLOCATORS.contains(&callee) {
                allocations += number(calls.split(' ').next())?;
            }
            is_call = true;
        } else if let Some(sum) = line.strip_prefix("totals: ") {
            totals = Some(number(Some(sum))?);
        } else if line.starts_with(|first: char| first.is_ascii_digit()) {
            // The line after a call holds what was called, which is counted where it stands itself.
            if !std::mem::take(&mut is_call) {
                let cost = number(line.split(' ').nth(1))?;
                all += cost;
                ours += if within { cost } else { 0 };
            }
        }
    }
    ensure!(totals == Some(all), "read {all} instructions where callgrind says {totals:?}");
    if ours < u64::from(TIMES) {
        bail!("no instruction of {program} was counted");
    }
    let once = |sum: u64| (sum + u64::from(TIMES) / 2) / u64::from(TIMES);
    Ok(Count { instructions: once(ours), allocations: once(allocations) })
}

fn number(text: Option<&str>) -> anyhow::Result<u64> {
    let text = text.unwrap_or_default();
    text.parse().with_context(|| format!("`{text}` in the profile is no number"))
}
