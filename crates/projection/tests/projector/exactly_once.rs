//! Each message has its effect once, whatever fails when.

use std::sync::{Arc, atomic::Ordering};

use projection::{
    Store,
    testing::{self, MemoryStreams},
};
use tokio::sync::Semaphore;

use crate::ledger::{Running, Switches, assert_exactly_once, ledger, push};

#[tokio::test]
async fn a_projector_goes_on_where_the_last_one_stopped() {
    for database in testing::databases().await {
        let store = Store::open(database.url()).await.unwrap();
        let (streams, switches) = (MemoryStreams::default(), Switches::default());
        push(&streams, "A", 450);
        for round in 1..=3 {
            let running = Running::start(&store, &streams, &switches);
            push(&streams, "A", 70);
            push(&streams, "B", 130);
            running.until("A", 450 + 70 * round).await;
            running.until("B", 130 * round).await;
            running.stop().await;
        }
        assert_exactly_once(&store, &streams).await;
    }
}

#[tokio::test]
async fn killed_in_the_midst_of_a_batch_nothing_of_it_remains() {
    for database in testing::databases().await {
        let store = Store::open(database.url()).await.unwrap();
        let streams = MemoryStreams::default();
        let blocked = Switches { gate: Arc::new(Semaphore::new(1)), ..Switches::default() };
        push(&streams, "A", 150);
        let running = Running::start(&store, &streams, &blocked);
        running.until("A", 1).await;
        let _second_batch = blocked.written.acquire_many(2).await.unwrap();
        running.kill().await;

        let running = Running::start(&store, &streams, &Switches::default());
        running.until("A", 150).await;
        running.stop().await;
        assert_exactly_once(&store, &streams).await;
    }
}

#[tokio::test]
async fn a_failed_batch_comes_again_and_is_applied_once() {
    for database in testing::databases().await {
        let store = Store::open(database.url()).await.unwrap();
        let (streams, switches) = (MemoryStreams::default(), Switches::default());
        switches.failures.store(2, Ordering::SeqCst);
        push(&streams, "A", 120);
        push(&streams, "B", 5);
        let running = Running::start(&store, &streams, &switches);
        running.until("A", 120).await;
        running.until("B", 5).await;
        assert_eq!(switches.failures.load(Ordering::SeqCst), 0);
        assert_eq!(running.handle.status().problem, None);
        running.stop().await;
        assert_exactly_once(&store, &streams).await;
    }
}

/// The negative control of the test above: rows that do not share the offsets' transaction are doubled
/// by the same failures, and the same look at the table sees it.
#[tokio::test]
async fn rows_outside_the_transaction_would_be_doubled() {
    let (database, elsewhere) = (testing::sqlite(), testing::sqlite());
    let store = Store::open(database.url()).await.unwrap();
    let leak = Store::open(elsewhere.url()).await.unwrap();
    let streams = MemoryStreams::default();
    let prepare = Running::start(&leak, &streams, &Switches::default());
    prepare.until_projecting().await;
    prepare.stop().await;

    let switches = Switches { leak: Some(leak.clone()), ..Switches::default() };
    switches.failures.store(2, Ordering::SeqCst);
    push(&streams, "A", 3);
    let running = Running::start(&store, &streams, &switches);
    running.until("A", 3).await;
    running.stop().await;
    assert!(ledger(&leak).await["A"].len() > 3);
}

#[tokio::test]
async fn told_to_stop_it_finishes_the_transaction_under_way() {
    for database in testing::databases().await {
        let store = Store::open(database.url()).await.unwrap();
        let streams = MemoryStreams::default();
        let switches = Switches { gate: Arc::new(Semaphore::new(0)), ..Switches::default() };
        push(&streams, "A", 3);
        let running = Running::start(&store, &streams, &switches);
        let _written = switches.written.acquire().await.unwrap();
        running.ask_to_stop();
        switches.gate.add_permits(1);
        running.ended().await.unwrap();
        assert_exactly_once(&store, &streams).await;
    }
}
