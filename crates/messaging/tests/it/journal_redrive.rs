//! What was parked and put back: it comes as an input like any other, for its journal alone.

use std::collections::BTreeSet;

use messaging::{
    jetstream::JetStream,
    log::{Log, Message, Stored},
};
use testkit::{Broker, eventually};

use crate::support::{Replica, SOON, UNLUCKY, UNREADABLE, add, fleet, journal_numbers};

/// Another number in place of what stands in a letter, for a journal, for the nth time.
fn put_back(letter: &Stored, number: u64, journal: &str, nth: u64) -> Message {
    let mut message = add(number);
    let of_letter = |name: &str| letter.headers.get(name).unwrap().to_owned();
    message.subject = format!("redrive.{journal}");
    message.headers.set("Nats-Msg-Id", format!("{}:redrive:{nth}", of_letter("Nats-Msg-Id")));
    message.headers.set("Fleet-Letter", letter.sequence.to_string());
    for name in ["Fleet-Attempts", "Fleet-Original-Stream", "Fleet-Original-Sequence"] {
        message.headers.set(name, of_letter(name));
    }
    message
}

/// The same message stored once more, but for its number, as by a caller who asks again after the broker has forgotten.
fn stored_again(of: &Stored, mut message: Message) -> Message {
    let id = |payload: &[u8]| events::RawEnvelope::parse(payload).unwrap().id.to_string();
    let body = String::from_utf8(message.payload.to_vec()).unwrap();
    message.payload = body.replace(&id(&message.payload), &id(&of.payload)).into();
    message
}

async fn letter(js: &impl Log, sequence: u64) -> Stored {
    eventually(SOON, "a letter", async || js.get("DEAD_LETTERS", sequence).await.unwrap()).await
}

/// A journal that has parked its first request.
async fn parked() -> (Broker, JetStream, Replica, Stored) {
    let (broker, js) = fleet().await;
    let replica = Replica::start(js.clone(), "a");
    replica.leads().await;
    js.publish(&add(UNLUCKY), None).await.unwrap();
    let letter = letter(&js, 1).await;
    (broker, js, replica, letter)
}

#[tokio::test]
async fn what_is_put_back_for_the_journal_is_decided_on_in_its_own_time() {
    let (_broker, js, replica, letter) = parked().await;
    js.publish(&put_back(&letter, 70, "INVENTORY", 1), None).await.unwrap();
    let mine = js.publish(&put_back(&letter, 71, "ORDERS", 2), None).await.unwrap().sequence;
    replica.reaches(71).await;
    let mut status = replica.handle.status();
    let moved = status.wait_for(|status| status.positions.get("REDRIVE") == mine);
    tokio::time::timeout(SOON, moved).await.expect("its position in time").unwrap();

    let [(sequence, 71)] = journal_numbers(&js).await[..] else { panic!("one event") };
    let event = js.get("ORDERS", sequence).await.unwrap().unwrap();
    let event = events::RawEnvelope::parse(&event.payload).unwrap();
    let input = js.get("REDRIVE", mine).await.unwrap().unwrap();
    assert_eq!(event.timestamp, input.timestamp);
    assert_eq!(event.id, events::ids::derive(&["ORDERS", &format!("REDRIVE:{mine}"), "0"]));
}

/// The rules may have to know, in every process that folds what followed, and for ever.
#[tokio::test]
async fn what_follows_from_a_put_back_is_known_as_such_to_whoever_folds_it() {
    let (_broker, js, first, letter) = parked().await;
    let follower = Replica::start(js.clone(), "b");
    js.publish(&put_back(&letter, 70, "ORDERS", 1), None).await.unwrap();
    first.reaches(70).await;
    js.publish(&add(20), None).await.unwrap();
    first.reaches(90).await;
    follower.reaches(90).await;
    let decided = first.sum().await;
    assert_eq!(decided.put_back, BTreeSet::from([70]));
    assert_eq!(follower.sum().await, decided, "as it is followed");
    first.vanish().await;
    follower.leads().await;
    assert_eq!(follower.sum().await, decided, "as it is led by the next");
    let late = Replica::start(js.clone(), "c");
    late.reaches(90).await;
    assert_eq!(late.sum().await, decided, "as it is read from its beginning");
}

/// However much later, and whoever leads by then: rules forget, the journal does not.
#[tokio::test]
async fn what_is_put_back_twice_is_decided_on_once() {
    for snapshots in [false, true] {
        let (_broker, js, first, letter) = parked().await;
        js.publish(&put_back(&letter, 70, "ORDERS", 1), None).await.unwrap();
        js.publish(&put_back(&letter, 70, "ORDERS", 2), None).await.unwrap();
        js.publish(&add(20), None).await.unwrap();
        first.reaches(90).await;
        first.retire().await;
        let second = Replica::start_with(js.clone(), "a", |config| {
            config.snapshot_messages = if snapshots { 1 } else { 50_000 };
        });
        second.leads().await;
        js.publish(&put_back(&letter, 70, "ORDERS", 3), None).await.unwrap();
        js.publish(&add(30), None).await.unwrap();
        second.reaches(120).await;
        let taken = async || js.snapshots("ORDERS").await.unwrap().is_empty() != snapshots;
        eventually(SOON, "a snapshot, if any", taken).await;
        second.retire().await;
        let third = Replica::start(js.clone(), "a");
        third.leads().await;
        js.publish(&put_back(&letter, 70, "ORDERS", 4), None).await.unwrap();
        let passed = async || third.handle.status().borrow().positions.get("REDRIVE") == 4;
        eventually(SOON, "the fourth", passed).await;
        assert_eq!(third.sum().await.total, 120);
    }
}

#[tokio::test]
async fn what_is_parked_is_known_from_a_snapshot_too() {
    let (_broker, js, first, letter) = parked().await;
    first.retire().await;
    let second = Replica::start_with(js.clone(), "a", |config| config.snapshot_messages = 1);
    second.leads().await;
    js.publish(&add(20), None).await.unwrap();
    second.reaches(20).await;
    let taken = async || js.snapshots("ORDERS").await.unwrap().first().copied();
    eventually(SOON, "a snapshot", taken).await;
    second.retire().await;
    let third = Replica::start(js.clone(), "a");
    third.leads().await;
    js.publish(&put_back(&letter, 30, "ORDERS", 1), None).await.unwrap();
    third.reaches(50).await;
}

/// Shoppers who get no answer ask again: the same message is stored twice, and one of the two may be parked.
#[tokio::test]
async fn of_two_copies_of_a_message_one_is_decided_on() {
    let (_broker, js, replica, first) = parked().await;
    js.publish(&stored_again(&first, add(20)), None).await.unwrap();
    replica.reaches(20).await;
    js.publish(&stored_again(&first, put_back(&first, 70, "ORDERS", 1)), None).await.unwrap();
    let mut twin = add(UNLUCKY);
    for nth in [2, 3] {
        twin.headers.set("Nats-Msg-Id", format!("unlucky again {nth}"));
        js.publish(&twin, None).await.unwrap();
    }
    let (second, third) = (letter(&js, 2).await, letter(&js, 3).await);
    js.publish(&stored_again(&second, put_back(&second, 30, "ORDERS", 2)), None).await.unwrap();
    js.publish(&stored_again(&third, put_back(&third, 90, "ORDERS", 3)), None).await.unwrap();
    let passed = async || replica.handle.status().borrow().positions.get("REDRIVE") == 3;
    eventually(SOON, "all three", passed).await;
    assert_eq!(replica.sum().await.total, 50);
}

/// A letter is no proof that its input was not decided on: its leader may have died before the journal knew of the
/// letter, and its successor may be a version that could decide.
#[tokio::test]
async fn what_was_decided_on_after_all_is_not_decided_on_again() {
    let (_broker, js, replica, letter) = parked().await;
    js.publish(&add(20), None).await.unwrap();
    replica.reaches(20).await;
    let mut decided = put_back(&letter, 20, "ORDERS", 1);
    decided.headers.set("Fleet-Original-Sequence", "2");
    js.publish(&decided, None).await.unwrap();
    js.publish(&put_back(&letter, 30, "ORDERS", 2), None).await.unwrap();
    replica.reaches(50).await;
    assert_eq!(js.extent("DEAD_LETTERS").await.unwrap().last, 1);
}

/// An operator may be faster than the next leader: the letter is there, but the leader that wrote it died before the
/// journal knew of it, and its input is yet to be read again.
#[tokio::test]
async fn what_is_put_back_before_its_input_is_read_again_waits_for_that() {
    let (_broker, js, first, letter) = parked().await;
    first.retire().await;
    let many = 10_000..10_700;
    for number in many.clone().chain([UNREADABLE]) {
        js.publish(&add(number), None).await.unwrap();
    }
    let unread = js.extent("REQUESTS").await.unwrap().last.to_string();
    for nth in [1, 2] {
        let mut early = put_back(&letter, 70, "ORDERS", nth);
        early.headers.set("Fleet-Original-Sequence", unread.clone());
        js.publish(&early, None).await.unwrap();
    }
    let second = Replica::start(js.clone(), "a");
    second.reaches(many.sum::<u64>() + 70).await;
    let passed = async || second.handle.status().borrow().positions.get("REDRIVE") == 2;
    eventually(SOON, "both", passed).await;
}

#[tokio::test]
async fn what_fails_again_is_a_letter_of_its_own_and_can_be_put_back_itself() {
    let (_broker, js, replica, first) = parked().await;
    let again = js.publish(&put_back(&first, UNLUCKY, "ORDERS", 1), None).await.unwrap().sequence;
    let second = letter(&js, 2).await;
    let header = |name: &str| second.headers.get(name).unwrap().to_owned();
    assert_eq!(header("Fleet-Original-Stream"), "REDRIVE");
    assert_eq!(header("Fleet-Original-Sequence"), again.to_string());
    assert_eq!(header("Nats-Msg-Id"), format!("dead:ORDERS:REDRIVE:{again}"));
    assert_eq!((header("Fleet-Consumer").as_str(), header("Fleet-Attempts").as_str()), ("ORDERS", "2"));
    assert!(header("Fleet-Original-Headers").contains(r#""Fleet-Letter":["1"]"#));
    js.publish(&put_back(&second, 21, "ORDERS", 1), None).await.unwrap();
    js.publish(&put_back(&first, 22, "ORDERS", 2), None).await.unwrap();
    js.publish(&add(20), None).await.unwrap();
    let passed = async || replica.handle.status().borrow().positions.get("REDRIVE") == 3;
    eventually(SOON, "all three", passed).await;
    replica.reaches(41).await;
}

#[tokio::test]
async fn what_does_not_say_what_it_was_is_parked() {
    let (_broker, js, replica, _letter) = parked().await;
    let mut stray = add(70);
    stray.subject = "redrive.ORDERS".to_owned();
    js.publish(&stray, None).await.unwrap();
    let second = letter(&js, 2).await;
    assert_eq!(second.headers.get("Fleet-Cause"), Some("undecodable"));
    js.publish(&add(20), None).await.unwrap();
    replica.reaches(20).await;
}
