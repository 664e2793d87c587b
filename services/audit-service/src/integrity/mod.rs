//! Looks for what is missing from the trail, and for what was changed in it.
//!
//! Counting is cheap, and finds what was taken out. A verification hashes every message anew, and finds
//! what was changed. What neither can find is a trail that was cut short together with its offsets, or
//! made anew as a whole: for that, somebody keeps `head` and `last` of each stream elsewhere.
//!
//! An examination walks over the streams chunk by chunk. It takes bounded time, however large the trail is: when
//! that is over, it says where the next one goes on.

mod count;
mod examination;
mod report;
mod statements;
mod verify;

use std::time::Duration;

use ::projection::Source;
use messaging::log::Extent;
use tokio::time::{Instant, timeout};

pub use report::{Broken, BrokerReport, Difference, Gap, Next, Removed, Report, StreamReport, Verification};

use self::{count::Counter, examination::Examination};
use crate::{projection::STREAMS, trail::Trail};

/// How long the broker may take to say what it holds.
const BROKER: Duration = Duration::from_secs(2);

/// What to examine.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Scope {
    /// The stream to begin with; those after it follow. `None` is the first.
    pub stream: Option<&'static str>,
    /// The sequence to begin with in that stream.
    pub from: u64,
    /// Whether every message is to be hashed, too.
    pub verify: bool,
}

impl Scope {
    /// Everything is counted.
    pub const COUNT: Self = Self { stream: None, from: 1, verify: false };
    /// Everything is counted and hashed.
    pub const VERIFY: Self = Self { verify: true, ..Self::COUNT };

    /// The same from where an examination has left off.
    #[must_use]
    pub fn going_on(self, next: Next) -> Self {
        Self { stream: Some(next.stream), from: next.from, ..self }
    }
}

/// In what steps an examination goes, and for how long.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Pace {
    /// After so long it stops, and says where to go on. The first step is made in any case.
    pub time: Duration,
    /// Rows counted by one query.
    pub chunk: usize,
    /// Messages hashed by one query, which holds their bodies in memory.
    pub portion: usize,
}

impl Pace {
    /// Stops at half the time that a request may take, because the last step comes on top. Ten thousand rows are
    /// counted in a few seconds even by an SSD that has to look for each of them.
    pub const DEFAULT: Self = Self { time: Duration::from_secs(15), chunk: 10_000, portion: 100 };
}

/// Why nothing was examined.
#[derive(Debug, thiserror::Error)]
pub enum ExamineError {
    /// Whoever wants to go on there has been told so by another trail, or by this one before it was restored.
    #[error("the trail has {stream} up to {written} and no further")]
    Beyond {
        /// The stream.
        stream: &'static str,
        /// The last sequence ever written.
        written: u64,
    },
    /// The database would not.
    #[error(transparent)]
    Database(#[from] sqlx::Error),
}

/// Examines the trail, and asks the broker what it should contain.
#[derive(Debug, Clone)]
pub struct Auditor<S> {
    trail: Trail,
    counter: Counter,
    source: S,
    pace: Pace,
}

impl<S: Source> Auditor<S> {
    /// Examines `trail`, which is fed from `source`.
    #[must_use]
    pub fn new(trail: Trail, source: S, pace: Pace) -> Self {
        Self { counter: Counter::new(trail.clone(), pace.chunk), trail, source, pace }
    }

    /// Examines what is asked for, as far as there is time for it.
    ///
    /// # Errors
    /// The database would not, or the trail ends before what is asked for.
    pub async fn examine(&self, scope: Scope) -> Result<Report, ExamineError> {
        let deadline = Instant::now() + self.pace.time;
        if let Some(stream) = scope.stream {
            let written = self.counter.written(stream).await?;
            if scope.from > written + 1 {
                return Err(ExamineError::Beyond { stream, written });
            }
        }
        let mut examination =
            Examination::new(&self.trail, &self.counter, scope.verify, self.pace.portion.max(1), deadline);
        let mut from = scope.from.max(1);
        for stream in STREAMS.iter().skip_while(|stream| scope.stream.is_some_and(|first| first != **stream))
        {
            examination.stream(stream, from).await?;
            from = 1;
        }
        // Asked after counting: what the trail has, the broker had before.
        timeout(BROKER, self.ask(&mut examination.streams)).await.ok();
        let strangers = self.counter.strangers().await?;
        let Examination { streams, verification, next, .. } = examination;
        Ok(Report::new(streams, strangers, verification, next))
    }

    /// Notes what the broker holds of each stream.
    async fn ask(&self, streams: &mut [StreamReport]) {
        for report in streams {
            let written = report.written;
            report.broker = self.source.extent(report.stream).await.ok().map(|Extent { first, last }| {
                let behind = last.saturating_sub(written);
                BrokerReport { first, last, behind, went_back: last < written }
            });
        }
    }
}
