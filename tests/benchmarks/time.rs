//! How long the hot functions take: `cargo bench -p tests --bench time --profile fast`, with `-- NAME` for some of them.
//!
//! For whoever works on one of them on a quiet machine. Nothing is checked: time is noisy, so CI counts instructions
//! instead (`instructions`).

mod cases;

use criterion::Criterion;

fn main() {
    let mut criterion = Criterion::default().configure_from_args();
    for case in cases::CASES {
        let mut work = (case.prepare)();
        (0..cases::WARM_UP).for_each(|_| work());
        criterion.bench_function(case.name, |bencher| bencher.iter(&mut work));
    }
    criterion.final_summary();
}
