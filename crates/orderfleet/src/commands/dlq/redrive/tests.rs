//! The words of `dlq redrive`.

use super::*;
use crate::commands::parsed;

#[test]
fn everything_can_be_said() -> Result<(), clap::Error> {
    let words = "--cause exhausted --canary 3 --rate 0.5 --reason mended --operator alice --yes --timeout 5";
    let words: Vec<&str> = words.split(' ').collect();
    let args: Args = parsed(&words)?;
    assert_eq!((args.canary, args.rate, args.timeout), (Some(3), Some(0.5), 5));
    assert_eq!((args.reason.as_deref(), args.consent.operator().as_str()), (Some("mended"), "alice"));
    assert!(!args.dry_run && !args.again && !args.no_wait && !args.edit);
    Ok(())
}

#[test]
fn what_makes_no_sense_is_refused() {
    for words in [
        &["--canary", "0"][..],
        &["--canary", "1", "--no-wait"],
        &["--rate", "0"],
        &["--rate", "inf"],
        &["--rate", "NaN"],
        &["--edit", "--edit-with", "x"],
        &["--timeout", "0"],
    ] {
        assert!(parsed::<Args>(words).is_err(), "{words:?}");
    }
}
