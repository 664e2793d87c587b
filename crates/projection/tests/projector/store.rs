//! The store: durable or not opened, and the same SQL on both databases.

use projection::{
    Backend, Store,
    testing::{self, MemoryStreams},
};
use sqlx::{Connection, Row};

use crate::ledger::{Running, Switches, push, writer};

async fn refusal(url: &str) -> String {
    Store::open(url).await.unwrap_err().to_string()
}

#[tokio::test]
async fn what_cannot_be_durable_is_refused() {
    for no_file in ["sqlite::memory:", "sqlite://:memory:", "sqlite://", "sqlite://a.db?mode=memory"] {
        assert!(refusal(no_file).await.contains("a file name, without parameters"), "{no_file}");
    }
    assert!(refusal("mysql://localhost/x").await.contains("sqlite:// or postgres://"));
    assert!(refusal("").await.contains("sqlite:// or postgres://"));
    let directory = testing::sqlite();
    let not_a_directory = directory.url().replace("test.db", "file");
    let file = not_a_directory.trim_start_matches("sqlite://");
    std::fs::write(file, "not a database, but longer than the header of one would be, so that it is read")
        .unwrap();
    assert!(refusal(&not_a_directory).await.contains("cannot be opened"));
    assert!(refusal(&format!("{not_a_directory}/below/a.db")).await.contains("directory"));
}

#[tokio::test]
async fn the_file_and_its_directory_are_created() {
    let directory = testing::sqlite();
    for name in ["deep/er/audit.db", "with space/audit.db", "per%25cent.db"] {
        let store = Store::open(&directory.url().replace("test.db", name)).await.unwrap();
        assert_eq!(store.backend(), Backend::Sqlite);
    }
    let base = directory.url().trim_start_matches("sqlite://").trim_end_matches("test.db").to_owned();
    assert!(std::path::Path::new(&base).join("per%cent.db").is_file());
    assert!(std::path::Path::new(&base).join("with space/audit.db").is_file());
}

#[tokio::test]
async fn readers_cannot_write() {
    for database in testing::databases().await {
        let store = Store::open(database.url()).await.unwrap();
        let written = sqlx::query("CREATE TABLE t (a BIGINT)").execute(store.reader()).await;
        let error = written.unwrap_err().to_string();
        assert!(error.contains("readonly") || error.contains("read-only"), "{error}");
    }
}

#[tokio::test]
async fn readers_do_not_wait_for_an_open_transaction() {
    for database in testing::databases().await {
        let store = Store::open(database.url()).await.unwrap();
        let streams = MemoryStreams::default();
        push(&streams, "A", 3);
        let running = Running::start(&store, &streams, &Switches::default());
        running.until("A", 3).await;
        running.stop().await;

        let mut connection = writer(&store).await;
        let mut tx = connection.begin().await.unwrap();
        sqlx::query("DELETE FROM ledger").execute(&mut *tx).await.unwrap();
        let rows = sqlx::query("SELECT COUNT(*) FROM ledger").fetch_one(store.reader()).await.unwrap();
        assert_eq!(rows.get::<i64, _>(0), 3);
        tx.rollback().await.unwrap();
    }
}

#[tokio::test]
async fn values_come_back_as_they_were() {
    for database in testing::databases().await {
        let store = Store::open(database.url()).await.unwrap();
        let mut connection = writer(&store).await;
        let bytes = match store.backend() {
            Backend::Sqlite => "BLOB",
            Backend::Postgres => "BYTEA",
        };
        let table = format!("CREATE TABLE v (n BIGINT, t TEXT, b {bytes}, ok BOOLEAN)");
        sqlx::raw_sql(sqlx::AssertSqlSafe(table)).execute(&mut connection).await.unwrap();
        let insert = "INSERT INTO v (n, t, b) VALUES ($1, $2, $3), ($4, $5, $6)";
        sqlx::query(insert)
            .bind(i64::MAX)
            .bind("ä\u{1F600}'\"$1?")
            .bind(vec![0_u8, 255, 0])
            .bind(None::<i64>)
            .bind(None::<String>)
            .bind(None::<Vec<u8>>)
            .execute(&mut connection)
            .await
            .unwrap();
        // The same placeholder twice is the same value on both.
        let select = "SELECT n, t, b FROM v WHERE n = $1 OR ($1 = $1 AND n IS NULL) ORDER BY n IS NULL";
        let rows = sqlx::query(select).bind(i64::MAX).fetch_all(&mut connection).await.unwrap();
        assert_eq!(rows[0].get::<i64, _>(0), i64::MAX);
        assert_eq!(rows[0].get::<String, _>(1), "ä\u{1F600}'\"$1?");
        assert_eq!(rows[0].get::<Vec<u8>, _>(2), [0, 255, 0]);
        assert_eq!(rows[1].get::<Option<i64>, _>(0), None);
        assert_eq!(rows[1].get::<Option<String>, _>(1), None);
        assert_eq!(rows[1].get::<Option<Vec<u8>>, _>(2), None);
    }
}
