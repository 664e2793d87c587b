//! Looks for what is missing from the trail, and for what was changed in it.
//!
//! Counting is cheap, and finds what was taken out. A verification hashes every message anew, and finds
//! what was changed. What neither can find is a trail that was cut short together with its offsets, or
//! made anew as a whole: for that, somebody keeps `head` and `last` of each stream elsewhere.

mod count;
mod report;
mod verify;

use std::time::Duration;

use ::projection::Source;
use messaging::log::Extent;
use tokio::time::timeout;

pub use report::{Broken, BrokerReport, Difference, Gap, Next, Removed, Report, StreamReport, Verification};
pub use verify::Scope;

use self::count::{Count, strangers};
use crate::{projection::STREAMS, trail::Trail};

/// How long the broker may take to say what it holds.
const BROKER: Duration = Duration::from_secs(2);

/// Examines the trail, and asks the broker what it should contain.
#[derive(Debug, Clone)]
pub struct Auditor<S> {
    trail: Trail,
    source: S,
}

impl<S: Source> Auditor<S> {
    /// Examines `trail`, which is fed from `source`.
    #[must_use]
    pub fn new(trail: Trail, source: S) -> Self {
        Self { trail, source }
    }

    /// Counts every stream, and verifies hashes if a scope is given.
    ///
    /// # Errors
    /// The database would not.
    pub async fn examine(&self, scope: Option<Scope>) -> Result<Report, sqlx::Error> {
        let mut streams = Vec::with_capacity(STREAMS.len());
        for stream in STREAMS {
            streams.push(self.count(stream).await?);
        }
        // Asked after counting: what the trail has, the broker had before.
        timeout(BROKER, self.ask(&mut streams)).await.ok();
        let verification = match scope {
            Some(scope) => Some(verify::verify(&self.trail, scope, &streams).await?),
            None => None,
        };
        Ok(Report::new(streams, strangers(&self.trail).await?, verification))
    }

    async fn count(&self, stream: &'static str) -> Result<StreamReport, sqlx::Error> {
        let Count { first, last, count, written, expected, gaps, removed } =
            Count::of(&self.trail, stream).await?;
        let head = self.trail.hash_before(stream, last + 1).await?.map(hex::encode);
        Ok(StreamReport { stream, first, last, count, written, expected, gaps, removed, head, broker: None })
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
