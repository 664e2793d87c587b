//! Handling one message while the process handles nothing else.
//!
//! A message that kills its process takes those down that were being handled beside it, and nothing tells
//! them apart. So one that has died too often is handled alone: only then is it known who did it.

use std::sync::Arc;

use tokio::sync::{RwLock, RwLockReadGuard, RwLockWriteGuard};

/// Who may be handled beside whom: all workers of a process share one. Cheap to clone.
#[derive(Debug, Clone, Default)]
pub struct Isolation(Arc<RwLock<()>>);

/// Held while an attempt is made.
#[expect(dead_code, reason = "guards: what matters is when they are dropped")]
pub(super) enum IsolationGuard<'a> {
    Beside(RwLockReadGuard<'a, ()>),
    Alone(RwLockWriteGuard<'a, ()>),
}

impl Isolation {
    /// Waits until the attempt may begin. First come, first served: somebody who waits to be alone holds up
    /// those who come later.
    pub(super) async fn acquire(&self, alone: bool) -> IsolationGuard<'_> {
        if alone {
            IsolationGuard::Alone(self.0.write().await)
        } else {
            IsolationGuard::Beside(self.0.read().await)
        }
    }
}
