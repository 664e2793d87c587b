//! A release follows another, and is taken back after it has been at work.

use events::{DecodeError, RawEnvelope, Timestamp, TraceId};
use messaging::{
    journal::{Decider, InputStream, JournalConfig, Meta},
    log::Log,
};
use serde_json::{Value, json};
use testkit::eventually;

use crate::{
    journal_trust::sealed,
    support::{Add, Added, Adder, Replica, SOON, Sum, add, fleet},
};

/// The adder of a later release, which keeps its state in another shape.
struct Later;

impl Decider for Later {
    type State = Sum;
    type Input = Add;
    type Event = Added;

    const STATE_VERSION: u32 = Adder::STATE_VERSION + 1;
    const READS_FROM: u32 = Adder::STATE_VERSION;

    fn inputs(&self) -> &'static [InputStream] {
        Adder.inputs()
    }

    fn read_input(&self, raw: &RawEnvelope<'_>) -> Result<Add, DecodeError> {
        Adder.read_input(raw)
    }

    fn read_event(&self, raw: &RawEnvelope<'_>) -> Result<Added, DecodeError> {
        Adder.read_event(raw)
    }

    fn decide(&self, state: &Sum, input: &Add, meta: &Meta) -> Vec<Added> {
        Adder.decide(state, input, meta)
    }

    fn tick(&self, state: &Sum, now: Timestamp) -> Vec<(Added, TraceId)> {
        Adder.tick(state, now)
    }

    fn evolve(&self, state: &mut Sum, event: &Added, meta: &Meta) {
        Adder.evolve(state, event, meta);
    }
}

fn often(config: &mut JournalConfig) {
    config.snapshot_messages = 5;
}

async fn publish(log: &impl Log, numbers: std::ops::Range<u64>) -> u64 {
    for number in numbers.clone() {
        log.publish(&add(number), None).await.unwrap();
    }
    numbers.sum()
}

/// Both start from the earlier one's last snapshot: without that they would have to read the journal from a beginning
/// that ages out. The snapshot says something else than the journal here, so that it can be told from a fold of the
/// whole.
#[tokio::test]
async fn a_later_release_starts_where_the_earlier_one_was_and_leaves_its_snapshots_to_it() {
    let (_broker, js) = fleet().await;
    let earlier = Replica::start_with(js.clone(), "a", often);
    earlier.leads().await;
    let total = publish(&js, 100..120).await;
    earlier.reaches(total).await;
    let taken = async || js.snapshots("ORDERS").await.unwrap().first().copied();
    eventually(SOON, "a snapshot of the earlier release", taken).await;
    earlier.retire().await;
    let own = js.snapshots("ORDERS").await.unwrap();
    let body = js.load_snapshot("ORDERS", own[0]).await.unwrap().unwrap();
    let mut marked: Value = serde_json::from_slice(&body[65..]).unwrap();
    let mark = 1_000_000;
    marked["state"]["total"] = json!(marked["state"]["total"].as_u64().unwrap() + mark);
    js.save_snapshot("ORDERS", own[0], sealed(&marked)).await.unwrap();

    let later = Replica::of(Later, js.clone(), "a", often);
    later.leads().await;
    let mut total = total + mark;
    later.reaches(total).await;
    let mut taken = Vec::new();
    // More than are kept, so that the oldest are forgotten.
    for round in 2..=6 {
        total += publish(&js, round * 100..round * 100 + 10).await;
        later.reaches(total).await;
        let newest = async || {
            let newest = js.snapshots("ORDERS@2.2").await.ok()?.first().copied();
            newest.filter(|newest| taken.last() != Some(newest))
        };
        taken.push(eventually(SOON, "a snapshot of the later release", newest).await);
    }
    later.retire().await;
    assert!(!js.snapshots("ORDERS@2.2").await.unwrap().contains(&taken[0]), "the later release tidies up");
    assert_eq!(js.snapshots("ORDERS").await.unwrap(), own, "but not what is not its own");

    let earlier = Replica::start_with(js.clone(), "a", often);
    earlier.leads().await;
    earlier.reaches(total).await;
    total += publish(&js, 700..710).await;
    earlier.reaches(total).await;
}
