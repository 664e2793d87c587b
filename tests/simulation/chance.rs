//! Chance of the simulated world: each part of it has a stream of its own, all of them from the one seed.

use std::{
    ops::Range,
    sync::{Mutex, MutexGuard, PoisonError},
    time::Duration,
};

use fastrand::Rng;
use tokio::time::Instant;

/// A source of chance, shared by tasks.
pub(crate) struct Chance(Mutex<Rng>);

impl Chance {
    /// The stream that belongs to a seed.
    pub(crate) fn new(seed: u64) -> Self {
        Self(Mutex::new(Rng::with_seed(seed)))
    }

    /// A stream of its own for another part of the world.
    pub(crate) fn fork(&self) -> Self {
        Self(Mutex::new(self.rng().fork()))
    }

    /// True with this probability.
    pub(crate) fn hits(&self, probability: f64) -> bool {
        probability > 0.0 && self.rng().f64() < probability
    }

    /// A number from the range.
    pub(crate) fn number(&self, range: Range<u64>) -> u64 {
        self.rng().u64(range)
    }

    /// A number without meaning.
    pub(crate) fn any(&self) -> u64 {
        self.rng().u64(..)
    }

    /// So many milliseconds from the range.
    pub(crate) fn millis(&self, range: Range<u64>) -> Duration {
        Duration::from_millis(self.number(range))
    }

    /// One of them; there must be one.
    pub(crate) fn pick<T: Copy>(&self, choices: &[T]) -> T {
        let index = self.rng().usize(0..choices.len());
        choices[index]
    }

    fn rng(&self) -> MutexGuard<'_, Rng> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// Lets virtual time pass.
pub(crate) async fn pass(time: Duration) {
    tokio::time::sleep_until(Instant::now() + time).await;
}
