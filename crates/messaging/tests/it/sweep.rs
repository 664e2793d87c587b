//! What the broker gave up by itself becomes a dead letter.

use std::time::Duration;

use events::catalogue::{PAYMENT_ADVISORIES, PAYMENT_REFUND};
use messaging::{
    dead_letter::{DeadLetters, Sweeper},
    headers::Headers,
    jetstream::JetStream,
    log::{Consumer, Delivery, Log, Message},
    worker::Outcome,
};
use testkit::{Broker, eventually};
use tokio::task::JoinSet;
use tokio_util::{sync::CancellationToken, task::TaskTracker};

use crate::{
    support::{SOON, fleet, metrics},
    worker_rig::{Member, change, input, letters, state},
};

fn sweep(js: &JetStream) -> JoinSet<()> {
    let dead_letters = DeadLetters::new(js.clone(), "test", &metrics(), &TaskTracker::new());
    let sweeper = Sweeper::new(js.clone(), PAYMENT_ADVISORIES, dead_letters);
    let mut task = JoinSet::new();
    task.spawn(sweeper.run(CancellationToken::new()));
    task
}

/// Waits until every report has been looked at.
async fn swept(broker: &Broker, reports: u64) {
    eventually(SOON, "all reports", async || {
        let state = state(broker, &PAYMENT_ADVISORIES).await;
        let rest = state.num_pending + u64::try_from(state.num_ack_pending).unwrap();
        if state.ack_floor.stream_sequence == reports && rest == 0 { Ok(()) } else { Err(state.ack_floor) }
    })
    .await;
}

#[tokio::test]
async fn what_was_ended_without_its_letter_is_parked() {
    let (broker, js) = fleet().await;
    let worker = Member::start(&js, async |_call| Outcome::Reject("no".into()));
    js.publish(&input(1), None).await.unwrap();
    letters(&js, 1).await;
    worker.retire().await;
    // Others end two more: one says nothing, the other names a letter that is about another message.
    let mut stranger = js.consume(PAYMENT_REFUND.stream, PAYMENT_REFUND.durable);
    for (number, reason) in [(2, "by hand"), (3, "parked as DEAD_LETTERS:1")] {
        js.publish(&input(number), None).await.unwrap();
        stranger.next(1).await[0].terminate(reason).await.unwrap();
    }
    // Two replicas sweep, and the reports were there before them.
    let _sweepers = [sweep(&js), sweep(&js)];
    swept(&broker, 3).await;
    let letters = letters(&js, 3).await;
    let mut told: Vec<_> = letters
        .iter()
        .map(|letter| {
            (letter.headers.get("Nats-Msg-Id").unwrap(), letter.headers.get("Fleet-Cause").unwrap())
        })
        .collect();
    told.sort_unstable();
    assert_eq!(
        told,
        [
            ("dead:payment-refund:ORDERS:1", "rejected"),
            ("dead:payment-refund:ORDERS:2", "terminated"),
            ("dead:payment-refund:ORDERS:3", "terminated"),
        ]
    );
}

#[tokio::test]
async fn a_message_that_ran_into_a_limit_of_deliveries_is_parked() {
    let (broker, js) = fleet().await;
    change(&broker, &PAYMENT_REFUND, |config| {
        (config.max_deliver, config.ack_wait) = (1, Duration::from_millis(200));
    })
    .await;
    let _sweeper = sweep(&js);
    js.publish(&input(1), None).await.unwrap();
    let mut careless = js.consume(PAYMENT_REFUND.stream, PAYMENT_REFUND.durable);
    let dropped = careless.next(1).await;
    assert_eq!(dropped[0].deliveries(), 1);
    let _waiting = JoinSet::from_iter([async move { careless.next(1).await.len() }]);
    let letter = &letters(&js, 1).await[0];
    assert_eq!(letter.headers.get("Fleet-Cause"), Some("max_deliveries"));
    assert_eq!(letter.headers.get("Fleet-Consumer"), Some("payment-refund"));
    assert_eq!(letter.headers.get("Fleet-Original-Sequence"), Some("1"));
}

#[tokio::test]
async fn a_report_that_makes_no_sense_holds_up_no_other() {
    let (broker, js) = fleet().await;
    let mut counted = input(1);
    counted.headers.set("Fleet-Attempts", u64::MAX.to_string());
    js.publish(&counted, None).await.unwrap();
    let _sweeper = sweep(&js);
    for (stream, deliveries) in [("GONE", 1), ("ORDERS", u64::MAX)] {
        let report = serde_json::json!({
            "type": "io.nats.jetstream.advisory.v1.max_deliver",
            "stream": stream,
            "consumer": "payment-refund",
            "stream_seq": 1,
            "deliveries": deliveries,
        });
        let subject = format!("$JS.EVENT.ADVISORY.CONSUMER.MAX_DELIVERIES.{stream}.payment-refund");
        let payload = report.to_string().into();
        js.publish(&Message { subject, headers: Headers::new(), payload }, None).await.unwrap();
    }
    swept(&broker, 2).await;
    let letter = &letters(&js, 1).await[0];
    assert_eq!(letter.headers.get("Fleet-Original-Stream"), Some("ORDERS"));
}
