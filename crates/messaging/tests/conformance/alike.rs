//! Whatever is done to them, the two brokers answer alike and end up with the same.

use messaging::{
    headers::MSG_ID,
    log::{Delivery, Log, Message, PublishError, Stored},
};
use proptest::{
    prelude::*,
    sample::select,
    test_runner::{Config, TestCaseError},
};

use crate::rig::{Real, Rig, Simulated, anonymous, message, read, take_many};

const SUBJECTS: [&str; 4] = ["orders.created", "orders.confirmed", "orders.cancelled", "nowhere.to.go"];

/// Something that is done to a broker.
#[derive(Debug, Clone)]
enum Deed {
    Publish(Letter, Expectation),
    Batch(Vec<Letter>, Expectation),
    Get(u64),
    Extent,
}

/// A message to be: its subject, and its id out of few, if it has one.
#[derive(Debug, Clone)]
struct Letter(&'static str, Option<u8>);

/// How far from the truth the expected last sequence is, if one is expected.
type Expectation = Option<i8>;

fn letter(subjects: &'static [&'static str]) -> impl Strategy<Value = Letter> {
    (select(subjects), prop::option::of(0..40_u8)).prop_map(|(subject, id)| Letter(subject, id))
}

fn deed() -> impl Strategy<Value = Deed> {
    let expectation = prop::option::weighted(0.4, prop_oneof![4 => Just(0_i8), 1 => -2..3_i8]);
    let batch = prop::collection::vec(letter(&SUBJECTS[..3]), 0..6);
    prop_oneof![
        6 => (letter(&SUBJECTS), expectation.clone()).prop_map(|(letter, expect)| Deed::Publish(letter, expect)),
        6 => (batch, expectation).prop_map(|(letters, expect)| Deed::Batch(letters, expect)),
        1 => (0..60_u64).prop_map(Deed::Get),
        1 => Just(Deed::Extent),
    ]
}

fn written(number: usize, Letter(subject, id): &Letter) -> Message {
    let mut message = match id {
        Some(id) => message(subject, &format!("id-{id}")),
        None => anonymous(subject, ""),
    };
    message.payload = number.to_string().into_bytes().into();
    message
}

/// What a deed came to, without what may be worded differently.
fn outcome(stored: Result<messaging::log::Ack, PublishError>) -> String {
    match stored {
        Err(PublishError::Unknown(_)) => "unknown".to_owned(),
        Err(PublishError::Refused(_)) => "refused".to_owned(),
        definite => format!("{definite:?}"),
    }
}

fn shown(message: &Stored) -> String {
    let id = message.headers.get(MSG_ID);
    format!("{} {} {id:?} {}", message.sequence, message.subject, String::from_utf8_lossy(&message.payload))
}

/// Does it all, and tells what came of it and what is there in the end.
async fn told<R: Rig>(deeds: &[Deed]) -> Vec<String> {
    let rig = R::start().await;
    let log = rig.client("test").await;
    let mut told = Vec::new();
    for (number, deed) in deeds.iter().enumerate() {
        let last = log.extent("ORDERS").await.unwrap().last;
        let expected = |expect: &Expectation| expect.map(|off| last.saturating_add_signed(off.into()));
        told.push(match deed {
            Deed::Publish(letter, expect) => {
                outcome(log.publish(&written(number, letter), expected(expect)).await)
            }
            Deed::Batch(letters, expect) => {
                let batch: Vec<_> = letters.iter().map(|letter| written(number, letter)).collect();
                outcome(log.publish_batch(&batch, expected(expect)).await)
            }
            Deed::Get(sequence) => {
                format!("{:?}", log.get("ORDERS", *sequence).await.ok().flatten().as_ref().map(shown))
            }
            Deed::Extent => format!("{:?}", log.extent("ORDERS").await.ok()),
        });
    }
    let all = usize::try_from(log.extent("ORDERS").await.unwrap().last).unwrap();
    let stored = read(&mut log.read("ORDERS", &[], 0), all).await;
    let wanted = |message: &&Stored| message.subject != "orders.created";
    let ends = stored.iter().filter(wanted).count();
    let filtered = read(&mut log.read("ORDERS", &["orders.confirmed", "orders.cancelled"], 0), ends).await;
    let taken = take_many(&mut log.consume("ORDERS", "notification-orders"), ends).await;
    let taken =
        taken.iter().map(|delivery| format!("{} {}", shown(delivery.message()), delivery.deliveries()));
    told.extend(stored.iter().chain(&filtered).map(shown).chain(taken));
    told
}

fn run(paused: bool) -> tokio::runtime::Runtime {
    tokio::runtime::Builder::new_current_thread().enable_all().start_paused(paused).build().unwrap()
}

proptest! {
    #![proptest_config(Config { cases: 12, max_shrink_iters: 60, failure_persistence: None, ..Config::default() })]

    #[test]
    fn two_brokers_answer_alike(deeds in prop::collection::vec(deed(), 1..80)) {
        let real = run(false).block_on(told::<Real>(&deeds));
        let simulated = run(true).block_on(told::<Simulated>(&deeds));
        let alike = real.iter().zip(&simulated).position(|(real, simulated)| real != simulated);
        if let Some(first) = alike {
            let (real, simulated, deed) = (&real[first], &simulated[first], deeds.get(first));
            return Err(TestCaseError::fail(format!("{first}: {deed:?}: {real}, simulated {simulated}")));
        }
        prop_assert_eq!(real.len(), simulated.len());
    }
}
