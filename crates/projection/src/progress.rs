//! How far a projector is: to wait for, and to report.

use std::collections::BTreeMap;

use tokio::sync::watch;

use crate::offsets::Offsets;

/// What a projector is doing.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub enum Role {
    /// It has not reached the database yet, or has lost it.
    #[default]
    Starting,
    /// Another process projects into this database; this one takes over when that one goes.
    Standby,
    /// It projects.
    Projecting,
}

/// How a projector stands.
#[derive(Debug, Clone, Default)]
pub struct Status {
    /// What it is doing.
    pub role: Role,
    /// The last sequence of each stream whose effect is committed and can be read.
    pub applied: BTreeMap<&'static str, u64>,
    /// Whether everything is applied that the streams held when this process first asked. Stays true.
    pub caught_up: bool,
    /// What keeps it from working, in words; `None` while nothing does.
    pub problem: Option<String>,
}

impl Status {
    /// The last sequence of `stream` whose effect is committed; 0 when there is none.
    #[must_use]
    pub fn applied(&self, stream: &str) -> u64 {
        self.applied.get(stream).copied().unwrap_or(0)
    }

    /// Why reads should go to another process; `None` when they may come here.
    #[must_use]
    pub fn unready(&self) -> Option<String> {
        if let Some(problem) = &self.problem {
            return Some(problem.clone());
        }
        (!self.caught_up).then(|| "catching up with the streams".to_owned())
    }
}

/// Watches a projector. Cheap to clone.
#[derive(Debug, Clone)]
pub struct Handle {
    status: watch::Receiver<Status>,
}

impl Handle {
    /// How it stands now.
    #[must_use]
    pub fn status(&self) -> Status {
        self.status.borrow().clone()
    }

    /// For waiting on changes of the status.
    #[must_use]
    pub fn watch(&self) -> watch::Receiver<Status> {
        self.status.clone()
    }

    /// Waits until the effect of `sequence` in `stream` can be read; `false` when the projector has
    /// ended before. Set a time limit around it. Cancel safe.
    pub async fn passed(&self, stream: &str, sequence: u64) -> bool {
        self.status.clone().wait_for(|status| status.applied(stream) >= sequence).await.is_ok()
    }
}

/// The projector's side.
#[derive(Debug)]
pub(crate) struct Progress {
    status: watch::Sender<Status>,
    /// The last sequence of each stream that could be read when they were first asked.
    targets: Option<Offsets>,
}

impl Progress {
    pub(crate) fn new() -> (Self, Handle) {
        let (status, watching) = watch::channel(Status::default());
        (Self { status, targets: None }, Handle { status: watching })
    }

    pub(crate) fn set_targets(&mut self, targets: Offsets) {
        self.targets = Some(targets);
        self.judge();
    }

    /// The projector works, in this role, and has come so far.
    pub(crate) fn advanced(&self, role: Role, offsets: &Offsets) {
        self.status.send_if_modified(|status| {
            let news = status.role != role || status.problem.is_some() || status.applied != *offsets;
            if news {
                status.role = role;
                status.problem = None;
                status.applied.clone_from(offsets);
            }
            news
        });
        self.judge();
    }

    pub(crate) fn failed(&self, problem: String) {
        self.status.send_modify(|status| {
            status.role = Role::Starting;
            status.problem = Some(problem);
        });
    }

    fn judge(&self) {
        let Some(targets) = &self.targets else { return };
        self.status.send_if_modified(|status| {
            let reached = |(stream, last): (&&str, &u64)| status.applied(stream) >= *last;
            let news = !status.caught_up && targets.iter().all(reached);
            status.caught_up |= news;
            news
        });
    }
}
