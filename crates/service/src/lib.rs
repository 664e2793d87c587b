//! What the five services do alike: reach the broker, be ready, take requests, keep a journal, run workers.
//!
//! This is where [`runtime`], which knows no broker, and [`messaging`], which knows no process, meet.
//!
//! `testing`, behind the feature of that name, is what the services' own tests share.

mod blame;
mod dead_letters;
mod reach;
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
use futures_util::future::join_all;
use messaging::{
    clock::Clock,
    commit::{CommitConfig, GroupCommit, Linger},
    dead_letter::{DeadLetters, Sweeper},
    jetstream::{ConnectOptions, JetStream},
    journal::{Decider, Journal, JournalConfig, JournalHandle},
    metrics::Metrics,
    worker::{Handler, Isolation, Worker, WorkerConfig},
};
use runtime::Process;

pub use blame::{Blame, Witnesses};
pub use reach::{ReachArgs, ReachError};
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
    isolation: Isolation,
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
    /// The broker's address is none, or the credentials are not what they should be.
    pub async fn start(process: &Process, broker: &BrokerArgs, needs: Needs) -> anyhow::Result<Self> {
        let wrong = |error: ReachError| runtime::ConfigError::new(error.to_string());
        let security = broker.reach.security().map_err(wrong)?;
        let options = ConnectOptions {
            urls: broker.reach.nats_url.clone(),
            service: process.name().to_owned(),
            instance: broker.instance.clone(),
        };
        let log = JetStream::connect_with(options, &security).await.map_err(|error| wrong(error.into()))?;
        let metrics = Metrics::register(process.registry()).context("cannot register metrics")?;
        log.register(process.registry()).context("cannot register metrics")?;
        let tasks = process.tasks().tracker();
        let dead_letters = DeadLetters::new(log.clone(), process.name(), &metrics, tasks);
        ready::watch_broker(process, log.clone(), needs);
        let (process, instance) = (process.clone(), broker.instance.clone());
        let service = Self { process, log, metrics, instance, dead_letters, isolation: Isolation::default() };
        service.count_dead_letters()?;
        Ok(service)
    }

    /// Keeps the gauges of the service's dead letters.
    fn count_dead_letters(&self) -> anyhow::Result<()> {
        let (log, process) = (self.log.clone(), &self.process);
        let follower = dead_letters::Follower::new(log, self.clock(), process.name(), process.registry())
            .context("cannot register metrics")?;
        process.tasks().spawn_until_stop("dead-letter-gauges", follower.run());
        Ok(())
    }

    /// Publishes to a stream by group commit.
    #[must_use]
    pub fn commit(&self, stream: StreamDef, linger: Linger) -> GroupCommit {
        let config = CommitConfig { linger, ..CommitConfig::for_stream(stream.name) };
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
        linger: Linger,
        args: JournalArgs,
    ) -> anyhow::Result<JournalHandle<D::State>> {
        let control = stream.control.with_context(|| format!("{} is no journal", stream.name))?;
        let config = JournalConfig::new(stream.name, control, self.instance.clone(), self.clock());
        let mut config = JournalConfig { linger, ..config };
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

    /// Works on a durable consumer, and on what operators put back for it; `commit` publishes what comes of it.
    pub fn worker<H: Handler>(
        &self,
        name: &'static str,
        config: WorkerConfig,
        handler: H,
        commit: GroupCommit,
    ) {
        let (handler, shutdown) = (Arc::new(handler), self.process.shutdown());
        let config = WorkerConfig { isolation: self.isolation.clone(), ..config };
        let both = [config.redriving(), Some(config)].into_iter().flatten().map(|config| {
            let (log, dead_letters, metrics) =
                (self.log.clone(), self.dead_letters.clone(), self.metrics.clone());
            let worker =
                Worker::new(log, config, Arc::clone(&handler), commit.clone(), dead_letters, metrics);
            worker.run(shutdown.soft().clone(), shutdown.hard().clone())
        });
        let (working, alive) = (join_all(both), self.process.heartbeat(name));
        self.process.tasks().spawn(name, async move {
            alive.while_polled(working).await;
            Ok(())
        });
    }

    /// Parks what the broker gave up of this service's messages by itself.
    pub fn sweep(&self, reports: ConsumerDef) {
        let sweeper = Sweeper::new(self.log.clone(), reports, self.dead_letters.clone());
        let stop = self.process.shutdown().soft().clone();
        self.process.tasks().spawn("sweep", async move {
            sweeper.run(stop).await;
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
