//! What the five services do alike: reach the broker, be ready, take requests, keep a journal, run workers.
//!
//! This is where [`runtime`], which knows no broker, and [`messaging`], which knows no process, meet.
//!
//! `testing`, behind the feature of that name, is what the services' own tests share.

mod ready;
mod requests;
mod settings;
#[cfg(feature = "testing")]
pub mod testing;

use std::sync::Arc;

use anyhow::Context;
use events::{
    Timestamp,
    catalogue::{ConsumerDef, StreamDef},
};
use messaging::{
    clock::Clock,
    commit::{CommitConfig, GroupCommit},
    dead_letter::DeadLetters,
    jetstream::{ConnectOptions, JetStream},
    journal::{Decider, Journal, JournalConfig, JournalHandle},
    metrics::Metrics,
    worker::{Handler, Worker, WorkerConfig},
};
use runtime::Process;

pub use requests::{Repeat, Requests, not_stored};
pub use settings::{BrokerArgs, JournalArgs};

/// A service that is connected, or trying to be.
#[derive(Clone)]
pub struct Service {
    /// The process around it.
    pub process: Process,
    /// The log.
    pub log: JetStream,
    /// The metrics of the messaging layer.
    pub metrics: Metrics,
    /// This process, unique among the service's replicas.
    pub instance: String,
    dead_letters: DeadLetters,
}

/// What a service needs of the broker before it is ready.
#[derive(Debug, Clone, Copy)]
pub struct Needs {
    /// Streams it reads or writes.
    pub streams: &'static [&'static str],
    /// Consumers it works on.
    pub consumers: &'static [ConsumerDef],
}

impl Service {
    /// Begins to connect, and keeps readiness told. Returns at once, whether or not the broker is there.
    ///
    /// # Errors
    /// The broker's address is none.
    pub async fn start(process: &Process, broker: &BrokerArgs, needs: Needs) -> anyhow::Result<Self> {
        let options = ConnectOptions {
            urls: broker.nats_url.clone(),
            service: process.name().to_owned(),
            instance: broker.instance.clone(),
        };
        let log = JetStream::connect(options)
            .await
            .map_err(|error| runtime::ConfigError::new(format!("--nats-url (NATS_URL): {error}")))?;
        let metrics = Metrics::register(process.registry()).context("cannot register metrics")?;
        let tasks = process.tasks().tracker();
        let dead_letters = DeadLetters::new(log.clone(), process.name(), &metrics, tasks);
        ready::watch_broker(process, log.clone(), needs);
        Ok(Self { process: process.clone(), log, metrics, instance: broker.instance.clone(), dead_letters })
    }

    /// Publishes to a stream by group commit.
    #[must_use]
    pub fn commit(&self, stream: StreamDef) -> GroupCommit {
        let config = CommitConfig::for_stream(stream.name);
        GroupCommit::spawn(self.log.clone(), config, &self.metrics, self.process.tasks().tracker())
    }

    /// Keeps a journal: follows it, and leads it when it is this process's turn.
    ///
    /// # Errors
    /// The stream is no journal.
    pub fn journal<D: Decider>(
        &self,
        stream: StreamDef,
        decider: D,
        args: JournalArgs,
    ) -> anyhow::Result<JournalHandle<D::State>> {
        let control = stream.control.with_context(|| format!("{} is no journal", stream.name))?;
        let mut config = JournalConfig::new(stream.name, control, self.instance.clone(), self.clock());
        args.apply(&mut config);
        let (dead_letters, metrics) = (self.dead_letters.clone(), self.metrics.clone());
        let (journal, handle) = Journal::new(self.log.clone(), decider, config, dead_letters, metrics);
        let stop = self.process.shutdown().soft().clone();
        let alive = self.process.heartbeat("journal");
        self.process
            .tasks()
            .spawn("journal", async move { Ok(alive.while_polled(journal.run(stop)).await?) });
        ready::watch_journal(&self.process, handle.status());
        Ok(handle)
    }

    /// Works on a durable consumer; `commit` publishes what comes of it.
    pub fn worker<H: Handler>(
        &self,
        name: &'static str,
        config: WorkerConfig,
        handler: H,
        commit: GroupCommit,
    ) {
        let (dead_letters, metrics) = (self.dead_letters.clone(), self.metrics.clone());
        let worker = Worker::new(self.log.clone(), config, handler, commit, dead_letters, metrics);
        let shutdown = self.process.shutdown();
        let (stop, abandon) = (shutdown.soft().clone(), shutdown.hard().clone());
        let alive = self.process.heartbeat(name);
        self.process.tasks().spawn(name, async move {
            alive.while_polled(worker.run(stop, abandon)).await;
            Ok(())
        });
    }

    /// The time of day as messaging wants it.
    #[must_use]
    pub fn clock(&self) -> Clock {
        let clock = self.process.clock();
        Arc::new(move || Timestamp(i64::try_from(clock.unix_micros()).unwrap_or(i64::MAX)))
    }
}
