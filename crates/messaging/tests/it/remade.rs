//! Streams and snapshots that are not what they were: made anew, cut off, damaged, or claimed twice.

use messaging::{journal::JournalConfig, log::Log};
use testkit::{Broker, eventually};

use crate::support::{Replica, SOON, add, connect, fleet, setup};

/// Takes a snapshot every few messages.
fn often(config: &mut JournalConfig) {
    config.snapshot_messages = 10;
}

async fn raw(broker: &Broker) -> async_nats::jetstream::Context {
    async_nats::jetstream::new(async_nats::connect(broker.url()).await.unwrap())
}

/// The chunks of a snapshot are gone: the journal starts from the one before, or from the beginning.
#[tokio::test]
async fn a_snapshot_without_its_bytes_is_no_obstacle() {
    let (broker, js) = fleet().await;
    let first = Replica::start_with(js.clone(), "a", often);
    first.leads().await;
    for n in 100..=130 {
        js.publish(&add(n), None).await.unwrap();
    }
    let total = (100..=130).sum::<u64>();
    first.reaches(total).await;
    eventually(SOON, "a snapshot", async || js.snapshots("ORDERS").await.is_ok_and(|all| !all.is_empty()))
        .await;
    first.retire().await;
    let stream = raw(&broker).await.get_stream("OBJ_journal-snapshots-ORDERS").await.unwrap();
    let purged = stream.purge().filter("$O.journal-snapshots-ORDERS.C.>").await.unwrap();
    assert!(purged.purged > 0, "the snapshot has bytes");
    let second = Replica::start(js.clone(), "a");
    second.leads().await;
    second.reaches(total).await;
}

/// REQUESTS was made anew: what callers ask for from then on must not be passed over in silence.
#[tokio::test]
async fn an_input_that_was_made_anew_is_not_taken_for_the_old_one() {
    let (broker, js) = fleet().await;
    let first = Replica::start(js.clone(), "a");
    first.leads().await;
    for n in 100..=150 {
        js.publish(&add(n), None).await.unwrap();
    }
    first.reaches((100..=150).sum()).await;
    first.retire().await;
    raw(&broker).await.delete_stream("REQUESTS").await.unwrap();
    setup(&js).await;
    let mut second = Replica::start(js.clone(), "a");
    for n in 200..=220 {
        js.publish(&add(n), None).await.unwrap();
    }
    let total: u64 = (100..=150).sum::<u64>() + (200..=220).sum::<u64>();
    let refused = tokio::time::timeout(SOON, second.task.join_next()).await.is_ok();
    let sum = second.handle.read(|sum| sum.total).await.unwrap_or(0);
    assert!(
        refused || sum == total,
        "accepted requests are ignored, and the journal says {:?}",
        second.handle.status().borrow()
    );
}

/// The journal ends before the snapshot: it must say so, not be "ready" and hang.
#[tokio::test]
async fn a_journal_that_ends_before_its_snapshot_is_refused() {
    let (broker, js) = fleet().await;
    let first = Replica::start_with(js.clone(), "a", often);
    first.leads().await;
    for n in 100..=150 {
        js.publish(&add(n), None).await.unwrap();
    }
    first.reaches((100..=150).sum()).await;
    eventually(SOON, "a snapshot", async || js.snapshots("ORDERS").await.is_ok_and(|all| !all.is_empty()))
        .await;
    first.retire().await;
    raw(&broker).await.delete_stream("ORDERS").await.unwrap();
    setup(&js).await;
    let mut second = Replica::start(js.clone(), "a");
    let ended = tokio::time::timeout(SOON, second.task.join_next()).await;
    assert!(ended.is_ok(), "it hangs, and says {:?}", second.handle.status().borrow());
}

/// Two replicas are given the same name by mistake.
#[tokio::test]
async fn two_of_one_name_do_not_take_the_journal_from_each_other() {
    let (broker, js) = fleet().await;
    let a = Replica::start(connect(&broker, "same").await, "same");
    let b = Replica::start(connect(&broker, "same").await, "same");
    eventually(SOON, "a leader", async || a.is_leading() || b.is_leading()).await;
    let mut total = 0;
    for n in 100..=160 {
        js.publish(&add(n), None).await.unwrap();
        total += n;
        a.reaches(total).await;
        b.reaches(total).await;
    }
    assert!(a.sum().await.times.values().all(|times| *times == 1));
    let epoch = a.handle.status().borrow().epoch;
    assert!(epoch <= 4, "they took the journal from each other {epoch} times");
}

/// The journal is cut off under a living leader: it must not hang.
#[tokio::test]
async fn a_leader_whose_journal_is_made_anew_starts_again() {
    let (broker, js) = fleet().await;
    let replica = Replica::start(js.clone(), "a");
    replica.leads().await;
    for n in 100..=150 {
        js.publish(&add(n), None).await.unwrap();
    }
    replica.reaches((100..=150).sum()).await;
    raw(&broker).await.delete_stream("ORDERS").await.unwrap();
    setup(&js).await;
    js.publish(&add(200), None).await.unwrap();
    // Without a snapshot, everything is decided again from the inputs that are still there.
    replica.reaches((100..=150).sum::<u64>() + 200).await;
}
