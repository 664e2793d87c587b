//! One seed: a world is made, lives, is put right, and is judged.

use std::{cell::Cell, collections::BTreeMap, path::Path, sync::Arc, thread, time::Duration};

use anyhow::Context;
use serde::{Deserialize, Serialize};
use tokio::time::{Instant, timeout};

use crate::{
    nemesis::Nemesis, operator::Operator, poison::Poison, role::Seat, sabotage::Guard, shopper::Shoppers,
    verdict, world::World,
};

/// Virtual time that nothing takes.
const FOR_EVER: Duration = Duration::from_secs(3_600);
/// What the wall clock shows when a world begins: some day in 2023.
const EPOCH: Duration = Duration::from_secs(1_700_000_000);

/// What came of a seed.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub(crate) struct Outcome {
    pub(crate) seed: u64,
    /// Every breach of the promise; none is what is hoped for.
    pub(crate) violations: Vec<String>,
    /// Equal for runs in which the same things happened.
    pub(crate) fingerprint: u64,
    /// How often each rare thing happened.
    pub(crate) seen: BTreeMap<String, u64>,
    /// Orders that callers were told are accepted.
    pub(crate) orders: u64,
    /// Virtual time in seconds.
    pub(crate) seconds: f64,
    /// The story, if it was asked for.
    pub(crate) lines: Vec<String>,
}

/// Runs a seed on a thread of its own, on which all chance and time follow from it.
pub(crate) fn run(seed: u64, off: Option<Guard>, verbose: bool) -> anyhow::Result<Outcome> {
    let thread = thread::Builder::new().name("simulation".to_owned()).stack_size(16 << 20);
    let running = thread.spawn(move || {
        entropy::seed(seed);
        simulate(seed, off, verbose)
    });
    running
        .context("cannot start a thread")?
        .join()
        .map_err(|_panic| anyhow::anyhow!("the simulation panicked"))?
}

fn simulate(seed: u64, off: Option<Guard>, verbose: bool) -> anyhow::Result<Outcome> {
    let memory = Path::new("/dev/shm");
    let disk = if memory.is_dir() { tempfile::tempdir_in(memory) } else { tempfile::tempdir() };
    let disk = disk.context("no place for databases")?;
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().start_paused(true).build()?;
    let outcome = runtime.block_on(async {
        entropy::set_clock(virtual_time);
        let living = live(seed, off, disk.path(), verbose);
        timeout(FOR_EVER, living).await.unwrap_or_else(|_| Err(anyhow::anyhow!("it never ends")))
    });
    runtime.shutdown_background();
    outcome
}

/// The time of this thread's runtime, as a wall clock.
fn virtual_time() -> Duration {
    thread_local! {
        static START: Cell<Option<Instant>> = const { Cell::new(None) };
        static LOOKS: Cell<u64> = const { Cell::new(0) };
    }
    let now = Instant::now();
    let start = START.get().unwrap_or(now);
    START.set(Some(start));
    // As on a real machine no two looks see the same time: who waits until it is past would do so for ever.
    let looks = LOOKS.get() + 1;
    LOOKS.set(looks);
    EPOCH + now.duration_since(start) + Duration::from_nanos(looks)
}

async fn live(seed: u64, off: Option<Guard>, disk: &Path, verbose: bool) -> anyhow::Result<Outcome> {
    let world = World::new(seed, off, disk.to_owned(), verbose);
    world.trace.note("plan", "draws", seed, || format!("{:?}", world.plan));
    for seat in Seat::ALL {
        world.start(seat).await.with_context(|| seat.name())?;
    }
    let (shoppers, poison) = (Shoppers::new(&world), Poison::default());
    let operator = Arc::<Operator>::default();
    let nemesis = Nemesis::new(&world, poison.clone(), Arc::clone(&operator));
    shoppers.begin();
    nemesis.rage().await;
    nemesis.heal().await?;
    shoppers.end().await;
    let violations = verdict::judge(&world, &shoppers, &poison, &operator).await?;
    for violation in &violations {
        world.trace.note("verdict", "violation", 0, || violation.clone());
    }
    Ok(Outcome {
        seed,
        violations,
        fingerprint: world.trace.fingerprint(),
        seen: world.trace.seen(),
        orders: shoppers.accepted().len() as u64,
        seconds: world.trace.elapsed().as_secs_f64(),
        lines: world.trace.lines(),
    })
}
