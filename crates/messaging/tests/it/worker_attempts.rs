//! Which deliveries are failed attempts, and what becomes of a message that kills its process.

use std::{
    collections::BTreeSet,
    sync::{
        Arc, Mutex, OnceLock,
        atomic::{AtomicBool, Ordering},
    },
    time::Duration,
};

use events::catalogue::PAYMENT_REFUND;
use messaging::{
    log::{Attempts, Consumer, Delivery, Log},
    worker::{Outcome, WorkerConfig},
};
use testkit::eventually;
use tokio::sync::watch;

use crate::{
    support::{Added, SOON, connect, fleet},
    worker_rig::{Call, Member, has_outcomes, impatient, input, letters, room, state},
};

fn held(retry_in: Duration) -> Outcome<Added> {
    Outcome::Hold { reason: "down".to_owned(), retry_in }
}

#[tokio::test]
async fn handing_back_burns_no_attempt_however_often() {
    let (_broker, js) = fleet().await;
    js.publish(&input(7), None).await.unwrap();
    let limit = 5;
    for restart in 0..=limit {
        let member = Member::start(&js, async |_call| held(Duration::from_millis(10)));
        member.called(1).await;
        assert_eq!(member.calls()[0], Call { number: 7, attempt: 1, repeated: restart > 0 });
        member.retire().await;
    }
    // What has failed is remembered as well.
    let failing = Member::start(&js, async |call| match call.attempt {
        1 => Outcome::Retry("no".into()),
        _ => held(Duration::from_millis(10)),
    });
    failing.called(2).await;
    failing.retire().await;
    let last = Member::start(&js, async |_call| Outcome::Publish(vec![Added { number: 7 }]));
    has_outcomes(&js, 1).await;
    assert_eq!(last.calls(), [Call { number: 7, attempt: 2, repeated: true }]);
    assert_eq!(js.extent("DEAD_LETTERS").await.unwrap().last, 0);
}

#[tokio::test]
async fn a_process_that_dies_with_a_message_has_failed_it_once() {
    let (broker, js) = fleet().await;
    impatient(&broker).await;
    js.publish(&input(7), None).await.unwrap();
    let dying = Member::start(&connect(&broker, "dying").await, |_call| std::future::pending());
    dying.called(1).await;
    dying.vanish().await;
    let heir = Member::start(&js, async |_call| Outcome::Publish(vec![Added { number: 7 }]));
    heir.called(1).await;
    assert_eq!(heir.calls(), [Call { number: 7, attempt: 2, repeated: true }]);
}

/// The broker is away for longer than it waits for an answer, again and again, while somebody is at it.
#[tokio::test]
async fn who_is_handed_what_it_has_in_hand_and_then_dies_has_failed_it_once() {
    let (broker, js) = fleet().await;
    impatient(&broker).await;
    js.publish(&input(7), None).await.unwrap();
    let deaf = |config: &mut WorkerConfig| config.progress = SOON;
    let process = connect(&broker, "dying").await;
    let dying = Member::start_with(&process, deaf, |_call| std::future::pending());
    // Right after a delivery, so that no other comes before its end.
    eventually(SOON, "a note of three deliveries", async || {
        let noted = js.load_attempts(PAYMENT_REFUND.durable, 1).await.unwrap();
        if noted.is_some_and(|noted| noted.deliveries >= 3) { Ok(()) } else { Err(noted) }
    })
    .await;
    dying.vanish().await;
    drop(process);
    let heir = Member::start(&js, async |_call| Outcome::Publish(vec![Added { number: 7 }]));
    has_outcomes(&js, 1).await;
    assert_eq!(heir.calls(), [Call { number: 7, attempt: 2, repeated: true }]);
}

/// What is noted of a message that is handed out again while it is handled alone is all that is known of it.
#[tokio::test]
async fn who_is_handed_the_suspect_that_it_handles_alone_keeps_it_alone() {
    let (broker, js) = fleet().await;
    impatient(&broker).await;
    js.publish(&input(KILLER), None).await.unwrap();
    for death in 1..=3 {
        let process = connect(&broker, &format!("life-{death}")).await;
        let dying = Member::start(&process, |_call| std::future::pending());
        dying.called(1).await;
        dying.vanish().await;
    }
    let deaf = |config: &mut WorkerConfig| config.progress = SOON;
    let member = Member::start_with(&js, deaf, |_call| std::future::pending());
    member.called(1).await;
    let noted = async || js.load_attempts(PAYMENT_REFUND.durable, 1).await.unwrap();
    let before = noted().await.expect("a note before it is handled alone");
    assert_eq!((before.deliveries, before.failed, before.alone), (3, 3, true));
    let after = eventually(SOON, "a note of another delivery", async || {
        noted().await.filter(|noted| noted.deliveries > before.deliveries)
    })
    .await;
    assert_eq!(after, Attempts { deliveries: after.deliveries, ..before });
}

/// The one that kills whoever handles it.
const KILLER: u64 = 13;

/// A process: what it has in hand, and what it must not have in hand together.
#[derive(Clone, Default)]
struct Life {
    in_hand: Arc<Mutex<BTreeSet<u64>>>,
    together: Arc<AtomicBool>,
}

impl Life {
    async fn handle(self, call: Call, patient: bool) -> Outcome<Added> {
        let beside = {
            let mut in_hand = self.in_hand.lock().unwrap();
            in_hand.insert(call.number);
            in_hand.len() > 1
        };
        self.together.fetch_or(beside, Ordering::SeqCst);
        if call.number == KILLER || patient {
            return std::future::pending().await;
        }
        self.in_hand.lock().unwrap().remove(&call.number);
        Outcome::Publish(vec![Added { number: call.number }])
    }
}

#[tokio::test]
async fn who_kills_the_process_is_found_and_who_was_beside_is_not_condemned() {
    let (broker, js) = fleet().await;
    impatient(&broker).await;
    for number in [1, KILLER, 2] {
        js.publish(&input(number), None).await.unwrap();
    }
    let mut lives = 0;
    while js.extent("DEAD_LETTERS").await.unwrap().last == 0 {
        lives += 1;
        assert!(lives <= 12, "nobody is condemned");
        let (life, beside) = (Life::default(), lives <= 3);
        let handling = life.clone();
        let process = connect(&broker, &format!("life-{lives}")).await;
        let member = Member::start(&process, move |call| handling.clone().handle(call, beside));
        eventually(SOON, "a death or a letter", async || {
            let in_hand = life.in_hand.lock().unwrap().clone();
            let dies = if beside { in_hand.len() == 3 } else { in_hand.contains(&KILLER) };
            let parked = js.extent("DEAD_LETTERS").await.unwrap().last == 1;
            if dies || parked { Ok(()) } else { Err(in_hand) }
        })
        .await;
        assert_eq!(life.together.load(Ordering::SeqCst), beside, "life {lives}");
        member.vanish().await;
    }
    let letter = &letters(&js, 1).await[0];
    assert_eq!(letter.headers.get("Fleet-Cause"), Some("crashed"));
    assert_eq!(letter.headers.get("Fleet-Original-Sequence"), Some("2"));
    assert_eq!(letter.headers.get("Fleet-Attempts"), Some("5"));
    let _last = Member::start(&js, async |call| Outcome::Publish(vec![Added { number: call.number }]));
    has_outcomes(&js, 2).await;
    assert_eq!(js.extent("DEAD_LETTERS").await.unwrap().last, 1, "the others are done");
}

/// A process may die of something else, again and again, while this message only waits for what it depends on.
#[tokio::test]
async fn who_lives_through_being_handled_alone_is_not_condemned_for_a_later_death() {
    let (broker, js) = fleet().await;
    impatient(&broker).await;
    js.publish(&input(7), None).await.unwrap();
    let lives = 8;
    for life in 1..=lives {
        let process = connect(&broker, &format!("life-{life}")).await;
        let member = Member::start(&process, async |_call| held(Duration::from_secs(60)));
        member.called(1).await;
        eventually(SOON, "the end of being alone", async || {
            let noted = js.load_attempts(PAYMENT_REFUND.durable, 1).await.unwrap();
            if noted.is_some_and(|noted| noted.alone) { Err(noted) } else { Ok(()) }
        })
        .await;
        member.vanish().await;
    }
    let last = Member::start(&js, async |call| Outcome::Publish(vec![Added { number: call.number }]));
    has_outcomes(&js, 1).await;
    assert_eq!(last.calls(), [Call { number: 7, attempt: lives + 1, repeated: true }]);
    assert_eq!(js.extent("DEAD_LETTERS").await.unwrap().last, 0);
}

#[tokio::test]
async fn who_waits_for_a_handler_that_is_not_ready_is_not_alone() {
    let (broker, js) = fleet().await;
    impatient(&broker).await;
    js.publish(&input(7), None).await.unwrap();
    for death in 1..=3 {
        let process = connect(&broker, &format!("life-{death}")).await;
        let dying = Member::start(&process, |_call| std::future::pending());
        dying.called(1).await;
        dying.vanish().await;
    }
    let gate = Arc::new(OnceLock::<watch::Sender<bool>>::new());
    let closed = Arc::clone(&gate);
    let member = Member::start(&js, move |_call| {
        closed.get().unwrap().send_replace(false);
        std::future::ready(held(Duration::ZERO))
    });
    gate.set(member.open.clone()).unwrap();
    member.called(1).await;
    eventually(SOON, "the end of being alone", async || {
        let noted = js.load_attempts(PAYMENT_REFUND.durable, 1).await.unwrap();
        if noted.is_some_and(|noted| noted.alone) { Err(noted) } else { Ok(()) }
    })
    .await;
    member.open.send_replace(true);
    member.called(2).await;
    assert_eq!(member.calls().len(), 2, "once each time the gate was open");
}

#[tokio::test]
async fn only_what_came_after_this_process_met_its_broker_is_certainly_first() {
    let (broker, js) = fleet().await;
    impatient(&broker).await;
    let mut consumer = js.consume(PAYMENT_REFUND.stream, PAYMENT_REFUND.durable);
    let mut next = async || consumer.next(1).await.pop().unwrap();
    js.publish(&input(1), None).await.unwrap();
    let old = next().await;
    js.publish(&input(2), None).await.unwrap();
    let new = next().await;
    assert_eq!((old.is_first(), new.is_first()), (false, true));
    old.ack().await.unwrap();
    // What a broker has handed out in its last moments it does not know any more.
    broker.kill().await.unwrap();
    broker.restart().await.unwrap();
    let again = next().await;
    assert!(!again.is_first(), "delivery {}", again.deliveries());
    js.publish(&input(3), None).await.unwrap();
    let mut latest = next().await;
    while latest.message().sequence < 3 {
        assert!(!latest.is_first());
        latest = next().await;
    }
    assert!(latest.is_first());
}

#[tokio::test]
async fn a_suspect_that_cannot_be_noted_holds_up_no_other() {
    let (broker, js) = fleet().await;
    impatient(&broker).await;
    js.publish(&input(KILLER), None).await.unwrap();
    for death in 1..=3 {
        let dying =
            Member::start(&connect(&broker, &format!("life-{death}")).await, |_call| std::future::pending());
        dying.called(1).await;
        dying.vanish().await;
    }
    room(&broker, "KV_worker-attempts", 1).await;
    let member = Member::start(&js, async |call| Outcome::Publish(vec![Added { number: call.number }]));
    eventually(SOON, "the suspect", async || {
        state(&broker, &PAYMENT_REFUND).await.delivered.consumer_sequence == 4
    })
    .await;
    for other in 1..=5 {
        js.publish(&input(other), None).await.unwrap();
        has_outcomes(&js, other).await;
    }
    assert!(member.calls().iter().all(|call| call.number != KILLER));
    room(&broker, "KV_worker-attempts", 1 << 20).await;
    has_outcomes(&js, 6).await;
}
