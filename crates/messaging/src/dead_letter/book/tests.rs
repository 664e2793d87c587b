//! The fold of letters: what was done about each, in whatever order it is read.

use events::{Envelope, EventData, TraceId, ids::derive};
use uuid::Uuid;

use super::*;
use crate::{
    dead_letter::{self, Body, Contents, redrive},
    headers::{Headers, MSG_ID},
    log::Message,
};

fn stored(sequence: u64, at: i64, message: Message) -> Stored {
    let Message { subject, headers, payload } = message;
    Stored { sequence, timestamp: Timestamp(at), subject, headers, payload }
}

/// A letter about a message that payment-charge has given up.
fn letter(sequence: u64, stream: &str, original: u64) -> Stored {
    let mut headers = Headers::new();
    headers.set(MSG_ID, format!("dead:payment-charge:{stream}:{original}"));
    headers.set(dead_letter::CONSUMER, "payment-charge");
    headers.set(dead_letter::CAUSE, "rejected");
    headers.set(dead_letter::ATTEMPTS, "3");
    headers.set(dead_letter::FIRST_FAILURE, "2026-01-01T00:00:05.000028Z");
    headers.set(dead_letter::ORIGINAL_STREAM, stream);
    headers.set(dead_letter::ORIGINAL_SEQUENCE, original.to_string());
    headers.set(dead_letter::ORIGINAL_HEADERS, r#"{"Nats-Msg-Id":["x"],"Fleet-Epoch":["4"]}"#);
    let subject = "dead_letters.payment-service".to_owned();
    stored(sequence, 10, Message { subject, headers, payload: "{}".into() })
}

fn order(number: u64) -> redrive::Order<'static> {
    redrive::Order { number, operator: "alice", reason: None, run: "r", edited: false }
}

/// A letter's message, put back.
fn put_back(sequence: u64, at: i64, letter: &Stored, number: u64) -> Stored {
    let read = Letter::of(letter).expect("it is a letter");
    let contents = Contents::of(letter);
    stored(sequence, at, redrive::message(&read, &contents, letter.payload.clone(), &order(number)))
}

fn event<D: EventData>(sequence: u64, at: i64, data: D) -> Stored {
    let envelope = Envelope {
        id: derive(&["test"]),
        kind: D::TYPE.into(),
        version: D::VERSION,
        aggregate_id: data.aggregate_id().into(),
        timestamp: Timestamp(at),
        trace_id: TraceId::default(),
        causation_id: Uuid::nil(),
        data: &data,
    };
    let payload = envelope.to_body().into();
    stored(sequence, at, Message { subject: D::TYPE.to_owned(), headers: Headers::new(), payload })
}

fn redriven(sequence: u64, at: i64, letter: u64, redrive: u64) -> Stored {
    let (operator, about) = ("alice".to_owned(), "x".to_owned());
    let (consumer, cause) = ("payment-charge".to_owned(), "rejected".to_owned());
    let (order_id, reason, edited) = (None, None, false);
    event(
        sequence,
        at,
        LetterRedriven { letter, consumer, cause, about, order_id, operator, reason, redrive, edited },
    )
}

fn discarded(sequence: u64, at: i64, letter: u64) -> Stored {
    let (operator, about, reason) = ("alice".to_owned(), "x".to_owned(), "why not".to_owned());
    let (consumer, cause, order_id) = ("payment-charge".to_owned(), "rejected".to_owned(), None);
    event(sequence, at, LetterDiscarded { letter, consumer, cause, about, order_id, operator, reason })
}

fn fold(letters: &[Stored], redrives: &[Stored]) -> LetterBook<Letter> {
    let mut book = LetterBook::default();
    letters.iter().for_each(|message| book.read(message, |letter| letter));
    redrives.iter().for_each(|message| book.read_redrive(message));
    book
}

fn state(book: &LetterBook<Letter>, sequence: u64) -> State {
    book.entry(sequence).expect("the letter is in the book").state()
}

#[test]
fn a_letter_reads_back_as_what_was_parked() {
    let message = letter(7, "INVENTORY", 4);
    let read = Letter::of(&message).expect("it is a letter");
    assert_eq!((read.sequence, read.attempts, read.service.as_str()), (7, 3, "payment-service"));
    assert_eq!((read.id.as_str(), read.cause.as_str()), ("dead:payment-charge:INVENTORY:4", "rejected"));
    assert_eq!(read.first_failure.map(|at| at.to_string()).as_deref(), Some("2026-01-01T00:00:05.000028Z"));
    assert_eq!(read.original.to_string(), "INVENTORY:4");
    let contents = Contents::of(&message);
    assert_eq!((contents.headers["Fleet-Epoch"][0].as_str(), contents.body), ("4", Body::Kept("{}".into())));
}

#[test]
fn what_operators_say_is_no_letter() {
    let book = fold(&[letter(1, "INVENTORY", 4), redriven(2, 20, 1, 1), discarded(3, 30, 1)], &[]);
    assert_eq!(book.entries().count(), 1);
    assert!(Letter::of(&redriven(2, 20, 1, 1)).is_none() && Letter::of(&discarded(3, 30, 1)).is_none());
}

#[test]
fn a_letter_is_put_back_as_soon_as_its_message_is() {
    let first = letter(1, "INVENTORY", 4);
    assert_eq!(state(&fold(std::slice::from_ref(&first), &[]), 1), State::Open);
    let back = [put_back(1, 20, &first, 1)];
    let book = fold(std::slice::from_ref(&first), &back);
    assert_eq!(state(&book, 1), State::Redriven, "its event may never come");
    let entry = book.entry(1).expect("it is there");
    assert!(entry.attempts[&1].event.is_none() && entry.next_number() == 2);
    // Once its message has aged out, the event alone is left.
    assert_eq!(state(&fold(&[first.clone(), redriven(2, 21, 1, 1)], &[]), 1), State::Redriven);
    // Both tell of the same redrive.
    let book = fold(&[first, redriven(2, 21, 1, 1)], &back);
    assert_eq!(book.entry(1).map(|entry| entry.next_number()), Some(2));
}

#[test]
fn what_was_done_last_counts_whichever_stream_is_read_first() {
    let first = letter(1, "INVENTORY", 4);
    let late = put_back(1, 40, &first, 1);
    let mut book = fold(&[], std::slice::from_ref(&late));
    assert_eq!(book.entries().count(), 0, "what was put back is no letter");
    for message in [&first, &discarded(2, 30, 1)] {
        book.read(message, |letter| letter);
    }
    assert_eq!(state(&book, 1), State::Redriven);
    book.read(&discarded(3, 50, 1), |letter| letter);
    assert_eq!(state(&book, 1), State::Discarded);
    // Reading a part again changes nothing.
    book.read(&first, |letter| letter);
    book.read_redrive(&late);
    assert_eq!((state(&book, 1), book.entries().count()), (State::Discarded, 1));
}

#[test]
fn a_message_parked_again_after_the_broker_forgot_is_the_same_letter() {
    let (first, again) = (letter(1, "INVENTORY", 4), letter(9, "INVENTORY", 4));
    let back = put_back(1, 20, &again, 1);
    let book = fold(&[first, again], &[back]);
    let entry = book.entry(9).expect("the copy leads to the letter");
    assert_eq!((entry.sequence, entry.copies, entry.state()), (1, &[9][..], State::Redriven));
    assert_eq!(book.entries().count(), 1);
}

#[test]
fn what_was_put_back_and_failed_again_is_another_letter_about_it() {
    let first = letter(1, "INVENTORY", 4);
    let back = put_back(5, 20, &first, 1);
    let second = letter(2, "REDRIVE", 5);
    let book = fold(&[first, second], &[back]);
    assert_eq!((state(&book, 1), state(&book, 2)), (State::Redriven, State::Open));
    assert_eq!(book.failure(5).map(|entry| entry.sequence), Some(2));
    assert!(book.failure(4).is_none());
}

#[test]
fn what_came_back_is_followed_to_its_newest_letter() {
    let (first, second) = (letter(1, "INVENTORY", 4), letter(2, "REDRIVE", 5));
    let back = [put_back(5, 20, &first, 1), put_back(6, 30, &first, 2), put_back(7, 40, &second, 1)];
    let newest = |letters: &[Stored]| {
        let book = fold(letters, &back);
        [1, 2, 3].map(|letter| book.came_back(letter).map(|entry| entry.sequence))
    };
    assert_eq!(newest(std::slice::from_ref(&first)), [None, None, None]);
    assert_eq!(newest(&[first.clone(), second.clone()]), [Some(2), None, None]);
    assert_eq!(newest(&[first.clone(), second, letter(3, "REDRIVE", 7)]), [Some(3), Some(3), None]);
    // A letter that claims to be about an attempt of itself leads nowhere.
    assert_eq!(newest(&[first, letter(2, "REDRIVE", 7)]), [None, None, None]);
}

#[test]
fn a_message_is_put_back_under_an_id_of_its_own_for_its_consumer_alone() {
    let back = put_back(5, 20, &letter(1, "INVENTORY", 4), 2);
    assert_eq!(back.subject, "redrive.payment-charge");
    let header = |name| back.headers.get(name);
    assert_eq!(header(MSG_ID), Some("dead:payment-charge:INVENTORY:4:redrive:2"));
    assert_eq!(
        (header("Fleet-Epoch"), header(redrive::LETTER), header("Fleet-Attempts")),
        (Some("4"), Some("1"), Some("3"))
    );
    assert_eq!((header(redrive::EDITED), header(redrive::REASON)), (None, None));
    let read = Redrive::of(&back).expect("it names a letter");
    assert_eq!((read.letter, read.consumer.as_str(), read.operator.as_str()), (1, "payment-charge", "alice"));
    assert_eq!(redrive::durable("payment-charge"), "payment-charge-redrive");
}

#[test]
fn what_has_aged_out_is_forgotten() {
    let first = letter(1, "INVENTORY", 4);
    let back = put_back(1, 20, &first, 1);
    let mut book = fold(&[first.clone(), letter(2, "INVENTORY", 5), discarded(3, 30, 1)], &[back]);
    book.forget_before(2);
    assert_eq!(book.entries().map(|entry| entry.sequence).collect::<Vec<_>>(), [2]);
    // Were anything left of the first, a letter in its place would not be open.
    book.read(&first, |letter| letter);
    assert_eq!(state(&book, 1), State::Open);
}
