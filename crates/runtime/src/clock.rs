//! The one lawful reader of the wall clock, and its stand-in for tests.

use std::{
    sync::{
        Arc,
        atomic::{AtomicU64, Ordering},
    },
    time::{Duration, SystemTime, UNIX_EPOCH},
};

/// Tells the wall-clock time. Cheap to clone; all clones of a manual clock move together.
#[derive(Clone, Debug)]
pub struct Clock {
    source: Source,
}

#[derive(Clone, Debug)]
enum Source {
    System,
    Manual(Arc<AtomicU64>),
}

impl Clock {
    /// The machine's clock.
    pub fn system() -> Clock {
        Clock { source: Source::System }
    }

    /// A clock that stands still at `start` until its [`ManualClock`] moves it.
    pub fn manual(start: SystemTime) -> (Clock, ManualClock) {
        let micros = Arc::new(AtomicU64::new(micros_since_epoch(start)));
        (Clock { source: Source::Manual(Arc::clone(&micros)) }, ManualClock { micros })
    }

    /// The time now.
    pub fn now(&self) -> SystemTime {
        match &self.source {
            Source::System => system_now(),
            Source::Manual(micros) => UNIX_EPOCH + Duration::from_micros(micros.load(Ordering::SeqCst)),
        }
    }

    /// The time now in microseconds since 1970-01-01T00:00:00Z; 0 for anything earlier.
    pub fn unix_micros(&self) -> u64 {
        micros_since_epoch(self.now())
    }
}

/// Moves the [`Clock`] it was created with.
#[derive(Clone, Debug)]
pub struct ManualClock {
    micros: Arc<AtomicU64>,
}

impl ManualClock {
    /// Moves the clock forward by `by`, in whole microseconds.
    pub fn advance(&self, by: Duration) {
        let by = u64::try_from(by.as_micros()).unwrap_or(u64::MAX);
        self.micros.fetch_add(by, Ordering::SeqCst);
    }

    /// Sets the clock to `to`, which may lie in the past: real clocks are set back too.
    pub fn set(&self, to: SystemTime) {
        self.micros.store(micros_since_epoch(to), Ordering::SeqCst);
    }
}

#[expect(clippy::disallowed_methods, reason = "the one place where time enters; everybody else asks a Clock")]
fn system_now() -> SystemTime {
    SystemTime::now()
}

fn micros_since_epoch(at: SystemTime) -> u64 {
    let since = at.duration_since(UNIX_EPOCH).unwrap_or_default();
    u64::try_from(since.as_micros()).unwrap_or(u64::MAX)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn manual_clock_moves_only_when_told() {
        let start = UNIX_EPOCH + Duration::from_micros(1_700_000_000_000_007);
        let (clock, hand) = Clock::manual(start);
        let seen_elsewhere = clock.clone();

        assert_eq!(clock.now(), start);
        hand.advance(Duration::from_secs(2));
        assert_eq!(seen_elsewhere.unix_micros(), 1_700_000_002_000_007);
        hand.set(UNIX_EPOCH);
        assert_eq!(clock.unix_micros(), 0);
    }

    #[test]
    fn system_clock_is_later_than_this_code() {
        assert!(Clock::system().unix_micros() > 1_700_000_000_000_000);
    }
}
