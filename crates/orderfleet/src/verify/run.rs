//! Collecting the evidence of a running fleet and judging it.

use std::{sync::Arc, time::Duration};

use anyhow::Context;
use service::ReachArgs;
use tokio::time::{Instant, sleep};

use super::{collect::Collector, evidence::Expectations, judge, open, report::Report};
use crate::fleet::Fleet;

/// Pause between two looks at a fleet that is still at work.
const PAUSE: Duration = Duration::from_millis(250);

/// Where a fleet can be asked.
#[derive(Debug, Clone)]
pub struct Target {
    /// The broker.
    pub broker: ReachArgs,
    /// The card gateway.
    pub gateway_url: String,
    /// The audit service.
    pub audit_url: String,
    /// The inventory service.
    pub inventory_url: String,
}

impl Target {
    /// A fleet of this process.
    ///
    /// # Errors
    /// It runs without one of those who have to be asked.
    pub fn of(fleet: &Fleet) -> anyhow::Result<Self> {
        let url = |service| fleet.url(service).context("it is needed to verify");
        Ok(Self {
            broker: ReachArgs::open(fleet.broker().url()),
            gateway_url: url("gateway-sim")?,
            audit_url: url("audit-service")?,
            inventory_url: url("inventory-service")?,
        })
    }
}

/// How to verify.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Options {
    /// How long to wait until nothing is under way any more.
    pub wait: Duration,
}

/// How far verifying has come.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Progress {
    /// The broker does not answer at once.
    Connecting,
    /// Messages of the streams are read.
    Reading {
        /// So many of those that this look finds.
        read: u64,
        /// How many it finds.
        total: u64,
    },
    /// Something is still under way.
    Waiting {
        /// How many things.
        open: usize,
        /// How long they still have.
        left: Duration,
    },
    /// The card gateway's ledger is read.
    Ledger {
        /// So many entries so far.
        read: u64,
    },
    /// The audit trail is read.
    Trail {
        /// So many messages of those that this look needs.
        read: u64,
        /// How many it needs.
        total: u64,
    },
    /// The audit trail looks at its own hashes.
    Proof {
        /// So many so far.
        verified: u64,
    },
    /// The evidence is judged.
    Judging,
    /// Something seems wrong; whether it stays so is looked at again.
    LookingAgain,
}

/// Waits until the fleet has settled, collects the evidence, and judges it.
///
/// What seems wrong must be there at a second look, too: a breach of the promise stays, while the
/// fleet may have moved in the middle of the first.
///
/// # Errors
/// The evidence cannot be had: somebody who must be asked does not answer.
pub async fn run(
    target: &Target,
    expected: &Expectations,
    options: &Options,
    progress: impl Fn(Progress) + Send + Sync + 'static,
) -> anyhow::Result<Report> {
    let progress = Arc::new(progress);
    let deadline = Instant::now() + options.wait;
    let mut collector = Collector::connect(target, progress.clone()).await?;
    settle(&mut collector, deadline, &*progress).await?;
    let look = async |collector: &mut Collector| {
        collector.look_at_everything(deadline).await?;
        progress(Progress::Judging);
        anyhow::Ok(judge(collector.evidence(), expected))
    };
    let first = look(&mut collector).await?;
    if first.holds() {
        return Ok(first);
    }
    progress(Progress::LookingAgain);
    sleep(PAUSE).await;
    let mut second = look(&mut collector).await?;
    second.keep_what_was_there(&first);
    Ok(second)
}

/// Follows the streams until nothing is under way any more, or the deadline has passed.
async fn settle(
    collector: &mut Collector,
    deadline: Instant,
    progress: &(impl Fn(Progress) + Send + Sync),
) -> anyhow::Result<()> {
    collector.look_at_streams().await?;
    loop {
        let started = Instant::now();
        let open = open(collector.evidence());
        // Judging many orders takes a while: at most half of the time goes into it.
        let mut pause = PAUSE.max(started.elapsed());
        loop {
            let left = deadline.saturating_duration_since(Instant::now());
            if open == 0 || left.is_zero() {
                return Ok(());
            }
            progress(Progress::Waiting { open, left });
            sleep(pause.min(left)).await;
            if collector.look_at_streams().await? {
                break;
            }
            pause = PAUSE;
        }
    }
}
