//! What a simulated process is made of, as the nemesis sees it: it can be killed between any two steps, and stopped.

use std::{
    future::{Future, pending},
    sync::{
        Arc,
        atomic::{AtomicU64, Ordering},
    },
};

use testkit::simulated::{NetFaults, SimLog};
use tokio::sync::watch;
use tokio_util::sync::CancellationToken;

use crate::trace::Trace;

/// One life of one process.
pub(crate) struct Body {
    /// Such as `order-service-1`.
    pub(crate) name: String,
    pub(crate) trace: Arc<Trace>,
    log: SimLog,
    killed: CancellationToken,
    frozen: watch::Sender<bool>,
    steps: AtomicU64,
    /// The step at which it dies.
    last_step: AtomicU64,
    /// The step at which it is stopped.
    freezing_step: AtomicU64,
}

impl Body {
    /// A new life, connected to the broker by `log`.
    pub(crate) fn new(name: String, log: SimLog, trace: Arc<Trace>) -> Arc<Self> {
        Arc::new(Self {
            name,
            trace,
            log,
            killed: CancellationToken::new(),
            frozen: watch::Sender::new(false),
            steps: AtomicU64::new(0),
            last_step: AtomicU64::new(u64::MAX),
            freezing_step: AtomicU64::new(u64::MAX),
        })
    }

    /// A place between two effects: here the process may die, or stand still for a while.
    pub(crate) async fn step(&self, at: &'static str) {
        let step = self.steps.fetch_add(1, Ordering::Relaxed);
        if step >= self.last_step.load(Ordering::Relaxed) && !self.is_dead() {
            self.trace.sometimes("a process is killed between two steps");
            self.kill(at);
        }
        if self.is_dead() {
            pending::<()>().await;
        }
        if step >= self.freezing_step.load(Ordering::Relaxed) {
            self.freezing_step.store(u64::MAX, Ordering::Relaxed);
            self.trace.sometimes("a process is stopped between two steps");
            self.freeze();
        }
        let mut frozen = self.frozen.subscribe();
        if frozen.wait_for(|frozen| !frozen).await.is_err() {
            pending::<()>().await;
        }
    }

    /// `kill -9`: nothing of it happens any more.
    pub(crate) fn kill(&self, at: &str) {
        if !self.is_dead() {
            self.note("killed", || at.to_owned());
            self.log.crash();
            self.killed.cancel();
        }
    }

    /// It will be killed at the step after so many.
    pub(crate) fn kill_after(&self, steps: u64) {
        self.last_step.store(self.steps.load(Ordering::Relaxed) + steps, Ordering::Relaxed);
    }

    /// It will be stopped at the step after so many.
    pub(crate) fn freeze_after(&self, steps: u64) {
        self.freezing_step.store(self.steps.load(Ordering::Relaxed) + steps, Ordering::Relaxed);
    }

    /// It will not be killed or stopped at a step any more.
    pub(crate) fn spare(&self) {
        self.last_step.store(u64::MAX, Ordering::Relaxed);
        self.freezing_step.store(u64::MAX, Ordering::Relaxed);
    }

    /// Network faults of its own; `None` for those that all have.
    pub(crate) fn cut_off(&self, faults: Option<NetFaults>) {
        self.note(if faults.is_some() { "cut off" } else { "reachable" }, String::new);
        self.log.set_faults(faults);
    }

    /// `SIGSTOP`.
    pub(crate) fn freeze(&self) {
        self.note("stopped", String::new);
        self.frozen.send_replace(true);
        self.log.freeze();
    }

    /// `SIGCONT`.
    pub(crate) fn thaw(&self) {
        self.note("continued", String::new);
        self.frozen.send_replace(false);
        self.log.thaw();
    }

    pub(crate) fn is_dead(&self) -> bool {
        self.killed.is_cancelled()
    }

    pub(crate) fn is_frozen(&self) -> bool {
        *self.frozen.borrow()
    }

    /// Runs part of the process: not on while it is stopped, and no further than its death, which is `None`.
    pub(crate) async fn contain<F: Future>(self: Arc<Self>, part: F) -> Option<F::Output> {
        let mut part = Box::pin(part);
        let mut frozen = self.frozen.subscribe();
        let living = async {
            loop {
                tokio::select! {
                    biased;
                    Ok(_) = frozen.wait_for(|frozen| *frozen) => {}
                    output = &mut part => return output,
                }
                let _ended = frozen.wait_for(|frozen| !frozen).await;
            }
        };
        self.killed.run_until_cancelled(living).await
    }

    pub(crate) fn note(&self, what: &str, detail: impl FnOnce() -> String) {
        self.trace.note(&self.name, what, 0, detail);
    }
}
