//! The read model the tests feed: it writes down every message it is given, and can be made to fail.

use std::{
    collections::BTreeMap,
    sync::{
        Arc,
        atomic::{AtomicU32, Ordering},
    },
    time::Duration,
};

use messaging::log::Stored;
use projection::{
    ApplyError, Batch, Handle, Insert, Metrics, Migration, Projection, Projector, ProjectorConfig,
    ProjectorError, Role, Store, Tx, testing::MemoryStreams,
};
use prometheus::Registry;
use sqlx::Row;
use tokio::{sync::Semaphore, task::JoinSet};
use tokio_util::sync::CancellationToken;

pub(crate) const SOON: Duration = Duration::from_secs(20);

const ROWS: Insert =
    Insert { head: "INSERT INTO ledger (stream, sequence, body) VALUES", columns: 3, tail: "" };

/// Switches on a [`Ledger`].
#[derive(Clone)]
pub(crate) struct Switches {
    /// So many times, rows are written and then the batch is refused.
    pub(crate) failures: Arc<AtomicU32>,
    /// Each batch takes a permit between writing its rows and being done.
    pub(crate) gate: Arc<Semaphore>,
    /// Gets a permit each time rows were written.
    pub(crate) written: Arc<Semaphore>,
    /// Where rows are written instead of into the transaction: what must not be done.
    pub(crate) leak: Option<Store>,
}

impl Default for Switches {
    fn default() -> Self {
        Self {
            failures: Arc::default(),
            gate: Arc::new(Semaphore::new(Semaphore::MAX_PERMITS)),
            written: Arc::new(Semaphore::new(0)),
            leak: None,
        }
    }
}

pub(crate) struct Ledger(pub(crate) Switches);

impl Projection for Ledger {
    const NAME: &'static str = "ledger";
    const STREAMS: &'static [&'static str] = &["A", "B"];
    const SCHEMA: &'static [Migration] = &[
        Migration(&["CREATE TABLE ledger (stream TEXT NOT NULL, sequence BIGINT NOT NULL, body {bytes})"]),
        Migration(&["CREATE TABLE gaps (stream TEXT NOT NULL, first BIGINT NOT NULL, last BIGINT NOT NULL)"]),
    ];

    async fn apply(&mut self, tx: &mut Tx, batch: &Batch) -> Result<(), ApplyError> {
        match &self.0.leak {
            None => write_rows(tx, batch).await?,
            Some(elsewhere) => leak_rows(elsewhere, batch).await,
        }
        self.0.written.add_permits(1);
        self.0.gate.acquire().await.unwrap().forget();
        let left = self.0.failures.load(Ordering::SeqCst);
        if left > 0 {
            self.0.failures.store(left - 1, Ordering::SeqCst);
            let first = &batch.entries[0];
            let (stream, sequence) = (first.stream, first.message.sequence);
            return Err(ApplyError::Refused { stream, sequence, reason: "told to".to_owned() });
        }
        Ok(())
    }
}

async fn write_rows(tx: &mut Tx, batch: &Batch) -> Result<(), ApplyError> {
    ROWS.execute(tx, &batch.entries, |query, entry| {
        let body = (!entry.message.payload.is_empty()).then(|| entry.message.payload.to_vec());
        query.bind(entry.stream).bind(entry.message.sequence.cast_signed()).bind(body)
    })
    .await?;
    for gap in &batch.gaps {
        let gap_row = sqlx::query("INSERT INTO gaps (stream, first, last) VALUES ($1, $2, $3)");
        let gap_row = gap_row.bind(gap.stream).bind(gap.first.cast_signed()).bind(gap.last.cast_signed());
        gap_row.execute(&mut *tx).await?;
    }
    Ok(())
}

async fn leak_rows(elsewhere: &Store, batch: &Batch) {
    let mut connection = writer(elsewhere).await;
    write_rows(&mut connection, batch).await.unwrap();
}

/// A connection that may write: what only projectors have in production.
pub(crate) async fn writer(store: &Store) -> sqlx::AnyConnection {
    let mut connection = store.reader().acquire().await.unwrap().detach();
    let allow = match store.backend() {
        projection::Backend::Sqlite => "PRAGMA query_only = OFF",
        projection::Backend::Postgres => "SET default_transaction_read_only = off",
    };
    sqlx::raw_sql(allow).execute(&mut connection).await.unwrap();
    connection
}

/// A projector that runs until it is stopped or killed.
pub(crate) struct Running {
    pub(crate) handle: Handle,
    stop: CancellationToken,
    task: JoinSet<Result<(), ProjectorError>>,
}

impl Running {
    pub(crate) fn start(store: &Store, streams: &MemoryStreams, switches: &Switches) -> Self {
        let config = ProjectorConfig { batch: 100, linger: 1, at_most: Duration::from_millis(1) };
        let metrics = Metrics::register(&Registry::new()).unwrap();
        let (projector, handle) =
            Projector::new(store.clone(), streams.clone(), Ledger(switches.clone()), config, &metrics);
        let stop = CancellationToken::new();
        let mut task = JoinSet::new();
        task.spawn(projector.run(stop.clone()));
        Self { handle, stop, task }
    }

    /// Ends it as SIGKILL would: nothing more of it runs.
    pub(crate) async fn kill(mut self) {
        self.task.shutdown().await;
    }

    pub(crate) fn ask_to_stop(&self) {
        self.stop.cancel();
    }

    pub(crate) async fn ended(mut self) -> Result<(), ProjectorError> {
        tokio::time::timeout(SOON, self.task.join_next()).await.unwrap().unwrap().unwrap()
    }

    pub(crate) async fn stop(self) {
        self.ask_to_stop();
        self.ended().await.unwrap();
    }

    pub(crate) async fn until_projecting(&self) {
        testkit::eventually(SOON, "a projector", async || self.handle.status().role == Role::Projecting)
            .await;
    }

    pub(crate) async fn until(&self, stream: &str, sequence: u64) {
        let passed = tokio::time::timeout(SOON, self.handle.passed(stream, sequence)).await;
        assert!(passed.unwrap_or_else(|_| panic!("stuck: {:?}", self.handle.status())));
    }
}

/// Adds messages to a stream.
pub(crate) fn push(streams: &MemoryStreams, stream: &str, messages: u64) {
    for _ in 0..messages {
        streams.push(stream, message(streams.last(stream) + 1));
    }
}

pub(crate) fn message(sequence: u64) -> Stored {
    Stored {
        sequence,
        timestamp: Default::default(),
        subject: "a.subject".to_owned(),
        headers: Default::default(),
        payload: sequence.to_be_bytes().to_vec().into(),
    }
}

/// How often each message was written down, in the order of writing.
pub(crate) async fn ledger(store: &Store) -> BTreeMap<String, Vec<i64>> {
    let order = match store.backend() {
        projection::Backend::Sqlite => "SELECT stream, sequence FROM ledger ORDER BY rowid",
        projection::Backend::Postgres => "SELECT stream, sequence FROM ledger ORDER BY ctid",
    };
    let rows = sqlx::query(order).fetch_all(store.reader()).await.unwrap();
    let mut ledger = BTreeMap::<String, Vec<i64>>::new();
    for row in rows {
        ledger.entry(row.get(0)).or_default().push(row.get(1));
    }
    ledger
}

/// Each message is there once and in order.
pub(crate) async fn assert_exactly_once(store: &Store, streams: &MemoryStreams) {
    let ledger = ledger(store).await;
    for stream in Ledger::STREAMS {
        let expected: Vec<i64> = (1..=streams.last(stream).cast_signed()).collect();
        assert_eq!(ledger.get(*stream).cloned().unwrap_or_default(), expected, "{stream}");
    }
}
