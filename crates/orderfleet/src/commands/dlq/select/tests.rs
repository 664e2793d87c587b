//! Which letters a selection means.

use messaging::{
    dead_letter::{self, Letter},
    headers::{Headers, MSG_ID},
    log::Stored,
};

use super::*;
use crate::commands::parsed;

const ORDER: &str = "0198c0de-7a11-7c3e-9b5d-2f6a1e8d4c70";

/// A letter of payment-charge about INVENTORY, as many seconds after 1970 as its number.
fn letter(number: u64, cause: &str, service: &str, body: &str) -> Stored {
    let mut headers = Headers::new();
    headers.set(MSG_ID, format!("dead:payment-charge:INVENTORY:{}", number + 100));
    headers.set(dead_letter::CAUSE, cause);
    headers.set(dead_letter::CONSUMER, "payment-charge");
    headers.set(dead_letter::ORIGINAL_STREAM, "INVENTORY");
    headers.set(dead_letter::ORIGINAL_SEQUENCE, (number + 100).to_string());
    let seconds = i64::try_from(number).expect("a small number");
    Stored {
        sequence: number,
        timestamp: Timestamp(seconds * 1_000_000),
        subject: format!("dead_letters.{service}"),
        headers,
        payload: body.to_owned().into(),
    }
}

fn book() -> LetterBook<Filed> {
    let mut book = LetterBook::default();
    for message in [
        letter(1, "rejected", "payment-service", &format!(r#"{{"aggregate_id":"{ORDER}"}}"#)),
        letter(2, "exhausted", "payment-service", "no event"),
        letter(3, "exhausted", "order-service", &format!(r#"{{"data":{{"order_id":"{ORDER}"}}}}"#)),
    ] {
        book.read(&message, |letter: Letter| Filed::of(letter, &message));
    }
    book
}

fn selected(words: &[&str]) -> Vec<u64> {
    let selection: Selection = parsed(words).expect("they are understood");
    selection.of(&book(), |_| true).iter().map(|entry| entry.sequence).collect()
}

#[test]
fn a_letter_meets_every_condition() {
    for (words, meant) in [
        (&["--all"][..], &[1, 2, 3][..]),
        (&["--id", "2"], &[2]),
        (&["--id", "1,3"], &[1, 3]),
        (&["--id", "inventory:103", "--id", "1"], &[1, 3]),
        (&["--cause", "exhausted"], &[2, 3]),
        (&["--service", "order-service"], &[3]),
        (&["--cause", "exhausted", "--service", "payment-service"], &[2]),
        (&["--consumer", "payment-charge"], &[1, 2, 3]),
        (&["--consumer", "ORDERS"], &[]),
        (&["--order", ORDER], &[1, 3]),
        (&["--since", "1970-01-01T00:00:02Z"], &[2, 3]),
        (&["--until", "1970-01-01T00:00:02Z"], &[1]),
        (&["--since", "1h"], &[]),
    ] {
        assert_eq!(selected(words), meant, "{words:?}");
    }
}

#[test]
fn the_state_that_is_wanted_is_asked_for() {
    let all: Selection = parsed(&["--all"]).expect("it is understood");
    assert_eq!(all.of(&book(), |state| state == State::Redriven).len(), 0);
    assert_eq!(all.of(&book(), |state| state == State::Open).len(), 3);
}

#[test]
fn whoever_means_all_says_so() {
    let nothing: Selection = parsed(&[]).expect("it is understood");
    let told = nothing.must_say_which().map_err(|misuse| misuse.to_string());
    assert!(told.is_err_and(|told| told.contains("--id 17") && told.contains("--all")));
    for words in [&["--all"][..], &["--cause", "x"], &["--id", "1"], &["--since", "1h"], &["--order", ORDER]]
    {
        let selection: Selection = parsed(words).expect("it is understood");
        assert!(selection.must_say_which().is_ok(), "{words:?}");
    }
}

#[test]
fn names_that_nobody_has_are_told() {
    let selection: Selection = parsed(&["--id", "1,9,ORDERS:101"]).expect("they are understood");
    let refused = selection.must_exist(&book()).map_err(|error| error.to_string());
    assert_eq!(refused, Err("there is no dead letter 9, ORDERS:101".to_owned()));
    let known: Selection = parsed(&["--id", "1"]).expect("it is understood");
    assert!(known.must_exist(&book()).is_ok());
}

#[test]
fn what_no_letter_could_ever_have_is_a_slip_and_taught() {
    let told = |words: &[&str]| {
        let selection: Selection = parsed(words).expect("they are understood");
        selection.must_be_possible(&book()).map_err(|misuse| misuse.to_string())
    };
    let slip = told(&["--cause", "exausted"]);
    let causes = "crashed, exhausted, foreign, max_deliveries, panicked, rejected, terminated, undecodable";
    assert_eq!(slip, Err(format!("no letter can have the cause `exausted`; there are {causes}")));
    assert!(told(&["--service", "payment"]).is_err_and(|told| told.contains("payment-service")));
    assert!(told(&["--consumer", "orders"]).is_err_and(|told| told.contains("INVENTORY, ORDERS")));
    // No letter has it today.
    for words in [["--cause", "panicked"], ["--service", "inventory-service"], ["--consumer", "ORDERS"]] {
        assert_eq!(told(&words), Ok(()), "{words:?}");
    }
}

#[test]
fn what_only_an_older_version_wrote_can_be_asked_for() {
    let message = letter(1, "misread", "tax-service", "no event");
    let mut book = LetterBook::default();
    book.read(&message, |letter: Letter| Filed::of(letter, &message));
    for words in [["--cause", "misread"], ["--service", "tax-service"]] {
        let selection: Selection = parsed(&words).expect("they are understood");
        assert!(selection.must_be_possible(&book).is_ok(), "{words:?}");
    }
}

#[test]
fn what_makes_no_sense_is_refused() {
    for words in
        [["--id", "x"], ["--id", "ORDERS:"], ["--order", "7"], ["--since", "soon"], ["--until", "5y"]]
    {
        assert!(parsed::<Selection>(&words).is_err(), "{words:?}");
    }
}
