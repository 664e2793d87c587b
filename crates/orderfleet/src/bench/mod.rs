//! How fast a fleet is, what each order costs, and how far it can be driven.
//!
//! | module | what it is for |
//! |---|---|
//! | `course` | which orders are due when: the profiles |
//! | `drive`, `customer`, `connection` | placing them when they are due, at little cost |
//! | `tally` | what the callers saw |
//! | `watch`, `scrape`, `processes`, `machine`, `disk`, `hops` | what the fleet did meanwhile, and what it used |
//! | `ceiling` | what the broker alone would carry |
//! | `sum_up`, `figures`, `words` | what that comes to |
//! | `report` | the same as a page with plots |

mod ceiling;
mod connection;
mod course;
mod customer;
mod disk;
mod drive;
mod figures;
mod hops;
mod machine;
mod processes;
mod report;
mod scrape;
mod sum_up;
mod tally;
mod watch;
mod words;

use std::{sync::Arc, time::Duration};

use anyhow::Context;
use events::OrderId;
use tokio::time::{Instant, interval, sleep};

use crate::{client::AuditClient, fleet::Fleet, load::Plan};

pub(crate) use ceiling::{
    Ceiling, Options as CeilingOptions, build as build_with_ceiling, measure as measure_ceiling,
};
pub(crate) use course::{Kind, Profile, Shortfall, Stage, Wish};
pub(crate) use drive::Generator;
pub(crate) use figures::{Figures, Hop, Percentiles, SecondFigures, StageFigures};
pub(crate) use machine::Machine;
pub(crate) use report::render as report;

use customer::Market;
use drive::Driver;
use hops::Hops;
use sum_up::Burst;
use watch::{Look, Pulse, Watch};

/// How often progress is told.
const TOLD: Duration = Duration::from_millis(250);
/// How long after the last order every outcome must be there.
const OUTCOMES_WITHIN: Duration = Duration::from_secs(300);
/// Most timelines that are read for the hops.
const MOST_TIMELINES: usize = 2_000;

/// How far a bench has come.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(crate) enum Progress {
    /// A stage begins.
    Stage(Stage),
    /// So many of its orders are accepted.
    Accepted(u64),
    /// The load is over; so many orders are without an outcome.
    Open(u64),
}

/// A fleet under load.
#[derive(Debug)]
pub(crate) struct Bench<'a> {
    fleet: &'a Fleet,
    wish: Wish,
    driver: Driver,
    market: Arc<Market>,
    watch: Arc<Watch>,
    pulse: Pulse,
    before: disk::Sizes,
    stages: Vec<Ran>,
    after_load: Duration,
}

/// A stage that is over, and what was seen at its beginning and its end.
#[derive(Debug)]
struct Ran {
    stage: Stage,
    before: Look,
    after: Look,
    /// When it ended, since the first stage began.
    ended: Duration,
}

impl<'a> Bench<'a> {
    /// A bench of `fleet`, which has in stock what `plan` takes.
    ///
    /// # Errors
    /// Somebody of the fleet who is needed is not there.
    pub(crate) fn new(
        fleet: &'a Fleet,
        wish: Wish,
        plan: Plan,
        generator: Generator,
    ) -> anyhow::Result<Self> {
        let orders = fleet.processes().into_iter().filter(|proc| proc.service() == "order-service");
        let urls: Vec<_> = orders.map(|proc| proc.url()).collect();
        let driver = Driver::new(plan, &urls, generator)?;
        let market = driver.market();
        let watch = Arc::new(Watch::of(fleet, driver.market())?);
        let (pulse, before) = (Pulse::start(Arc::clone(&watch)), disk::sizes(fleet)?);
        let (stages, after_load) = (Vec::new(), Duration::ZERO);
        Ok(Self { fleet, wish, driver, market, watch, pulse, before, stages, after_load })
    }

    /// Goes through all stages and waits until every order has its outcome.
    ///
    /// # Errors
    /// A service does not tell what it counts, or does not decide in time.
    pub(crate) async fn drive(&mut self, tell: impl Fn(Progress)) -> anyhow::Result<()> {
        loop {
            let before: Vec<_> = self.stages.iter().map(|ran| ran.stage).collect();
            let Some(stage) = self.wish.stage(&before) else { break };
            self.run(stage, &tell).await?;
            if stage.kind == Kind::Step && self.shortfall().is_some() {
                break;
            }
        }
        self.settle(tell).await
    }

    async fn run(&mut self, stage: Stage, tell: &impl Fn(Progress)) -> anyhow::Result<()> {
        tell(Progress::Stage(stage));
        let before = self.watch.look().await?;
        let mut tick = interval(TOLD);
        {
            let run = self.driver.run(&stage);
            tokio::pin!(run);
            loop {
                tokio::select! {
                    () = &mut run => break,
                    _ = tick.tick() => {
                        let accepted = self.market.tally().accepted.len() as f64 - before.outcomes.accepted;
                        tell(Progress::Accepted(sum_up::whole(accepted)));
                    }
                }
            }
        }
        // Before looking, which takes its time of a fleet that is busy.
        let ended = self.market.opened.elapsed();
        let after = self.watch.look().await?;
        self.stages.push(Ran { stage, before, after, ended });
        Ok(())
    }

    /// Why the fleet did not keep up with the stage that is over now.
    fn shortfall(&self) -> Option<Shortfall> {
        let (ran, tally) = (self.stages.last()?, self.market.tally());
        let pace = sum_up::pace(&ran.stage, tally.stages.last()?, &ran.before, &ran.after);
        self.wish.shortfall(&pace)
    }

    async fn settle(&mut self, tell: impl Fn(Progress)) -> anyhow::Result<()> {
        let over = Instant::now();
        self.driver.finish().await;
        loop {
            let outcomes = self.watch.outcomes().await?;
            if outcomes.open() < 0.5 {
                break;
            }
            tell(Progress::Open(sum_up::whole(outcomes.open())));
            anyhow::ensure!(
                over.elapsed() < OUTCOMES_WITHIN,
                "{} orders have no outcome {} s after the load",
                outcomes.open(),
                OUTCOMES_WITHIN.as_secs()
            );
            sleep(TOLD).await;
        }
        self.after_load = over.elapsed();
        Ok(())
    }

    /// The orders that callers were told are accepted.
    #[must_use]
    pub(crate) fn accepted(&self) -> Vec<OrderId> {
        self.market.tally().accepted.clone()
    }

    /// What it comes to; once the audit trail is complete.
    ///
    /// # Errors
    /// The disk cannot be looked at.
    pub(crate) async fn figures(self, fsync: bool, ceiling: Option<Ceiling>) -> anyhow::Result<Figures> {
        let machine = Machine::here(self.fleet.data_dir()).await;
        let (mut tally, beats) = (std::mem::take(&mut *self.market.tally()), self.pulse.beats());
        let stages = self.stages.iter().zip(&tally.stages);
        let stages: Vec<_> = stages
            .map(|(ran, tally)| sum_up::stage(&self.wish, &ran.stage, tally, &ran.before, &ran.after))
            .collect();
        let headline = headline(&stages);
        let sample = tally.followed.iter().filter(|(stage, _)| Some(*stage) == headline);
        let sample = sample.map(|(_, order_id)| *order_id).collect();
        // Whoever does not answer does not take the other figures along.
        let hops = self.hops(sample).await.unwrap_or_else(|error| {
            tally.surprises.add(format!("{error:#}"));
            Vec::new()
        });
        Ok(Figures {
            profile: self.wish.profile,
            fsync,
            machine,
            headline,
            ceiling,
            share_of_ceiling: ceiling.and_then(|ceiling| {
                Some(stages.get(headline?)?.accepted_per_second / ceiling.orders_per_second)
            }),
            stages,
            hops,
            disk_bytes_per_order: self.disk(tally.accepted.len())?,
            backlog: sum_up::backlog(self.burst(), &beats, self.after_load),
            series: sum_up::series(&tally, &beats),
            memory: sum_up::memory(&beats),
            accepted: tally.accepted.len() as u64,
            retries: tally.retries,
            unexpected: tally.surprises.first,
            unexpected_count: tally.surprises.count,
        })
    }

    /// When the burst was, if there was one, and what is usual without.
    fn burst(&self) -> Option<Burst> {
        let ran = |kind| self.stages.iter().find(|ran| ran.stage.kind == kind);
        let (before, burst) = (ran(Kind::Before)?, ran(Kind::Burst)?);
        let began = |ran: &Ran| ran.ended.saturating_sub(ran.stage.lasts);
        Some(Burst { since: began(before), from: began(burst), to: burst.ended, rate: self.wish.rate })
    }

    async fn hops(&self, orders: Vec<OrderId>) -> anyhow::Result<Vec<Hop>> {
        let audit = AuditClient::new(&self.fleet.url("audit-service")?)?;
        let mut hops = Hops::default();
        for order_id in orders.iter().step_by(orders.len().div_ceil(MOST_TIMELINES).max(1)) {
            let timeline = audit.timeline(*order_id).await;
            hops.add(&timeline.context("the audit service did not tell an order's life")?);
        }
        Ok(hops.figures())
    }

    fn disk(&self, orders: usize) -> anyhow::Result<std::collections::BTreeMap<String, f64>> {
        let orders = orders.max(1) as f64;
        let now = disk::sizes(self.fleet)?.into_iter();
        let grown = now.map(|(what, bytes)| {
            let before = self.before.get(&what).copied().unwrap_or_default();
            (what, bytes.saturating_sub(before) as f64 / orders)
        });
        Ok(grown.filter(|(_, bytes)| *bytes > 0.0).collect())
    }
}

/// Which stage the bench is about.
fn headline(stages: &[StageFigures]) -> Option<usize> {
    stages.iter().rposition(|stage| match stage.kind {
        Kind::Steady | Kind::Burst => true,
        Kind::Step => stage.shortfall.is_none(),
        Kind::WarmUp | Kind::Before | Kind::After => false,
    })
}
