//! The committed figures, and what a count is beside them.

use std::{collections::BTreeMap, fmt, fs, path::PathBuf};

use anyhow::Context;

use crate::{CASES, callgrind::Count};

/// By which part a case may differ from its figure in instructions: what is moved by a new order of the same code,
/// and far less than what a copy or a second look at something costs. In requests for memory it may not differ.
pub(crate) const TOLERANCE: f64 = 0.05;

/// What was counted of one case, and what was expected.
pub(crate) struct Verdict {
    name: String,
    now: Option<Count>,
    figure: Option<Count>,
}

#[derive(Debug, PartialEq, Eq)]
enum Outcome {
    Same,
    Cheaper,
    Dearer,
    /// A case without a figure, or a figure without a case.
    Unmatched,
}

/// Where the figures are.
fn path() -> PathBuf {
    [env!("CARGO_MANIFEST_DIR"), "benchmarks", "instructions.json"].iter().collect()
}

/// Writes the counts down as the new figures.
pub(crate) fn renew(counts: Vec<Count>) -> anyhow::Result<()> {
    let figures: BTreeMap<_, _> = CASES.iter().map(|case| case.name).zip(counts).collect();
    let text = serde_json::to_string_pretty(&figures)? + "\n";
    fs::write(path(), text).with_context(|| format!("cannot write {}", path().display()))?;
    println!("the figures of {} cases are renewed: {}", figures.len(), path().display());
    Ok(())
}

/// Holds the counts against the figures.
pub(crate) fn compare(counts: Vec<Count>) -> anyhow::Result<Vec<Verdict>> {
    let text = fs::read_to_string(path()).with_context(|| format!("cannot read {}", path().display()))?;
    let mut figures: BTreeMap<String, Count> =
        serde_json::from_str(&text).with_context(|| format!("{} is no list of figures", path().display()))?;
    let cases = CASES.iter().zip(counts).map(|(case, now)| Verdict {
        name: case.name.to_owned(),
        now: Some(now),
        figure: figures.remove(case.name),
    });
    let mut verdicts: Vec<_> = cases.collect();
    let left = figures.into_iter();
    verdicts.extend(left.map(|(name, figure)| Verdict { name, now: None, figure: Some(figure) }));
    Ok(verdicts)
}

/// Whether nothing became dearer. Says what to do otherwise.
pub(crate) fn all_well(verdicts: &[Verdict]) -> bool {
    let any = |wanted: Outcome| verdicts.iter().any(|verdict| verdict.outcome() == wanted);
    let command = "UPDATE=1 cargo bench -p tests --bench instructions --profile fast";
    if any(Outcome::Cheaper) {
        println!("cheaper than the figures say; renew them, so that it stays so: {command}");
    }
    let bad = any(Outcome::Dearer) || any(Outcome::Unmatched);
    if bad {
        println!(
            "FAILED: undo what made it dearer, or renew the figures and say why it has to be: {command}"
        );
    }
    !bad
}

/// Whether the copy was found that was added to every case.
pub(crate) fn all_found(verdicts: &[Verdict]) -> bool {
    let missed = verdicts.iter().filter(|verdict| verdict.outcome() != Outcome::Dearer).count();
    match missed {
        0 => println!("found out in every case, as it has to be"),
        missed => println!("FAILED: in {missed} cases an additional copy was not found out"),
    }
    missed == 0
}

impl Verdict {
    fn outcome(&self) -> Outcome {
        let (Some(now), Some(figure)) = (self.now, self.figure) else { return Outcome::Unmatched };
        let change = change(now, figure);
        if change > TOLERANCE || now.allocations > figure.allocations {
            Outcome::Dearer
        } else if change < -TOLERANCE || now.allocations < figure.allocations {
            Outcome::Cheaper
        } else {
            Outcome::Same
        }
    }
}

/// By which part the instructions differ.
fn change(now: Count, figure: Count) -> f64 {
    #[expect(clippy::cast_precision_loss, reason = "counts of thousands")]
    let (now, figure) = (now.instructions as f64, figure.instructions as f64);
    now / figure - 1.0
}

impl fmt::Display for Verdict {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:<44}", self.name)?;
        let (now, figure) = match (self.now, self.figure) {
            (Some(now), Some(figure)) => (now, figure),
            (Some(_), None) => return write!(f, "NO FIGURE"),
            (None, _) => return write!(f, "NO SUCH CASE"),
        };
        let (percent, word) = (
            100.0 * change(now, figure),
            match self.outcome() {
                Outcome::Dearer | Outcome::Unmatched => "DEARER",
                Outcome::Cheaper => "cheaper",
                Outcome::Same => "",
            },
        );
        let Count { instructions, allocations } = now;
        write!(f, "{instructions:>9} instructions {percent:>+6.1} %, {allocations:>4} allocations")?;
        write!(f, " {:>+3} {word}", allocations.cast_signed() - figure.allocations.cast_signed())
    }
}
