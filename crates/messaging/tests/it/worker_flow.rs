//! Workers: when they take messages, how long they keep them, and what they leave to others.

use std::{
    sync::{
        Arc,
        atomic::{AtomicBool, Ordering},
    },
    time::{Duration, Instant},
};

use events::catalogue::PAYMENT_REFUND;
use messaging::{log::Log, worker::Outcome};
use testkit::eventually;

use crate::{
    support::{Added, SOON, connect, fleet},
    worker_rig::{Call, Member, has_outcomes, impatient, input, state},
};

/// Less than the broker waits for an answer: a message that comes in this time was handed back.
const WELL_BEFORE_ACK_WAIT: Duration = Duration::from_secs(15);

async fn done(call: Call) -> Outcome<Added> {
    Outcome::Publish(vec![Added { number: call.number }])
}

/// Holds everything until told otherwise.
fn holding(until: &Arc<AtomicBool>) -> impl Fn(Call) -> std::future::Ready<Outcome<Added>> + use<> {
    let until = Arc::clone(until);
    move |call| {
        std::future::ready(if until.load(Ordering::SeqCst) {
            Outcome::Publish(vec![Added { number: call.number }])
        } else {
            Outcome::Hold { reason: "down".to_owned(), retry_in: Duration::from_millis(100) }
        })
    }
}

#[tokio::test]
async fn what_is_held_for_long_is_delivered_once_and_what_waits_is_left_to_others() {
    let (broker, js) = fleet().await;
    impatient(&broker).await;
    let back = Arc::new(AtomicBool::new(false));
    let full = Member::start_with(&js, |config| config.concurrency = 2, holding(&back));
    for number in 1..=6 {
        js.publish(&input(number), None).await.unwrap();
    }
    full.called(10).await;
    assert_eq!(
        state(&broker, &PAYMENT_REFUND).await.delivered.consumer_sequence,
        2,
        "as many as it has slots"
    );
    let other = Member::start(&connect(&broker, "other").await, done);
    has_outcomes(&js, 4).await;
    // Two are held at a time: so many calls take several times what the broker waits for an answer.
    full.called(80).await;
    assert_eq!(state(&broker, &PAYMENT_REFUND).await.delivered.consumer_sequence, 6, "each once");
    back.store(true, Ordering::SeqCst);
    has_outcomes(&js, 6).await;
    assert!(full.calls().into_iter().chain(other.calls()).all(|call| call.attempt == 1 && !call.repeated));
}

#[tokio::test]
async fn a_message_handed_out_again_while_it_is_in_hand_is_not_begun_twice() {
    let (broker, js) = fleet().await;
    impatient(&broker).await;
    let back = Arc::new(AtomicBool::new(false));
    // As when the broker is away for longer than it waits: it hears no sign of life.
    let deaf = |config: &mut messaging::worker::WorkerConfig| config.progress = SOON;
    let member = Member::start_with(&js, deaf, holding(&back));
    js.publish(&input(7), None).await.unwrap();
    eventually(SOON, "another delivery", async || {
        state(&broker, &PAYMENT_REFUND).await.delivered.consumer_sequence >= 3
    })
    .await;
    member.retire().await;
    let heir = Member::start(&js, done);
    has_outcomes(&js, 1).await;
    assert_eq!(heir.calls(), [Call { number: 7, attempt: 1, repeated: true }], "nobody died with it");
}

#[tokio::test]
async fn nothing_is_taken_while_the_handler_is_not_ready_and_stopping_does_not_wait_for_it() {
    let (broker, js) = fleet().await;
    let shut = Member::start(&connect(&broker, "shut").await, done);
    js.publish(&input(1), None).await.unwrap();
    has_outcomes(&js, 1).await;
    // It has asked for more, and takes what comes first; what follows finds it shut, and is handed back.
    shut.open.send_replace(false);
    js.publish(&input(2), None).await.unwrap();
    shut.called(2).await;
    for number in 3..=12 {
        js.publish(&input(number), None).await.unwrap();
    }
    eventually(SOON, "no request for messages", async || {
        state(&broker, &PAYMENT_REFUND).await.num_waiting == 0
    })
    .await;
    let ready = Member::start(&js, done);
    has_outcomes(&js, 12).await;
    assert_eq!(shut.calls().len(), 2, "the others went to the other one");
    assert!(ready.calls().iter().all(|call| call.attempt == 1));
    shut.retire().await;
}

#[tokio::test]
async fn stopping_hands_back_at_once() {
    let (broker, js) = fleet().await;
    let never = Arc::new(AtomicBool::new(false));
    let first = Member::start_with(&connect(&broker, "first").await, |c| c.concurrency = 4, holding(&never));
    for number in 1..=10 {
        js.publish(&input(number), None).await.unwrap();
    }
    first.called(4).await;
    let started = Instant::now();
    first.retire().await;
    let second = Member::start(&js, done);
    has_outcomes(&js, 10).await;
    assert!(started.elapsed() < WELL_BEFORE_ACK_WAIT, "{:?}", started.elapsed());
    assert!(second.calls().iter().all(|call| call.attempt == 1), "{:?}", second.calls());
}

#[tokio::test]
async fn what_is_not_finished_in_the_grace_is_handed_back() {
    let (broker, js) = fleet().await;
    let stuck = Member::start(&connect(&broker, "stuck").await, |_call| std::future::pending());
    js.publish(&input(7), None).await.unwrap();
    stuck.called(1).await;
    let started = Instant::now();
    stuck.stop.cancel();
    stuck.abandon.cancel();
    stuck.retire().await;
    let heir = Member::start(&js, done);
    has_outcomes(&js, 1).await;
    assert!(started.elapsed() < WELL_BEFORE_ACK_WAIT, "{:?}", started.elapsed());
    assert_eq!(heir.calls(), [Call { number: 7, attempt: 1, repeated: true }]);
}
