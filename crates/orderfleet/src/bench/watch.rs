//! Watches the fleet under load: what its processes use, what its services count.

use std::{
    collections::BTreeMap,
    sync::{Arc, Mutex, PoisonError},
    time::Duration,
};

use anyhow::Context;
use futures_util::future::try_join_all;
use tokio::{
    task::JoinSet,
    time::{Instant, MissedTickBehavior, interval},
};

use super::{
    connection::Pool,
    customer::Market,
    machine::{self, Busy},
    processes::{self, Usage},
    scrape::{Counters, scrape},
};
use crate::fleet::Fleet;

/// Orders that have their outcome; each replica with a read model of its own counts all of them.
const OUTCOMES: &str = "order_completion_duration_seconds_count";
const COMMITS: &str = "messaging_commit_messages_count";
const COMMITTED: &str = "messaging_commit_messages_sum";

/// Everybody who is watched.
#[derive(Debug)]
pub(super) struct Watch {
    processes: Vec<Watched>,
    /// The first replica of the order service.
    orders: Pool,
    market: Arc<Market>,
}

#[derive(Debug)]
struct Watched {
    name: String,
    pid: Option<u32>,
    /// Where a service tells its counters.
    service: Option<(String, Pool)>,
}

/// One look at everybody.
#[derive(Debug, Clone)]
pub(super) struct Look {
    pub(super) at: Instant,
    pub(super) outcomes: Outcomes,
    /// By process.
    pub(super) usages: Vec<(String, Option<Usage>)>,
    /// By service and stream.
    pub(super) commits: BTreeMap<(String, String), Commits>,
    /// What the processors did, whoever had them.
    pub(super) machine: Option<Busy>,
}

/// How many orders have come how far.
#[derive(Debug, Clone, Copy, Default, PartialEq)]
pub(super) struct Outcomes {
    pub(super) accepted: f64,
    pub(super) confirmed: f64,
    /// Confirmed or cancelled.
    pub(super) decided: f64,
}

impl Outcomes {
    /// Orders that are accepted and have no outcome yet.
    pub(super) fn open(&self) -> f64 {
        (self.accepted - self.decided).max(0.0)
    }
}

/// What a service has stored in a stream.
#[derive(Debug, Clone, Copy, Default, PartialEq)]
pub(super) struct Commits {
    pub(super) commits: f64,
    pub(super) messages: f64,
}

impl Watch {
    pub(super) fn of(fleet: &Fleet, market: Arc<Market>) -> anyhow::Result<Self> {
        let mut processes = vec![Watched::plain("bench", Some(std::process::id()))];
        processes.push(Watched::plain("broker", fleet.broker().pid()));
        for proc in fleet.processes() {
            let mut watched = Watched::plain(&proc.name(), proc.pid());
            if proc.service().ends_with("-service") {
                watched.service = Some((proc.service().to_owned(), Pool::new(&[proc.url()], 1)?));
            }
            processes.push(watched);
        }
        let orders = Pool::new(&[fleet.url("order-service")?], 1)?;
        Ok(Self { processes, orders, market })
    }

    /// Looks at everybody.
    pub(super) async fn look(&self) -> anyhow::Result<Look> {
        let services = self.processes.iter().filter_map(|watched| watched.service.as_ref());
        let asked = services.map(async |(service, pool)| {
            let counters = scrape(pool).await.with_context(|| format!("{service} tells no counters"))?;
            anyhow::Ok((service.clone(), counters))
        });
        let told = try_join_all(asked).await?;
        let outcomes = self.outcomes().await?;
        let usages =
            self.processes.iter().map(|one| (one.name.clone(), one.pid.and_then(processes::usage))).collect();
        Ok(Look { at: Instant::now(), outcomes, usages, commits: commits(&told), machine: machine::busy() })
    }

    /// How far the orders have come.
    pub(super) async fn outcomes(&self) -> anyhow::Result<Outcomes> {
        let counters = scrape(&self.orders).await.context("the order service tells no counters")?;
        Ok(Outcomes {
            accepted: self.market.tally().accepted.len() as f64,
            confirmed: counters.sum(OUTCOMES, &[("outcome", "confirmed")]),
            decided: counters.sum(OUTCOMES, &[]),
        })
    }
}

impl Watched {
    fn plain(name: &str, pid: Option<u32>) -> Self {
        Self { name: name.to_owned(), pid, service: None }
    }
}

/// What the replicas of each service have stored together.
fn commits(told: &[(String, Counters)]) -> BTreeMap<(String, String), Commits> {
    let mut commits = BTreeMap::<_, Commits>::new();
    for (service, counters) in told {
        for stream in counters.values(COMMITS, "stream") {
            let of = |name| counters.sum(name, &[("stream", stream)]);
            let sum = commits.entry((service.clone(), stream.to_owned())).or_default();
            sum.commits += of(COMMITS);
            sum.messages += of(COMMITTED);
        }
    }
    commits
}

/// The outcomes second by second, noted until it is dropped.
#[derive(Debug)]
pub(super) struct Pulse {
    beats: Arc<Mutex<Vec<(Duration, Outcomes)>>>,
    _noting: JoinSet<()>,
}

impl Pulse {
    pub(super) fn start(watch: Arc<Watch>) -> Self {
        let beats: Arc<Mutex<Vec<_>>> = Arc::default();
        let (noted, mut noting) = (Arc::clone(&beats), JoinSet::new());
        noting.spawn(async move {
            let mut second = interval(Duration::from_secs(1));
            second.set_missed_tick_behavior(MissedTickBehavior::Skip);
            loop {
                second.tick().await;
                // A fleet too busy to tell leaves a gap in the plot.
                if let Ok(outcomes) = watch.outcomes().await {
                    let at = watch.market.opened.elapsed();
                    noted.lock().unwrap_or_else(PoisonError::into_inner).push((at, outcomes));
                }
            }
        });
        Self { beats, _noting: noting }
    }

    /// When, since the first stage began, and how far the orders had come then.
    pub(super) fn beats(&self) -> Vec<(Duration, Outcomes)> {
        self.beats.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }
}
