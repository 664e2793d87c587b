//! The life of one nats-server process: start, crash, pause, stop, restart on the same port and store.

use std::{
    fs::{self, OpenOptions},
    path::{Path, PathBuf},
    process::{ExitStatus, Stdio},
    sync::{Arc, Mutex, PoisonError},
    time::Duration,
};

use anyhow::{Context, bail, ensure};
use serde::Deserialize;
use tempfile::TempDir;
use tokio::{
    io::{AsyncBufReadExt, BufReader},
    net::TcpStream,
    process::Command,
    time::timeout,
};

use crate::{
    Builder,
    config::Config,
    ports,
    process::{Process, tail},
};

/// Long enough to recover a store of many gigabytes.
const START_DEADLINE: Duration = Duration::from_secs(120);
const START_POLL: Duration = Duration::from_millis(5);
const ANSWER_DEADLINE: Duration = Duration::from_secs(1);
const STOP_GRACE: Duration = Duration::from_secs(30);
const LOG_LINES_SHOWN: usize = 15;

/// A nats-server with `JetStream`, listening on 127.0.0.1 only. Dropping it kills it.
#[derive(Debug)]
pub struct NatsServer {
    executable: PathBuf,
    name: String,
    port: u16,
    dir: PathBuf,
    log: PathBuf,
    options: Builder,
    process: Mutex<Option<Arc<Process>>>,
    /// Declared last: removed after the process that writes into it is dead.
    _temporary: Option<TempDir>,
}

impl NatsServer {
    /// A server that does not run yet.
    pub(crate) fn prepare(
        executable: PathBuf,
        name: String,
        (dir, temporary): (PathBuf, Option<TempDir>),
        options: Builder,
    ) -> Self {
        Self {
            executable,
            name,
            port: options.port,
            log: dir.join("nats-server.log"),
            dir,
            options,
            process: Mutex::new(None),
            _temporary: temporary,
        }
    }

    /// A server with its store in a temporary directory, on a free port, syncing to disk in the background.
    #[must_use]
    pub fn builder() -> Builder {
        Builder::default()
    }

    /// What clients connect to; stays the same over restarts.
    #[must_use]
    pub fn url(&self) -> String {
        format!("nats://127.0.0.1:{}", self.port)
    }

    /// The client port.
    #[must_use]
    pub fn port(&self) -> u16 {
        self.port
    }

    /// The process id, or `None` while it does not run.
    #[must_use]
    pub fn pid(&self) -> Option<u32> {
        self.running().ok().map(|process| process.pid())
    }

    /// The server's log file.
    #[must_use]
    pub fn log_path(&self) -> &Path {
        &self.log
    }

    /// The directory of streams, configuration and log.
    #[must_use]
    pub fn store_dir(&self) -> &Path {
        &self.dir
    }

    /// Waits until the process has ended; at once when it is not running.
    ///
    /// # Errors
    /// When the operating system lost track of it.
    pub async fn exited(&self) -> anyhow::Result<()> {
        if let Ok(process) = self.running() {
            process.wait().await?;
        }
        Ok(())
    }

    /// Crashes the server (SIGKILL) and waits until it is dead.
    ///
    /// # Errors
    /// When it was not running.
    pub async fn kill(&self) -> anyhow::Result<ExitStatus> {
        Ok(self.running()?.kill().await?)
    }

    /// Stops the server (SIGTERM) and waits until it has written everything and ended.
    ///
    /// # Errors
    /// When it was not running.
    pub async fn stop_gracefully(&self) -> anyhow::Result<ExitStatus> {
        Ok(self.running()?.stop(STOP_GRACE).await?)
    }

    /// Freezes the server (SIGSTOP): connections stay open, nothing answers.
    ///
    /// # Errors
    /// When it was not running.
    pub fn pause(&self) -> anyhow::Result<()> {
        Ok(self.running()?.pause()?)
    }

    /// Wakes the server up after [`NatsServer::pause`].
    ///
    /// # Errors
    /// When it was not running.
    pub fn resume(&self) -> anyhow::Result<()> {
        Ok(self.running()?.resume()?)
    }

    /// Starts the server again on the same port and store, stopping it gracefully first if it still runs.
    ///
    /// # Errors
    /// As [`Builder::start`].
    pub async fn restart(&self) -> anyhow::Result<()> {
        if self.running().is_ok() {
            self.stop_gracefully().await?;
        }
        self.launch().await
    }

    fn current(&self) -> std::sync::MutexGuard<'_, Option<Arc<Process>>> {
        // The guarded value is replaced whole, so a panicked holder leaves it intact.
        self.process.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn running(&self) -> anyhow::Result<Arc<Process>> {
        let process = self.current().clone();
        process.filter(|process| process.exit_status().is_none()).context("nats-server is not running")
    }

    pub(crate) fn choose_port(&mut self) -> anyhow::Result<()> {
        if self.options.port == 0 {
            self.port = ports::free_port()?;
        }
        Ok(())
    }

    pub(crate) async fn launch(&self) -> anyhow::Result<()> {
        let process = Arc::new(self.spawn()?);
        *self.current() = Some(Arc::clone(&process));
        timeout(START_DEADLINE, self.until_it_answers(&process))
            .await
            .with_context(|| format!("nats-server did not answer within {START_DEADLINE:?}"))?
            .with_context(|| format!("nats-server did not start; the end of its log:\n{}", self.log_tail()))
    }

    fn spawn(&self) -> anyhow::Result<Process> {
        let config = self.dir.join("nats-server.conf");
        fs::write(&config, self.config().render())
            .with_context(|| format!("cannot write {}", config.display()))?;
        // Errors in the configuration go to stderr, everything later to the log itself.
        let log = OpenOptions::new().create(true).append(true).open(&self.log)?;
        let mut command = Command::new(&self.executable);
        command.arg("--config").arg(&config).envs(self.options.env.iter().cloned());
        let stdin = match &self.options.lock {
            Some(lock) => lock.try_clone()?.into(),
            None => Stdio::null(),
        };
        command.stdin(stdin).stdout(log.try_clone()?).stderr(log);
        let spawned = if self.options.own_process_group {
            Process::spawn_in_own_group(command)
        } else {
            Process::spawn(command)
        };
        spawned.with_context(|| format!("cannot run {}", self.executable.display()))
    }

    fn config(&self) -> Config<'_> {
        Config {
            name: &self.name,
            port: self.port,
            store_dir: &self.dir,
            log_file: &self.log,
            sync_always: self.options.sync_always,
            extra: &self.options.config_extra,
        }
    }

    async fn until_it_answers(&self, process: &Process) -> anyhow::Result<()> {
        loop {
            if let Some(status) = process.exit_status() {
                bail!("it ended with {status}");
            }
            match timeout(ANSWER_DEADLINE, greeting(self.port)).await {
                Ok(Ok(info)) if info.server_name == self.name => {
                    ensure!(info.jetstream, "it runs without JetStream");
                    return Ok(());
                }
                // Not yet up, or another server holds the port and ours is about to give up.
                _ => tokio::time::sleep(START_POLL).await,
            }
        }
    }

    pub(crate) fn port_was_taken(&self) -> bool {
        self.log_tail().contains("address already in use")
    }

    fn log_tail(&self) -> String {
        tail(&self.log, LOG_LINES_SHOWN)
    }
}

/// The part of a server's greeting that matters here.
#[derive(Debug, Deserialize)]
struct Info {
    server_name: String,
    #[serde(default)]
    jetstream: bool,
}

async fn greeting(port: u16) -> anyhow::Result<Info> {
    let stream = TcpStream::connect(("127.0.0.1", port)).await?;
    let mut line = String::new();
    BufReader::new(stream).read_line(&mut line).await?;
    let json = line.strip_prefix("INFO ").context("not a nats-server")?;
    Ok(serde_json::from_str(json)?)
}
