//! How long the breaker stays open, each time in turn.

use std::{
    sync::{
        Arc,
        atomic::{AtomicU64, Ordering},
    },
    time::Duration,
};

use backoff::{ExponentialBackoff, ExponentialBackoffBuilder, backoff::Backoff};

use super::BreakerSettings;

/// The time of each opening in turn; starts over when the breaker has closed.
///
/// failsafe itself is told to stay open for no time at all: it looks at the system's clock, which a test or a
/// simulation cannot turn. The time drawn is read from [`OpenTimes::last_drawn`], and waited for by the breaker.
#[derive(Clone)]
pub(super) struct OpenTimes {
    steps: ExponentialBackoff,
    last_drawn: Arc<AtomicU64>,
}

/// The time drawn last.
pub(super) struct LastDrawn(Arc<AtomicU64>);

impl OpenTimes {
    pub(super) fn new(settings: BreakerSettings) -> Self {
        // `backoff` draws evenly around a middle; the longest draw is to be the limit itself.
        let middle = 1.0 - settings.jitter / 2.0;
        let steps = ExponentialBackoffBuilder::new()
            .with_initial_interval(settings.open_for.mul_f64(middle))
            .with_max_interval(settings.open_max.mul_f64(middle))
            .with_multiplier(2.0)
            .with_randomization_factor(settings.jitter / 2.0 / middle)
            .with_max_elapsed_time(None)
            .build();
        Self { steps, last_drawn: Arc::default() }
    }

    pub(super) fn last_drawn(&self) -> LastDrawn {
        LastDrawn(Arc::clone(&self.last_drawn))
    }

    fn draw(&mut self) -> Option<Duration> {
        let drawn = self.steps.next_backoff()?;
        self.last_drawn.store(u64::try_from(drawn.as_nanos()).unwrap_or(u64::MAX), Ordering::Relaxed);
        Some(drawn)
    }
}

impl Iterator for OpenTimes {
    type Item = Duration;

    fn next(&mut self) -> Option<Duration> {
        self.draw().map(|_drawn| Duration::ZERO)
    }
}

impl LastDrawn {
    pub(super) fn get(&self) -> Duration {
        Duration::from_nanos(self.0.load(Ordering::Relaxed))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn times_double_up_to_the_longest_and_are_drawn_from_their_upper_half() {
        let settings = BreakerSettings::default();
        let mut drawn = Vec::new();
        for _ in 0..50 {
            let mut times = OpenTimes::new(settings);
            let mut limit = settings.open_for;
            for _opening in 0..8 {
                let time = times.draw().unwrap();
                assert!(time <= limit && time >= limit.mul_f64(0.49), "{time:?} with limit {limit:?}");
                limit = (limit * 2).min(settings.open_max);
                drawn.push(time);
            }
        }
        drawn.sort_unstable();
        drawn.dedup();
        assert!(drawn.len() > 300, "replicas do not probe in step");
    }

    #[test]
    fn without_jitter_every_run_is_the_same() {
        let settings = BreakerSettings { jitter: 0.0, ..BreakerSettings::default() };
        let mut times = OpenTimes::new(settings);
        let seconds: Vec<_> = (0..6).filter_map(|_| times.draw()).map(|time| time.as_secs()).collect();
        assert_eq!(seconds, [2, 4, 8, 10, 10, 10]);
    }
}
