//! What all scenarios share: a shop full of customers, a fault in the middle, and the verdict.

use std::time::{Duration, Instant};

use anyhow::ensure;
use events::{OrderId, Timestamp};
use orderfleet::{
    fleet::FleetOptions,
    load::{Load, Options, Results},
    verify::{Expectations, ExpectedDeadLetters},
};
use testkit::eventually;
use tests::shop::{Shop, busy_day};

use crate::{
    recovery,
    scenario::{Figures, Outcome},
};

/// Orders per second that are placed, whatever happens to the fleet.
pub(crate) const RATE: f64 = 310.0;
/// The promise is about at least so many per second.
const LEAST_RATE: f64 = 300.0;
/// Orders placed before the fault, in seconds of load: the fault meets a fleet at work.
const WARM: f64 = 2.0;
/// More than pile up while somebody is away.
const IN_FLIGHT: usize = 15_000;
/// How long callers go on trying: longer than any fault lasts.
const PATIENCE: Duration = Duration::from_secs(120);

/// A fleet that is loaded, hurt and verified, round after round.
pub(crate) struct Stage {
    pub(crate) shop: Shop,
    /// Which dead letters there have to be.
    pub(crate) dead_letters: ExpectedDeadLetters,
    pub(crate) figures: Figures,
    accepted: Vec<OrderId>,
    rounds: usize,
}

/// A crowd of customers.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Crowd {
    /// For how long they come.
    pub(crate) seconds: u64,
    /// Whether they stay until their order is decided.
    pub(crate) stays: bool,
}

impl Crowd {
    /// Customers who come for so long and want to see their order decided.
    pub(crate) fn for_seconds(seconds: u64) -> Self {
        Self { seconds, stays: true }
    }
}

impl Stage {
    /// Starts the fleet.
    pub(crate) async fn open(options: FleetOptions) -> anyhow::Result<Self> {
        let shop = Shop::open(options).await?;
        let (dead_letters, accepted) = (ExpectedDeadLetters::default(), Vec::new());
        Ok(Self {
            shop,
            dead_letters,
            figures: Figures { rate: f64::MAX, ..Figures::default() },
            accepted,
            rounds: 0,
        })
    }

    /// Lets the crowd in, and when it is busy the fault; verifies everything once all is quiet. The fault says
    /// when it was over.
    pub(crate) async fn round(
        &mut self,
        crowd: Crowd,
        fault: impl AsyncFnOnce(&Shop, &Load) -> anyhow::Result<Timestamp>,
    ) -> anyhow::Result<Results> {
        let nothing_parked = ExpectedDeadLetters::default();
        self.round_with(crowd, async |shop, load| Ok((fault(shop, load).await?, nothing_parked))).await
    }

    /// As [`Stage::round`], with a fault that also says which dead letters it has to lead to.
    pub(crate) async fn round_with(
        &mut self,
        crowd: Crowd,
        fault: impl AsyncFnOnce(&Shop, &Load) -> anyhow::Result<(Timestamp, ExpectedDeadLetters)>,
    ) -> anyhow::Result<Results> {
        self.rounds += 1;
        let plan = busy_day(&format!("round-{}", self.rounds), (crowd.seconds as f64 * RATE) as u64, RATE);
        let options = Options { patience: PATIENCE, in_flight: IN_FLIGHT, follow: crowd.stays };
        let load = self.shop.load_with(plan.clone(), options).await?;
        load.accepted((RATE * WARM) as u64).await;
        let (healed, dead_letters) = fault(&self.shop, &load).await?;
        self.dead_letters = dead_letters;
        let accepted = load.progress().borrow().accepted;
        ensure!(accepted < plan.orders, "the load ended before the fault did, so it proves little");
        let results = load.finish().await?;
        self.judge_callers(plan.orders, &results)?;
        self.verify().await?;
        let recovery = recovery::since(&self.shop, healed).await?;
        if recovery.took > self.figures.recovery {
            self.figures.recovery = recovery.took;
            self.figures.last = recovery.last;
        }
        Ok(results)
    }

    /// Callers saw nothing strange, every order was accepted in the end, and there were as many as promised.
    fn judge_callers(&mut self, planned: u64, results: &Results) -> anyhow::Result<()> {
        let (count, first) = (results.surprises.count, &results.surprises.first);
        ensure!(count == 0, "{count} unexpected answers: {first:#?}");
        let accepted = results.accepted.len() as u64;
        ensure!(accepted == planned, "{accepted} of {planned} orders were accepted");
        let rate = planned as f64 / results.placing.as_secs_f64();
        ensure!(rate >= LEAST_RATE, "only {rate:.0} orders per second were placed: this machine is too slow");
        let figures = &mut self.figures;
        figures.rate = figures.rate.min(rate);
        figures.orders += accepted;
        figures.longest_wait = figures.longest_wait.max(results.acceptance.max());
        self.accepted.extend(&results.accepted);
        Ok(())
    }

    /// The promise holds for every order of every round.
    pub(crate) async fn verify(&self) -> anyhow::Result<()> {
        let (dead_letters, accepted) = (self.dead_letters.clone(), self.accepted.clone());
        self.shop.verify_against(Expectations { complete: true, dead_letters, accepted }).await?;
        Ok(())
    }

    /// Stops the fleet in order; every process must end well.
    pub(crate) async fn close(self) -> anyhow::Result<Outcome> {
        self.shop.close().await?;
        Ok(Outcome::Held(self.figures))
    }
}

/// Lets a fault last.
pub(crate) async fn lasting(duration: Duration) {
    let begun = Instant::now();
    eventually(duration * 2, "the fault has lasted", async || begun.elapsed() >= duration).await;
}
