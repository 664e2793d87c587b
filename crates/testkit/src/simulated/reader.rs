//! Ordered reading of a simulated stream.

use std::sync::Arc;

use messaging::log::{Reader, Stored};
use tokio::{sync::Notify, time::Instant};

use super::{
    client::SimLog,
    server::Server,
    stream::{Interest, Stream},
};

/// Reads one simulated stream in order, once each, for ever.
pub struct SimReader {
    log: SimLog,
    stream: String,
    filters: Vec<String>,
    /// The last sequence looked at.
    after: u64,
    /// When the next messages arrive, if they are on their way.
    arrives: Option<Instant>,
    id: u64,
    wake: Arc<Notify>,
}

/// What there is for a reader.
enum Next {
    Messages(Vec<Stored>),
    At(Instant),
    Nothing,
}

impl SimReader {
    pub(super) fn new(log: SimLog, stream: &str, subjects: &[&str], after: u64) -> Self {
        let filters: Vec<String> = subjects.iter().map(|&subject| subject.to_owned()).collect();
        let wake = Arc::<Notify>::default();
        let id = {
            let mut server = log.shared.lock();
            let id = server.fresh_id();
            server.connection(log.id).wakers.insert(id, Arc::clone(&wake));
            if let Some(stream) = server.streams.get_mut(stream) {
                let interest = Interest { filters: filters.clone(), wake: Arc::clone(&wake) };
                stream.readers.insert(id, interest);
            }
            id
        };
        Self { log, stream: stream.to_owned(), filters, after, arrives: None, id, wake }
    }

    fn look(&mut self, max: usize) -> Next {
        let shared = Arc::clone(&self.log.shared);
        let mut server = shared.lock();
        if !server.hears(self.log.id) {
            // What was on its way is lost, and asked for anew later.
            self.arrives = None;
            return Next::Nothing;
        }
        let faults = server.faults_of(self.log.id);
        let Server { streams, dice, .. } = &mut *server;
        let Some(stream) = streams.get(&self.stream) else { return Next::Nothing };
        match stream.next(&self.filters, self.after) {
            Err(looked_at) => {
                self.after = looked_at;
                return Next::Nothing;
            }
            Ok(message) => self.after = message.sequence - 1,
        }
        let now = Instant::now();
        let arrives = match self.arrives {
            Some(arrives) => arrives,
            None => now + faults.delivery(dice),
        };
        self.arrives = Some(arrives);
        if arrives > now {
            return Next::At(arrives);
        }
        self.arrives = None;
        Next::Messages(self.take(stream, max))
    }

    fn take(&mut self, stream: &Stream, max: usize) -> Vec<Stored> {
        let mut batch = Vec::new();
        while batch.len() < max.max(1) {
            match stream.next(&self.filters, self.after) {
                Ok(message) => {
                    self.after = message.sequence;
                    batch.push(message.clone());
                }
                Err(looked_at) => {
                    self.after = looked_at;
                    break;
                }
            }
        }
        batch
    }
}

impl Reader for SimReader {
    async fn next_batch(&mut self, max: usize) -> Vec<Stored> {
        self.log.awake().await;
        loop {
            match self.look(max) {
                Next::Messages(messages) => return messages,
                Next::At(time) => tokio::time::sleep_until(time).await,
                Next::Nothing => self.wake.notified().await,
            }
        }
    }
}

impl Drop for SimReader {
    fn drop(&mut self) {
        let mut server = self.log.shared.lock();
        server.connection(self.log.id).wakers.remove(&self.id);
        if let Some(stream) = server.streams.get_mut(&self.stream) {
            stream.readers.remove(&self.id);
        }
    }
}
