//! One process of the fleet, for its whole life: it may die and be started again many times.

use std::{
    fs::{File, OpenOptions},
    path::{Path, PathBuf},
    process::ExitStatus,
    sync::{
        Arc, Mutex, MutexGuard, PoisonError,
        atomic::{AtomicBool, Ordering},
    },
    time::Duration,
};

use anyhow::{Context, bail};
use nats_server::{Process, tail};
use tokio::{process::Command, task::JoinSet};

use super::{
    event::{FleetEvent, Observer},
    ready,
    spec::Stage,
};

/// How many lines of its log a failed process is quoted with.
const LOG_LINES_SHOWN: usize = 20;

/// What to run, fixed for the life of a [`Proc`].
#[derive(Debug, Clone)]
pub(super) struct Launch {
    pub(super) service: String,
    pub(super) replica: usize,
    pub(super) stage: Stage,
    pub(super) program: PathBuf,
    pub(super) args: Vec<String>,
    pub(super) env: Vec<(String, String)>,
    pub(super) port: u16,
    pub(super) log: PathBuf,
    /// The lock on the fleet's directory, which the process holds open.
    pub(super) lock: Arc<File>,
    pub(super) own_group: bool,
    pub(super) ready_within: Duration,
    pub(super) observer: Observer,
}

/// One run of the process.
#[derive(Debug)]
struct Run {
    process: Arc<Process>,
    /// Set before the fleet or a test ends it, so that its end is no surprise.
    asked_to_end: Arc<AtomicBool>,
    _watch: JoinSet<()>,
}

/// A replica of a service (or of the card gateway): its process, address and log.
#[derive(Debug)]
pub struct Proc {
    launch: Launch,
    run: Mutex<Option<Run>>,
}

impl Proc {
    pub(super) fn new(launch: Launch) -> Self {
        Self { launch, run: Mutex::new(None) }
    }

    /// The instance's name, e.g. `order-service-1`; `INSTANCE` in its environment.
    #[must_use]
    pub fn name(&self) -> String {
        instance(&self.launch.service, self.launch.replica)
    }

    /// The service's name, e.g. `order-service`.
    #[must_use]
    pub fn service(&self) -> &str {
        &self.launch.service
    }

    /// Which replica of the service this is; the first is 1.
    #[must_use]
    pub fn replica(&self) -> usize {
        self.launch.replica
    }

    /// Where it serves HTTP; stays the same over restarts.
    #[must_use]
    pub fn url(&self) -> String {
        format!("http://127.0.0.1:{}", self.launch.port)
    }

    /// The port of 127.0.0.1 it listens on.
    pub(super) fn port(&self) -> u16 {
        self.launch.port
    }

    /// The file its standard output and error go to.
    #[must_use]
    pub fn log_path(&self) -> &Path {
        &self.launch.log
    }

    /// The last `lines` lines it has written.
    #[must_use]
    pub fn log_tail(&self, lines: usize) -> String {
        tail(&self.launch.log, lines)
    }

    /// The process id, or `None` when it is not running.
    #[must_use]
    pub fn pid(&self) -> Option<u32> {
        self.running().ok().map(|process| process.pid())
    }

    /// True while the process exists, also while it is paused or not yet ready.
    #[must_use]
    pub fn is_running(&self) -> bool {
        self.running().is_ok()
    }

    /// How its last run ended; `None` while it runs, and before its first run.
    #[must_use]
    pub fn exit_status(&self) -> Option<ExitStatus> {
        self.current().as_ref().and_then(|run| run.process.exit_status())
    }

    /// Crashes it (SIGKILL) and waits until it is dead.
    ///
    /// # Errors
    /// When it was not running.
    pub async fn kill(&self) -> anyhow::Result<ExitStatus> {
        let process = self.running_that_will_end()?;
        Ok(process.kill().await?)
    }

    /// Asks it to end (SIGTERM) and returns at once; see [`Proc::wait`].
    ///
    /// # Errors
    /// When it was not running.
    pub fn terminate(&self) -> anyhow::Result<()> {
        Ok(self.running_that_will_end()?.terminate()?)
    }

    /// Asks it to end (SIGTERM) and waits; kills it when `grace` has passed.
    ///
    /// # Errors
    /// When it was not running.
    pub async fn stop(&self, grace: Duration) -> anyhow::Result<ExitStatus> {
        let process = self.running_that_will_end()?;
        Ok(process.stop(grace).await?)
    }

    /// Freezes it (SIGSTOP): its connections stay open, nothing answers.
    ///
    /// # Errors
    /// When it was not running.
    pub fn pause(&self) -> anyhow::Result<()> {
        Ok(self.running()?.pause()?)
    }

    /// Lets it run on after [`Proc::pause`].
    ///
    /// # Errors
    /// When it was not running.
    pub fn resume(&self) -> anyhow::Result<()> {
        Ok(self.running()?.resume()?)
    }

    /// Waits until the present run has ended; at once when it already has.
    ///
    /// # Errors
    /// When it never ran.
    pub async fn wait(&self) -> anyhow::Result<ExitStatus> {
        let process = self.current().as_ref().map(|run| Arc::clone(&run.process));
        Ok(process.with_context(|| format!("{} was never started", self.name()))?.wait().await?)
    }

    /// Starts it again with the same settings, killing it first if it still runs, and waits until it is ready.
    ///
    /// # Errors
    /// When it cannot be started or is not ready in time; with the end of its log.
    pub async fn restart(&self) -> anyhow::Result<()> {
        if self.is_running() {
            self.kill().await?;
        }
        self.start()?;
        self.wait_ready().await
    }

    /// Starts it without waiting for anything.
    pub(super) fn start(&self) -> anyhow::Result<()> {
        let process = Arc::new(self.spawn()?);
        let asked_to_end = Arc::new(AtomicBool::new(false));
        let mut watch = JoinSet::new();
        watch.spawn(self.report_end(&process, Arc::clone(&asked_to_end)));
        *self.current() = Some(Run { process, asked_to_end, _watch: watch });
        Ok(())
    }

    /// Waits until `/ready` answers with success.
    ///
    /// # Errors
    /// When it ends before, or takes longer than the fleet's `ready_within`; with the end of its log.
    pub async fn wait_ready(&self) -> anyhow::Result<()> {
        let process = self.running_or_quoted()?;
        let (patience, url) = (self.launch.ready_within, self.url());
        let problem = tokio::select! {
            () = ready::until_ready(&url) => {
                self.launch.observer.tell(&FleetEvent::Ready { name: self.name(), url: url.clone() });
                return Ok(());
            }
            status = process.wait() => format!("ended with {} before it was ready", status?),
            () = tokio::time::sleep(patience) => {
                format!("was not ready within {patience:?}; /ready says: {}", ready::last_word(&url).await)
            }
        };
        bail!("{} {problem}\n{}", self.name(), self.quote());
    }

    /// Kills it, whatever it is doing, without awaiting anything.
    pub(super) fn kill_now(&self) {
        if let Ok(process) = self.running_that_will_end() {
            process.kill_now();
        }
    }

    pub(super) fn stage(&self) -> Stage {
        self.launch.stage
    }

    fn spawn(&self) -> anyhow::Result<Process> {
        let launch = &self.launch;
        let log = OpenOptions::new().create(true).append(true).open(&launch.log);
        let log = log.with_context(|| format!("cannot write {}", launch.log.display()))?;
        let mut command = Command::new(&launch.program);
        command.args(&launch.args).envs(launch.env.iter().map(|(name, value)| (name, value)));
        command.stdin(self.launch.lock.try_clone()?).stdout(log.try_clone()?).stderr(log);
        let spawned =
            if launch.own_group { Process::spawn_in_own_group(command) } else { Process::spawn(command) };
        spawned.with_context(|| format!("cannot run {}", launch.program.display()))
    }

    /// Tells the observer when the process ends. Does not keep it alive.
    fn report_end(
        &self,
        process: &Process,
        asked_to_end: Arc<AtomicBool>,
    ) -> impl Future<Output = ()> + Send + use<> {
        let (ended, name) = (process.ended(), self.name());
        let (observer, log_path) = (self.launch.observer.clone(), self.launch.log.clone());
        async move {
            let Ok(status) = ended.await else { return };
            observer.tell(&if asked_to_end.load(Ordering::SeqCst) {
                FleetEvent::Stopped { name, status }
            } else {
                FleetEvent::Died { name, status, log_path }
            });
        }
    }

    fn current(&self) -> MutexGuard<'_, Option<Run>> {
        // The guarded value is replaced whole, so a panicked holder leaves it intact.
        self.run.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn running(&self) -> anyhow::Result<Arc<Process>> {
        let process = self.current().as_ref().map(|run| Arc::clone(&run.process));
        let running = process.filter(|process| process.exit_status().is_none());
        running.with_context(|| format!("{} is not running", self.name()))
    }

    fn running_that_will_end(&self) -> anyhow::Result<Arc<Process>> {
        let process = self.running()?;
        if let Some(run) = self.current().as_ref() {
            run.asked_to_end.store(true, Ordering::SeqCst);
        }
        Ok(process)
    }

    fn running_or_quoted(&self) -> anyhow::Result<Arc<Process>> {
        self.running().with_context(|| self.quote())
    }

    fn quote(&self) -> String {
        let said = self.log_tail(LOG_LINES_SHOWN);
        let said = if said.is_empty() { "(empty)" } else { &said };
        format!("the end of {}:\n{said}", self.launch.log.display())
    }
}

/// The name of a service's `replica`-th instance.
pub(super) fn instance(service: &str, replica: usize) -> String {
    format!("{service}-{replica}")
}
