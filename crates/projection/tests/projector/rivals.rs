//! Two projectors on one database: one works, and never both.

use projection::{
    Role, Store,
    testing::{self, MemoryStreams},
};
use testkit::eventually;

use crate::ledger::{Running, SOON, Switches, assert_exactly_once, push, writer};

#[tokio::test]
async fn one_projects_the_other_stands_by_and_takes_over() {
    let Some(database) = testing::postgres().await else { return };
    let (first_store, second_store) =
        (Store::open(database.url()).await.unwrap(), Store::open(database.url()).await.unwrap());
    let (streams, switches) = (MemoryStreams::default(), Switches::default());
    push(&streams, "A", 10);
    let first = Running::start(&first_store, &streams, &switches);
    first.until("A", 10).await;
    let second = Running::start(&second_store, &streams, &switches);

    // The standby reports what can be read, and is ready to be read from.
    second.until("A", 10).await;
    eventually(SOON, "a standby that is ready", async || {
        let status = second.handle.status();
        status.role == Role::Standby && status.unready().is_none()
    })
    .await;
    push(&streams, "A", 200);
    second.until("A", 210).await;
    assert_eq!(first.handle.status().role, Role::Projecting);

    first.kill().await;
    push(&streams, "A", 200);
    second.until("A", 410).await;
    assert_eq!(second.handle.status().role, Role::Projecting);
    second.stop().await;
    assert_exactly_once(&first_store, &streams).await;
}

#[tokio::test]
async fn a_session_ended_by_the_server_is_replaced() {
    let Some(database) = testing::postgres().await else { return };
    let store = Store::open(database.url()).await.unwrap();
    let (streams, switches) = (MemoryStreams::default(), Switches::default());
    let running = Running::start(&store, &streams, &switches);
    let mut server = writer(&store).await;
    for round in 1..=3 {
        push(&streams, "A", 50);
        running.until("A", 50 * round - 49).await;
        sqlx::query(
            "SELECT pg_terminate_backend(pid) FROM pg_stat_activity \
             WHERE datname = current_database() AND pid <> pg_backend_pid()",
        )
        .execute(&mut server)
        .await
        .unwrap();
        push(&streams, "A", 1);
        push(&streams, "B", 7);
        running.until("A", 51 * round).await;
        running.until("B", 7 * round).await;
        push_back(&streams, round);
    }
    running.stop().await;
    assert_exactly_once(&Store::open(database.url()).await.unwrap(), &streams).await;
}

/// Keeps the arithmetic of the rounds above honest: each adds 51 messages.
fn push_back(streams: &MemoryStreams, round: u64) {
    assert_eq!(streams.last("A"), 51 * round);
}

/// SQLite has no lock between processes that lasts longer than a transaction: here the offsets alone,
/// compared and set, keep the two apart.
#[tokio::test]
async fn without_a_lock_the_offsets_let_only_one_commit() {
    let database = testing::sqlite();
    let (one, other) =
        (Store::open(database.url()).await.unwrap(), Store::open(database.url()).await.unwrap());
    let (streams, switches) = (MemoryStreams::default(), Switches::default());
    let first = Running::start(&one, &streams, &switches);
    let second = Running::start(&other, &streams, &switches);
    for _ in 0..20 {
        push(&streams, "A", 20);
        push(&streams, "B", 20);
        let last = streams.last("A");
        eventually(SOON, "one of them", async || {
            let applied = |running: &Running| running.handle.status().applied("A");
            applied(&first).max(applied(&second)) >= last
        })
        .await;
    }
    first.until("B", 400).await;
    second.until("B", 400).await;
    first.stop().await;
    second.stop().await;
    assert_exactly_once(&one, &streams).await;
}
