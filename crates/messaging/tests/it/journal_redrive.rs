//! What was parked and put back: it comes as an input like any other, for its journal alone.

use messaging::log::{Log, Message, Stored};
use testkit::eventually;

use crate::support::{Replica, SOON, UNLUCKY, add, fleet, journal_numbers};

/// A number put back for a journal, after so many attempts.
fn put_back(number: u64, journal: &str, attempts: u64) -> Message {
    let mut message = add(number);
    message.subject = format!("redrive.{journal}");
    message.headers.set("Nats-Msg-Id", format!("dead:{journal}:REQUESTS:{number}:redrive:{attempts}"));
    message.headers.set("Fleet-Letter", "1");
    message.headers.set("Fleet-Attempts", attempts.to_string());
    message
}

async fn letter(js: &impl Log, sequence: u64) -> Stored {
    eventually(SOON, "a letter", async || js.get("DEAD_LETTERS", sequence).await.unwrap()).await
}

#[tokio::test]
async fn what_is_put_back_for_the_journal_is_decided_on_once_and_in_its_own_time() {
    let (_broker, js) = fleet().await;
    let a = Replica::start(js.clone(), "a");
    a.leads().await;
    js.publish(&add(UNLUCKY), None).await.unwrap();
    letter(&js, 1).await;
    js.publish(&put_back(70, "INVENTORY", 1), None).await.unwrap();
    let mine = js.publish(&put_back(71, "ORDERS", 1), None).await.unwrap().sequence;
    a.reaches(71).await;
    let mut status = a.handle.status();
    let moved = status.wait_for(|status| status.positions.get("REDRIVE") == mine);
    tokio::time::timeout(SOON, moved).await.expect("its position in time").unwrap();

    let [(sequence, 71)] = journal_numbers(&js).await[..] else { panic!("one event") };
    let event = js.get("ORDERS", sequence).await.unwrap().unwrap();
    let event = events::RawEnvelope::parse(&event.payload).unwrap();
    let input = js.get("REDRIVE", mine).await.unwrap().unwrap();
    assert_eq!(event.timestamp, input.timestamp);
    assert_eq!(event.id, events::ids::derive(&["ORDERS", &format!("REDRIVE:{mine}"), "0"]));

    a.retire().await;
    let b = Replica::start(js.clone(), "b");
    b.leads().await;
    js.publish(&add(29), None).await.unwrap();
    b.reaches(100).await;
}

#[tokio::test]
async fn what_fails_again_is_a_letter_of_its_own_that_names_the_first() {
    let (_broker, js) = fleet().await;
    let replica = Replica::start(js.clone(), "a");
    replica.leads().await;
    let again = js.publish(&put_back(UNLUCKY, "ORDERS", 4), None).await.unwrap().sequence;
    let letter = letter(&js, 1).await;
    let header = |name: &str| letter.headers.get(name).unwrap().to_owned();
    assert_eq!(header("Fleet-Original-Stream"), "REDRIVE");
    assert_eq!(header("Fleet-Original-Sequence"), again.to_string());
    assert_eq!(header("Nats-Msg-Id"), format!("dead:ORDERS:REDRIVE:{again}"));
    assert_eq!((header("Fleet-Consumer").as_str(), header("Fleet-Attempts").as_str()), ("ORDERS", "5"));
    assert!(header("Fleet-Original-Headers").contains(r#""Fleet-Letter":["1"]"#));
    js.publish(&add(20), None).await.unwrap();
    replica.reaches(20).await;
}
