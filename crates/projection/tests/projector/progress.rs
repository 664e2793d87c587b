//! What is missing is reported, and how far it is can be relied on.

use projection::{
    Projection, Role, Store,
    testing::{self, MemoryStreams},
};
use sqlx::Row;
use testkit::eventually;

use crate::ledger::{Ledger, Running, SOON, Switches, message, push, writer};

#[tokio::test]
async fn missing_sequences_are_reported_once() {
    for database in testing::databases().await {
        let store = Store::open(database.url()).await.unwrap();
        let (streams, switches) = (MemoryStreams::default(), Switches::default());
        streams.push_at("A", message(5));
        streams.push_at("A", message(6));
        streams.push_at("A", message(9));
        push(&streams, "B", 2);
        let running = Running::start(&store, &streams, &switches);
        running.until("A", 9).await;
        running.stop().await;
        // After a restart the gap is seen from the stored offset.
        streams.push_at("A", message(20));
        let running = Running::start(&store, &streams, &switches);
        running.until("A", 20).await;
        running.stop().await;

        let rows = sqlx::query("SELECT stream, first, last FROM gaps ORDER BY first");
        let rows = rows.fetch_all(store.reader()).await.unwrap();
        let gaps: Vec<(String, i64, i64)> =
            rows.iter().map(|row| (row.get(0), row.get(1), row.get(2))).collect();
        let gap = |first, last| ("A".to_owned(), first, last);
        assert_eq!(gaps, [gap(1, 4), gap(7, 8), gap(10, 19)]);
    }
}

#[tokio::test]
async fn caught_up_means_what_was_there_at_the_start() {
    let database = testing::sqlite();
    let store = Store::open(database.url()).await.unwrap();
    let streams = MemoryStreams::default();
    let blocked =
        Switches { gate: std::sync::Arc::new(tokio::sync::Semaphore::new(1)), ..Switches::default() };
    push(&streams, "A", 150);
    let running = Running::start(&store, &streams, &blocked);
    running.until("A", 1).await;
    assert_eq!(running.handle.status().unready().as_deref(), Some("catching up with the streams"));

    blocked.gate.add_permits(1_000);
    running.until("A", 150).await;
    eventually(SOON, "readiness", async || running.handle.status().unready().is_none()).await;
    running.stop().await;
}

#[tokio::test]
async fn an_empty_fleet_is_caught_up_at_once() {
    for database in testing::databases().await {
        let store = Store::open(database.url()).await.unwrap();
        let running = Running::start(&store, &MemoryStreams::default(), &Switches::default());
        eventually(SOON, "readiness", async || running.handle.status().unready().is_none()).await;
        assert_eq!(running.handle.status().role, Role::Projecting);
        running.stop().await;
    }
}

#[tokio::test]
async fn messages_that_are_gone_are_not_waited_for() {
    let database = testing::sqlite();
    let store = Store::open(database.url()).await.unwrap();
    let streams = MemoryStreams::default();
    push(&streams, "A", 7);
    streams.delete("A", 6);
    streams.delete("A", 7);
    push(&streams, "B", 2);
    streams.delete("B", 1);
    streams.delete("B", 2);
    let running = Running::start(&store, &streams, &Switches::default());
    eventually(SOON, "readiness", async || running.handle.status().unready().is_none()).await;
    assert_eq!(running.handle.status().applied("A"), 5);
    running.stop().await;
}

#[tokio::test]
async fn tables_of_a_later_release_are_not_touched() {
    for database in testing::databases().await {
        let store = Store::open(database.url()).await.unwrap();
        let (streams, switches) = (MemoryStreams::default(), Switches::default());
        push(&streams, "A", 1);
        let running = Running::start(&store, &streams, &switches);
        running.until("A", 1).await;
        running.stop().await;

        let mut connection = writer(&store).await;
        sqlx::query("UPDATE projection_schemas SET version = version + 1 WHERE projection = $1")
            .bind(Ledger::NAME)
            .execute(&mut connection)
            .await
            .unwrap();
        push(&streams, "A", 1);
        let refusal = Running::start(&store, &streams, &switches).ended().await.unwrap_err().to_string();
        assert_eq!(refusal, "the tables of `ledger` have version 3, this release knows up to 2");
    }
}

#[tokio::test]
async fn a_database_that_comes_later_is_waited_for() {
    let Some(database) = testing::postgres().await else { return };
    // The database of this name does not exist yet.
    let late = format!("{}_late", database.url().split('?').next().unwrap());
    let store = Store::open(&late).await.unwrap();
    let (streams, switches) = (MemoryStreams::default(), Switches::default());
    push(&streams, "A", 1);
    let running = Running::start(&store, &streams, &switches);
    eventually(SOON, "a complaint", async || running.handle.status().problem.is_some()).await;

    let mut connection = writer(&Store::open(database.url()).await.unwrap()).await;
    let name = late.rsplit('/').next().unwrap();
    let create = sqlx::AssertSqlSafe(format!("CREATE DATABASE {name}"));
    sqlx::raw_sql(create).execute(&mut connection).await.unwrap();
    running.until("A", 1).await;
    running.stop().await;
}
