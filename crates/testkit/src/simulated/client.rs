//! A simulated process's way to the simulated broker.

use std::sync::Arc;

use messaging::log::{Ack, Attempts, Beat, Extent, Log, Message, PublishError, Stored, Unavailable};

use super::{
    beats::SimBeats,
    connection::ClientId,
    consumer::SimConsumer,
    faults::NetFaults,
    link::{Heard, PATIENCE},
    reader::SimReader,
    server::{Server, Shared},
    storing::no_stream,
};

/// One simulated process's connection to a [`SimBroker`](super::SimBroker); clones are the same connection.
#[derive(Clone)]
pub struct SimLog {
    pub(super) shared: Arc<Shared>,
    pub(super) id: ClientId,
}

impl SimLog {
    /// The process dies now: nothing it does from now on takes effect, and nothing it waits for comes.
    /// What it has sent already may arrive; what was in its hands is handed out again after a while.
    pub fn crash(&self) {
        self.shared.lock().crash(self.id);
    }

    /// The process dies after so many more steps. A step is a request that is sent or takes effect, so that
    /// death may come between an effect and its answer.
    pub fn crash_after(&self, steps: u64) {
        self.shared.lock().connection(self.id).steps_left = Some(steps);
    }

    /// Whether the process is dead.
    #[must_use]
    pub fn is_dead(&self) -> bool {
        self.shared.lock().connection(self.id).is_dead()
    }

    /// Waits until the process dies.
    pub async fn death(&self) {
        let mut crashed = self.shared.lock().connection(self.id).crashed.subscribe();
        // The connection lives as long as the server; that it is gone means death as well.
        let _dead = crashed.wait_for(|crashed| *crashed).await;
    }

    /// The process is stopped: it sends nothing and hears nothing until it [thaws](Self::thaw).
    pub fn freeze(&self) {
        self.shared.lock().freeze(self.id);
    }

    /// The process runs again; what it has not heard so far arrives now.
    pub fn thaw(&self) {
        self.shared.lock().thaw(self.id);
    }

    /// Faults of this process alone instead of the broker's; `None` for the broker's again.
    pub fn set_faults(&self, faults: Option<NetFaults>) {
        let id = self.id;
        self.shared.lock().rewire(|server| server.connection(id).faults = faults);
    }

    /// Sends a request and waits for the answer; `None` if none comes in time.
    async fn ask<T: Send + 'static>(
        &self,
        what: impl FnOnce() -> String + Send,
        work: impl FnOnce(&mut Server) -> T + Send + 'static,
        tell: fn(&T) -> String,
    ) -> Option<T> {
        let heard = {
            let mut server = self.shared.lock();
            let what = server.trace.text(what);
            server.ask(self.id, what, work, tell)
        };
        let answer = tokio::time::timeout(PATIENCE, answer(heard)).await.ok().flatten();
        self.awake().await;
        answer
    }

    /// Sends a request that is answered by a value or by silence.
    async fn request<T: Send + 'static>(
        &self,
        what: impl FnOnce() -> String + Send,
        work: impl FnOnce(&mut Server) -> Result<T, Unavailable> + Send + 'static,
    ) -> Result<T, Unavailable> {
        let tell = |done: &Result<T, Unavailable>| match done {
            Ok(_) => "ok".to_owned(),
            Err(error) => error.to_string(),
        };
        self.ask(what, work, tell).await.unwrap_or_else(|| Err(Unavailable("no answer".to_owned())))
    }

    /// Returns when the process runs: at once, after it has thawed, or never.
    pub(super) async fn awake(&self) {
        tokio::task::coop::consume_budget().await;
        loop {
            let thawed = {
                let mut server = self.shared.lock();
                let connection = server.connection(self.id);
                match (connection.is_dead(), connection.is_frozen()) {
                    (false, false) => return,
                    (false, true) => Some(connection.thawed()),
                    (true, _) => None,
                }
            };
            match thawed {
                Some(thawed) => thawed.await,
                None => std::future::pending().await,
            }
        }
    }
}

/// The answer to a request that is never heard of is awaited for ever.
async fn answer<T>(heard: Heard<T>) -> Option<T> {
    match heard.await {
        Ok(answer) => answer,
        Err(_lost) => std::future::pending().await,
    }
}

fn outcome(done: &Result<Ack, PublishError>) -> String {
    match done {
        Ok(Ack { sequence, duplicate: false }) => format!("stored, the last as {sequence}"),
        Ok(Ack { sequence, duplicate: true }) => format!("known as {sequence}"),
        Err(error) => error.to_string(),
    }
}

fn unknown() -> PublishError {
    PublishError::Unknown("no answer".to_owned())
}

impl Log for SimLog {
    type Reader = SimReader;
    type Consumer = SimConsumer;
    type Beats = SimBeats;

    async fn publish(&self, message: &Message, expect: Option<u64>) -> Result<Ack, PublishError> {
        self.publish_batch(std::slice::from_ref(message), expect).await
    }

    async fn publish_batch(&self, messages: &[Message], expect: Option<u64>) -> Result<Ack, PublishError> {
        let batch = messages.to_vec();
        let what = || {
            let subjects: Vec<_> = messages.iter().map(|message| message.subject.as_str()).collect();
            let expected = expect.map(|last| format!(" after {last}")).unwrap_or_default();
            format!("publish {}{expected}", subjects.join(", "))
        };
        let stored = self.ask(what, move |server| server.publish(batch, expect), outcome).await;
        stored.unwrap_or_else(|| Err(unknown()))
    }

    async fn extent(&self, stream: &str) -> Result<Extent, Unavailable> {
        let name = stream.to_owned();
        self.request(|| format!("extent of {stream}"), move |server| server.extent(&name)).await
    }

    async fn get(&self, stream: &str, sequence: u64) -> Result<Option<Stored>, Unavailable> {
        let name = stream.to_owned();
        let work = move |server: &mut Server| {
            let stream = server.streams.get(&name).ok_or_else(|| no_stream(&name))?;
            Ok(stream.get(sequence).cloned())
        };
        self.request(|| format!("get {stream}:{sequence}"), work).await
    }

    fn read(&self, stream: &str, subjects: &[&str], after: u64) -> SimReader {
        SimReader::new(self.clone(), stream, subjects, after)
    }

    fn consume(&self, stream: &str, durable: &str) -> SimConsumer {
        SimConsumer::new(self.clone(), stream, durable)
    }

    async fn save_attempts(
        &self,
        durable: &str,
        sequence: u64,
        attempts: &Attempts,
    ) -> Result<(), Unavailable> {
        let (key, attempts) = ((durable.to_owned(), sequence), *attempts);
        let what = || format!("save attempts at {durable}:{sequence}: {attempts:?}");
        self.request(what, move |server| server.keep_attempts(key, attempts)).await
    }

    async fn load_attempts(&self, durable: &str, sequence: u64) -> Result<Option<Attempts>, Unavailable> {
        let key = (durable.to_owned(), sequence);
        let what = || format!("load attempts at {durable}:{sequence}");
        self.request(what, move |server| Ok(server.attempts.get(&key).copied())).await
    }

    async fn beat(&self, journal: &str, beat: &Beat) {
        self.shared.lock().beat(self.id, journal, beat);
        self.awake().await;
    }

    fn beats(&self, journal: &str) -> SimBeats {
        SimBeats::new(self.clone(), journal)
    }

    async fn save_snapshot(&self, journal: &str, sequence: u64, body: Vec<u8>) -> Result<(), Unavailable> {
        let name = journal.to_owned();
        let work = move |server: &mut Server| server.keep(&name, sequence, body);
        self.request(|| format!("save snapshot {journal}:{sequence}"), work).await
    }

    async fn snapshots(&self, journal: &str) -> Result<Vec<u64>, Unavailable> {
        let name = journal.to_owned();
        self.request(|| format!("list snapshots of {journal}"), move |server| Ok(server.kept(&name))).await
    }

    async fn load_snapshot(&self, journal: &str, sequence: u64) -> Result<Option<Vec<u8>>, Unavailable> {
        let key = (journal.to_owned(), sequence);
        let work = move |server: &mut Server| {
            let intact = server.snapshots.get(&key).filter(|snapshot| !snapshot.damaged);
            Ok(intact.map(|snapshot| snapshot.body.clone()))
        };
        self.request(|| format!("load snapshot {journal}:{sequence}"), work).await
    }

    async fn drop_snapshot(&self, journal: &str, sequence: u64) -> Result<(), Unavailable> {
        let key = (journal.to_owned(), sequence);
        let work = move |server: &mut Server| match server.snapshots.remove(&key) {
            Some(_) => Ok(()),
            None => Err(Unavailable("there is no such snapshot".to_owned())),
        };
        self.request(|| format!("drop snapshot {journal}:{sequence}"), work).await
    }
}
