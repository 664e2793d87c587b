//! Makes calls to a database instantaneous: SQLite answers from a thread of its own, and neither may virtual time pass
//! meanwhile nor anything else happen, or a run would not repeat itself.

use std::{
    future::{Future, poll_fn},
    sync::{
        Arc,
        atomic::{AtomicBool, Ordering},
    },
    task::{Context, Poll, Wake, Waker},
    thread::{self, Thread},
};

use tokio::task::unconstrained;

/// Wakes the thread that waits, or the task once nobody does.
struct Bell {
    rung: AtomicBool,
    waits: AtomicBool,
    thread: Thread,
    task: Waker,
}

impl Wake for Bell {
    fn wake(self: Arc<Self>) {
        self.rung.store(true, Ordering::SeqCst);
        if self.waits.load(Ordering::SeqCst) {
            self.thread.unpark();
        } else {
            self.task.wake_by_ref();
        }
    }
}

/// Runs a future so that what it does `at_database` takes no time.
pub(crate) async fn undivided<F: Future>(at_database: impl Fn() -> bool, future: F) -> F::Output {
    // Not even tokio may interrupt it: a task that has used its budget up is woken only when it returns.
    let mut future = Box::pin(unconstrained(future));
    poll_fn(move |context| {
        loop {
            let bell = Arc::new(Bell {
                rung: AtomicBool::new(false),
                waits: AtomicBool::new(true),
                thread: thread::current(),
                task: context.waker().clone(),
            });
            let waker = Waker::from(Arc::clone(&bell));
            if let Poll::Ready(output) = future.as_mut().poll(&mut Context::from_waker(&waker)) {
                return Poll::Ready(output);
            }
            if !at_database() {
                bell.waits.store(false, Ordering::SeqCst);
                if bell.rung.load(Ordering::SeqCst) {
                    context.waker().wake_by_ref();
                }
                return Poll::Pending;
            }
            while !bell.rung.load(Ordering::SeqCst) {
                thread::park();
            }
        }
    })
    .await
}

/// Makes one call to a database.
pub(crate) async fn ask<F: Future>(call: F) -> F::Output {
    undivided(|| true, call).await
}
