//! Parking a worker's messages, and working on those that are put back.

use async_nats::jetstream::stream::Config;
use events::catalogue::{PAYMENT_CHARGE, PAYMENT_REFUND};
use messaging::{
    log::{Log, Message},
    worker::{Outcome, WorkerConfig},
};
use testkit::{Broker, eventually};

use crate::{
    support::{Added, SOON, connect, fleet},
    worker_rig::{Call, Member, context, has_outcomes, impatient, input, letters, state},
};

async fn room_for_letters(broker: &Broker, max_bytes: i64) {
    let context = context(broker).await;
    let config = context.get_stream("DEAD_LETTERS").await.unwrap().cached_info().config.clone();
    context.update_stream(Config { max_bytes, ..config }).await.unwrap();
}

#[tokio::test]
async fn nothing_is_ended_before_its_letter_is_stored() {
    let (broker, js) = fleet().await;
    impatient(&broker).await;
    room_for_letters(&broker, 1).await;
    js.publish(&input(4), None).await.unwrap();
    for life in ["one", "two"] {
        let member = Member::start(&connect(&broker, life).await, async |_call| Outcome::Reject("no".into()));
        member.called(1).await;
        // Longer than the broker waits for an answer: a letter that is refused keeps its message in hand.
        eventually(SOON, "signs of life", async || {
            let held = state(&broker, &PAYMENT_REFUND).await;
            held.delivered.last_active.is_some() && held.num_ack_pending == 1
        })
        .await;
        member.vanish().await;
    }
    assert_eq!(js.extent("ADVISORIES").await.unwrap().last, 0, "the broker was told to forget it");
    room_for_letters(&broker, 1 << 20).await;
    let _member = Member::start(&js, async |_call| Outcome::Reject("no".into()));
    let letter = &letters(&js, 1).await[0];
    eventually(SOON, "the end", async || js.extent("ADVISORIES").await.is_ok_and(|e| e.last == 1)).await;
    let advisory = js.get("ADVISORIES", 1).await.unwrap().unwrap();
    assert!(letter.timestamp <= advisory.timestamp);
    let advisory: serde_json::Value = serde_json::from_slice(&advisory.payload).unwrap();
    assert_eq!(advisory["reason"], "parked as DEAD_LETTERS:1");
}

#[tokio::test]
async fn a_letter_tells_the_attempts_and_the_first_failure() {
    let (_broker, js) = fleet().await;
    let _member = Member::start(&js, async |_call| Outcome::Retry("never".into()));
    js.publish(&input(3), None).await.unwrap();
    let letter = &letters(&js, 1).await[0];
    let header = |name| letter.headers.get(name).unwrap_or_default();
    assert_eq!(header("Fleet-Cause"), "exhausted");
    assert_eq!(header("Fleet-Attempts"), "5");
    assert_eq!(header("Fleet-First-Failure"), "2027-01-15T08:00:00.000000Z");
    assert_eq!(header("Nats-Msg-Id"), "dead:payment-refund:ORDERS:1");
}

/// What an operator puts back.
fn put_back(number: u64) -> Message {
    let mut message = input(number);
    message.subject = "redrive.payment-refund".to_owned();
    message.headers.set("Nats-Msg-Id", format!("dead:payment-refund:ORDERS:{number}:redrive:1"));
    message.headers.set("Fleet-Letter", "17");
    message.headers.set("Fleet-Attempts", "5");
    message
}

fn redriving(config: &mut WorkerConfig) {
    *config = config.redriving().unwrap();
}

#[tokio::test]
async fn what_is_put_back_goes_to_its_consumer_alone_and_is_never_a_first_attempt() {
    let (_broker, js) = fleet().await;
    let other = Member::start_with(
        &js,
        |config| *config = WorkerConfig { consumer: PAYMENT_CHARGE, ..config.clone() }.redriving().unwrap(),
        async |_call| Outcome::Reject("not mine".into()),
    );
    let member = Member::start_with(&js, redriving, async |call| match call.number {
        8 => Outcome::Retry("still not".into()),
        number => Outcome::Publish(vec![Added { number }]),
    });
    js.publish(&put_back(7), None).await.unwrap();
    has_outcomes(&js, 1).await;
    assert_eq!(member.calls(), [Call { number: 7, attempt: 1, repeated: true }]);
    js.publish(&put_back(8), None).await.unwrap();
    let letter = &letters(&js, 1).await[0];
    let header = |name| letter.headers.get(name).unwrap_or_default();
    assert_eq!(header("Fleet-Consumer"), "payment-refund");
    assert_eq!(header("Fleet-Original-Stream"), "REDRIVE");
    assert_eq!(header("Fleet-Attempts"), "10", "five before it was put back, and five since");
    let originals: serde_json::Value = serde_json::from_str(header("Fleet-Original-Headers")).unwrap();
    assert_eq!(originals["Fleet-Letter"][0], "17");
    assert_eq!(other.calls(), []);
}

#[tokio::test]
async fn a_panic_outside_the_handler_costs_an_attempt_and_no_slot() {
    let (_broker, js) = fleet().await;
    let one_slot = |config: &mut WorkerConfig| config.concurrency = 1;
    let _member =
        Member::start_with(&js, one_slot, async |call| Outcome::Publish(vec![Added { number: call.number }]));
    js.publish(&input(crate::support::UNSPEAKABLE), None).await.unwrap();
    js.publish(&input(1), None).await.unwrap();
    has_outcomes(&js, 1).await;
    let letter = &letters(&js, 1).await[0];
    assert_eq!(letter.headers.get("Fleet-Cause"), Some("panicked"));
}

#[tokio::test]
async fn a_count_of_attempts_that_cannot_be_counted_on_holds_up_no_letter() {
    let (_broker, js) = fleet().await;
    let mut counted = input(1);
    counted.headers.set("Fleet-Attempts", u64::MAX.to_string());
    js.publish(&counted, None).await.unwrap();
    let _member = Member::start(&js, async |_call| Outcome::Reject("no".into()));
    let letter = &letters(&js, 1).await[0];
    assert_eq!(letter.headers.get("Fleet-Attempts"), Some("18446744073709551615"));
}
