//! Two projectors on one database: one works, and never both.

use projection::{
    Role, Store,
    testing::{self, Database, MemoryStreams},
};
use testkit::eventually;

use crate::ledger::{Running, SOON, Switches, assert_exactly_once, push, writer};

#[tokio::test]
async fn one_projects_the_other_stands_by_and_takes_over() {
    for database in testing::databases().await {
        takes_over(&database).await;
    }
}

async fn takes_over(database: &Database) {
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
    }
    running.stop().await;
    assert_exactly_once(&Store::open(database.url()).await.unwrap(), &streams).await;
}

/// Somebody has deleted the lock, and both believe to have it: the offsets alone, compared and set, keep
/// the two apart.
#[tokio::test]
async fn without_a_lock_the_offsets_let_only_one_commit() {
    let database = testing::sqlite();
    let (one, other) =
        (Store::open(database.url()).await.unwrap(), Store::open(database.url()).await.unwrap());
    let (streams, switches) = (MemoryStreams::default(), Switches::default());
    let first = Running::start(&one, &streams, &switches);
    first.until_projecting().await;
    let file = database.url().trim_start_matches("sqlite://");
    std::fs::remove_file(format!("{file}.ledger.lock")).unwrap();
    let second = Running::start(&other, &streams, &switches);
    second.until_projecting().await;
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

#[tokio::test]
async fn a_lock_is_found_by_whichever_way_leads_to_the_file() {
    let database = testing::sqlite();
    let file = database.url().trim_start_matches("sqlite://");
    let link = file.replace("test.db", "link.db");
    let store = Store::open(database.url()).await.unwrap();
    std::os::unix::fs::symlink(file, &link).unwrap();
    let linked = Store::open(&format!("sqlite://{link}")).await.unwrap();
    let (streams, switches) = (MemoryStreams::default(), Switches::default());
    let first = Running::start(&store, &streams, &switches);
    first.until_projecting().await;
    let second = Running::start(&linked, &streams, &switches);
    eventually(SOON, "a standby", async || second.handle.status().role == Role::Standby).await;
    assert_eq!(first.handle.status().role, Role::Projecting);
    first.stop().await;
    second.until_projecting().await;
    second.stop().await;
}
