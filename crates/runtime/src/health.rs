//! Liveness by heartbeats and readiness by named checks: the state behind `/health` and `/ready`.

use std::{
    pin::pin,
    sync::{
        Arc, Mutex, PoisonError,
        atomic::{AtomicU64, Ordering},
    },
    time::Duration,
};

use serde::Serialize;
use tokio::time::{Instant, interval};
use tracing::info;

/// A loop that has not beaten for this long counts as stuck.
pub(crate) const HEARTBEAT_LIMIT: Duration = Duration::from_secs(30);

/// Time between two beats of a task that is watched.
const BEAT: Duration = Duration::from_secs(5);

/// All heartbeats and checks of the process.
#[derive(Debug)]
pub(crate) struct Health {
    started: Instant,
    heartbeats: Mutex<Vec<Arc<Beat>>>,
    checks: Mutex<Vec<Arc<Check>>>,
}

#[derive(Debug)]
struct Beat {
    name: &'static str,
    /// Milliseconds from `Health::started` to the last beat.
    last: AtomicU64,
}

#[derive(Debug)]
struct Check {
    name: &'static str,
    /// Why it is not ready; `None` when it is.
    reason: Mutex<Option<String>>,
}

/// How one readiness check stands, as `/ready` shows it.
#[derive(Debug, PartialEq, Eq, Serialize)]
pub(crate) struct CheckState {
    pub(crate) name: &'static str,
    pub(crate) ready: bool,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) reason: Option<String>,
}

/// A heartbeat that stopped, as `/health` shows it.
#[derive(Debug, PartialEq, Eq, Serialize)]
pub(crate) struct Stale {
    pub(crate) name: &'static str,
    pub(crate) seconds_since_beat: u64,
}

impl Health {
    pub(crate) fn new() -> Health {
        Health { started: Instant::now(), heartbeats: Mutex::default(), checks: Mutex::default() }
    }

    pub(crate) fn heartbeat(self: &Arc<Self>, name: &'static str) -> Heartbeat {
        let beat = Arc::new(Beat { name, last: AtomicU64::new(self.millis()) });
        self.heartbeats.lock().unwrap_or_else(PoisonError::into_inner).push(Arc::clone(&beat));
        Heartbeat { health: Arc::clone(self), beat }
    }

    pub(crate) fn check(&self, name: &'static str) -> ReadinessCheck {
        let check = Arc::new(Check { name, reason: Mutex::new(Some("starting".into())) });
        self.checks.lock().unwrap_or_else(PoisonError::into_inner).push(Arc::clone(&check));
        ReadinessCheck { check }
    }

    /// The loops that have not beaten within [`HEARTBEAT_LIMIT`].
    pub(crate) fn stale(&self) -> Vec<Stale> {
        let now = self.millis();
        let heartbeats = self.heartbeats.lock().unwrap_or_else(PoisonError::into_inner);
        heartbeats.iter().filter_map(|beat| beat.stale(now)).collect()
    }

    /// Every readiness check, in the order of registration.
    pub(crate) fn checks(&self) -> Vec<CheckState> {
        let checks = self.checks.lock().unwrap_or_else(PoisonError::into_inner);
        checks.iter().map(|check| check.state()).collect()
    }

    fn millis(&self) -> u64 {
        u64::try_from(self.started.elapsed().as_millis()).unwrap_or(u64::MAX)
    }
}

impl Beat {
    fn stale(&self, now_millis: u64) -> Option<Stale> {
        let last = self.last.load(Ordering::Relaxed);
        let silent = Duration::from_millis(now_millis.saturating_sub(last));
        (silent > HEARTBEAT_LIMIT).then_some(Stale { name: self.name, seconds_since_beat: silent.as_secs() })
    }
}

impl Check {
    fn state(&self) -> CheckState {
        let reason = self.reason.lock().unwrap_or_else(PoisonError::into_inner).clone();
        CheckState { name: self.name, ready: reason.is_none(), reason }
    }
}

/// Proof of life of one loop. Clones beat for the same loop.
///
/// `/health` answers 503 and names the loop when it has not beaten for 30 seconds. A loop beats from its own turns,
/// at least every few seconds even when there is nothing to do, and never from a timer of its own; one that may rightly
/// wait without end is [watched](Heartbeat::while_polled) instead.
#[derive(Clone, Debug)]
pub struct Heartbeat {
    health: Arc<Health>,
    beat: Arc<Beat>,
}

impl Heartbeat {
    /// The loop has just turned. Costs a clock reading and one store.
    pub fn beat(&self) {
        self.beat.last.store(self.health.millis(), Ordering::Relaxed);
    }

    /// Does the work, and beats for as long as the task that does it is not blocked and does not spin. What it waits for
    /// is its own affair: a server that is away for hours is no reason to be restarted.
    pub async fn while_polled<T>(self, work: impl Future<Output = T>) -> T {
        let (mut work, mut turn) = (pin!(work), interval(BEAT));
        loop {
            tokio::select! {
                done = &mut work => return done,
                _ = turn.tick() => self.beat(),
            }
        }
    }
}

/// One condition of readiness. Starts as not ready, "starting". Clones are the same condition.
///
/// `/ready` answers 200 only while every check is ready and the process is not stopping.
#[derive(Clone, Debug)]
pub struct ReadinessCheck {
    check: Arc<Check>,
}

impl ReadinessCheck {
    /// The condition holds. Logged when it did not hold before.
    pub fn ready(&self) {
        if self.replace(None).is_some() {
            info!(check = self.check.name, "ready");
        }
    }

    /// The condition does not hold, for this reason. Logged when the reason is a new one.
    pub fn not_ready(&self, reason: impl Into<String>) {
        let reason = reason.into();
        if self.replace(Some(reason.clone())).as_ref() != Some(&reason) {
            info!(check = self.check.name, reason, "not ready");
        }
    }

    fn replace(&self, reason: Option<String>) -> Option<String> {
        std::mem::replace(&mut *self.check.reason.lock().unwrap_or_else(PoisonError::into_inner), reason)
    }
}

#[cfg(test)]
mod tests {
    use std::future::pending;

    use super::*;

    #[tokio::test(start_paused = true)]
    async fn a_silent_loop_is_named_until_it_beats_again() {
        let health = Arc::new(Health::new());
        let feeder = health.heartbeat("feeder");
        let other = health.heartbeat("other");

        tokio::time::advance(HEARTBEAT_LIMIT).await;
        other.beat();
        assert_eq!(health.stale(), []);
        tokio::time::advance(Duration::from_secs(1)).await;
        assert_eq!(health.stale(), [Stale { name: "feeder", seconds_since_beat: 31 }]);

        feeder.beat();
        assert_eq!(health.stale(), []);
    }

    #[tokio::test(start_paused = true)]
    async fn a_task_that_waits_is_alive_and_one_that_blocks_is_not() {
        let health = Arc::new(Health::new());
        let waiting = health.heartbeat("waiting").while_polled(pending::<()>());
        let stale = async {
            tokio::time::advance(HEARTBEAT_LIMIT * 3).await;
            tokio::task::yield_now().await;
            health.stale()
        };
        let stale = tokio::select! {
            () = waiting => unreachable!("it waits for ever"),
            stale = stale => stale,
        };
        assert_eq!(stale, []);

        // A task that is blocked polls nothing.
        let _blocked = health.heartbeat("blocked").while_polled(pending::<()>());
        tokio::time::advance(HEARTBEAT_LIMIT + Duration::from_secs(1)).await;
        let names: Vec<_> = health.stale().into_iter().map(|stale| stale.name).collect();
        assert_eq!(names, ["waiting", "blocked"], "neither is polled any more");
    }

    #[tokio::test]
    async fn checks_start_unready_and_carry_their_reason() {
        let health = Health::new();
        let broker = health.check("broker");
        let state = |ready, reason: Option<&str>| {
            vec![CheckState { name: "broker", ready, reason: reason.map(str::to_owned) }]
        };

        assert_eq!(health.checks(), state(false, Some("starting")));
        broker.ready();
        assert_eq!(health.checks(), state(true, None));
        broker.clone().not_ready("disconnected");
        assert_eq!(health.checks(), state(false, Some("disconnected")));
    }
}
