//! Tracked tasks: nothing runs in the background that nobody waits for, and none ends unnoticed.

use std::{
    any::Any,
    collections::BTreeMap,
    future::Future,
    panic::AssertUnwindSafe,
    sync::{
        Arc, Mutex, MutexGuard, PoisonError,
        atomic::{AtomicBool, Ordering},
    },
};

use futures_util::FutureExt;
use tokio_util::task::TaskTracker;
use tracing::{debug, error};

use crate::shutdown::Shutdown;

/// Spawns the service's loops and watches over them. Cheap to clone; all clones share one set of tasks.
///
/// A task that returns an error or panics stops the process, in order, with a non-zero exit code: a service without
/// one of its loops is worse than a restarted one. At the end of the grace period unfinished tasks are dropped.
#[derive(Clone, Debug)]
pub struct Tasks {
    shared: Arc<Shared>,
}

#[derive(Debug)]
struct Shared {
    tracker: TaskTracker,
    shutdown: Shutdown,
    failed: AtomicBool,
    running: Mutex<BTreeMap<&'static str, usize>>,
}

/// Whether a task may return `Ok` while the process is not stopping.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Lifetime {
    WholeProcess,
    Finite,
}

impl Tasks {
    pub(crate) fn new(shutdown: Shutdown) -> Tasks {
        let shared = Shared {
            tracker: TaskTracker::new(),
            shutdown,
            failed: AtomicBool::new(false),
            running: Mutex::default(),
        };
        Tasks { shared: Arc::new(shared) }
    }

    /// Spawns a task that lives as long as the process: it should end when [`Shutdown::soft`] is cancelled.
    ///
    /// Returning an error, panicking, or returning `Ok` before a shutdown was requested is a failure of the process.
    pub fn spawn<F>(&self, name: &'static str, task: F)
    where
        F: Future<Output = anyhow::Result<()>> + Send + 'static,
    {
        self.supervise(name, Lifetime::WholeProcess, task);
    }

    /// Spawns a loop that has nothing to finish: it is dropped where it stands when [`Shutdown::soft`] is cancelled. It
    /// may end before. Panicking is a failure of the process.
    pub fn spawn_until_stop<F>(&self, name: &'static str, task: F)
    where
        F: Future<Output = ()> + Send + 'static,
    {
        let stop = self.shared.shutdown.soft().clone();
        self.supervise(name, Lifetime::Finite, async move {
            stop.run_until_cancelled(task).await;
            Ok(())
        });
    }

    /// The tracker behind these tasks, for libraries that spawn on their own. The process waits for what is spawned
    /// on it, but does not judge how it ends.
    pub fn tracker(&self) -> &TaskTracker {
        &self.shared.tracker
    }

    /// Whether any task has failed.
    pub(crate) fn failed(&self) -> bool {
        self.shared.failed.load(Ordering::SeqCst)
    }

    /// Waits until every task has ended. New tasks may still be spawned meanwhile and are waited for too.
    pub(crate) async fn finished(&self) {
        self.shared.tracker.close();
        self.shared.tracker.wait().await;
    }

    /// The names of the supervised tasks that have not ended, each once.
    pub(crate) fn unfinished(&self) -> Vec<&'static str> {
        self.shared.running().keys().copied().collect()
    }

    fn supervise<F>(&self, name: &'static str, lifetime: Lifetime, task: F)
    where
        F: Future<Output = anyhow::Result<()>> + Send + 'static,
    {
        let shared = Arc::clone(&self.shared);
        let running = Running::enter(&shared, name);
        self.shared.tracker.spawn(async move {
            let ended = AssertUnwindSafe(task).catch_unwind().await;
            drop(running);
            shared.judge(name, lifetime, ended);
        });
    }
}

impl Shared {
    fn judge(&self, name: &'static str, lifetime: Lifetime, ended: std::thread::Result<anyhow::Result<()>>) {
        match ended {
            Ok(Ok(())) if lifetime == Lifetime::Finite || self.shutdown.requested() => {
                debug!(task = name, "task ended");
                return;
            }
            Ok(Ok(())) => error!(task = name, "task ended although nobody asked it to"),
            Ok(Err(error)) => error!(task = name, error = format!("{error:#}"), "task failed"),
            Err(panic) => error!(task = name, error = panic_message(panic.as_ref()), "task panicked"),
        }
        self.failed.store(true, Ordering::SeqCst);
        self.shutdown.request("a task failed");
    }

    fn running(&self) -> MutexGuard<'_, BTreeMap<&'static str, usize>> {
        self.running.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// Counts a task as running until dropped, which also happens when the task is abandoned.
struct Running {
    shared: Arc<Shared>,
    name: &'static str,
}

impl Running {
    fn enter(shared: &Arc<Shared>, name: &'static str) -> Running {
        *shared.running().entry(name).or_default() += 1;
        Running { shared: Arc::clone(shared), name }
    }
}

impl Drop for Running {
    fn drop(&mut self) {
        let mut running = self.shared.running();
        if let Some(count) = running.get_mut(self.name) {
            *count -= 1;
            if *count == 0 {
                running.remove(self.name);
            }
        }
    }
}

/// What a panic said, as far as it said anything.
pub(crate) fn panic_message(panic: &(dyn Any + Send)) -> &str {
    let text = panic.downcast_ref::<&str>().copied();
    text.or_else(|| panic.downcast_ref::<String>().map(String::as_str)).unwrap_or("a panic without a message")
}

#[cfg(test)]
mod tests {
    use super::*;

    async fn after_running<F>(lifetime: Lifetime, task: F) -> (Tasks, Shutdown)
    where
        F: Future<Output = anyhow::Result<()>> + Send + 'static,
    {
        let shutdown = Shutdown::default();
        let tasks = Tasks::new(shutdown.clone());
        tasks.supervise("probe", lifetime, task);
        tasks.finished().await;
        (tasks, shutdown)
    }

    #[tokio::test]
    async fn an_error_stops_the_process_and_is_remembered() {
        let (tasks, shutdown) =
            after_running(Lifetime::WholeProcess, async { anyhow::bail!("broken") }).await;
        assert!(tasks.failed());
        assert!(shutdown.requested());
    }

    #[tokio::test]
    async fn a_panic_counts_as_failure_even_for_a_finite_task() {
        let (tasks, shutdown) = after_running(Lifetime::Finite, async { panic!("for the test") }).await;
        assert!(tasks.failed());
        assert!(shutdown.requested());
    }

    #[tokio::test]
    async fn ending_early_is_a_failure_only_for_whole_process_tasks() {
        assert!(after_running(Lifetime::WholeProcess, async { Ok(()) }).await.0.failed());
        let (finite, shutdown) = after_running(Lifetime::Finite, async { Ok(()) }).await;
        assert!(!finite.failed());
        assert!(!shutdown.requested());
    }

    #[tokio::test]
    async fn what_has_nothing_to_finish_may_end_early_and_ends_with_the_process() {
        let shutdown = Shutdown::default();
        let tasks = Tasks::new(shutdown.clone());
        tasks.spawn_until_stop("brief", async {});
        tasks.spawn_until_stop("endless", std::future::pending());
        shutdown.soft().cancel();
        tasks.finished().await;
        assert!(!tasks.failed());
        assert!(tasks.unfinished().is_empty());
    }

    #[tokio::test]
    async fn ending_after_the_request_is_clean_and_unfinished_tasks_are_named() {
        let shutdown = Shutdown::default();
        let tasks = Tasks::new(shutdown.clone());
        for _ in 0..2 {
            let soft = shutdown.soft().clone();
            tasks.spawn("loop", async move {
                soft.cancelled().await;
                Ok(())
            });
        }
        assert_eq!(tasks.unfinished(), ["loop"]);

        shutdown.request("test");
        tasks.finished().await;
        assert!(!tasks.failed());
        assert!(tasks.unfinished().is_empty());
    }
}
