//! One examination: from chunk to chunk, counted and perhaps hashed, until all is done or the time is over.

use tokio::time::Instant;

use super::{
    count::{Counter, Part},
    report::{Next, StreamReport, Verification},
    statements::LISTED,
    verify::Walk,
};
use crate::trail::Trail;

/// An examination under way.
pub(super) struct Examination<'a> {
    trail: &'a Trail,
    counter: &'a Counter,
    portion: usize,
    deadline: Instant,
    /// Something was examined, so that who goes on from `next` gets on.
    begun: bool,
    pub(super) streams: Vec<StreamReport>,
    /// What was found by hashing, if that is asked for.
    pub(super) verification: Option<Verification>,
    /// Where it was when the time was over.
    pub(super) next: Option<Next>,
}

impl<'a> Examination<'a> {
    pub(super) fn new(
        trail: &'a Trail,
        counter: &'a Counter,
        verify: bool,
        portion: usize,
        deadline: Instant,
    ) -> Self {
        let verification = verify.then(|| Verification { ok: true, ..Verification::default() });
        Self {
            trail,
            counter,
            portion,
            deadline,
            begun: false,
            streams: Vec::new(),
            verification,
            next: None,
        }
    }

    /// Examines a stream from a sequence on, unless there is no time left.
    pub(super) async fn stream(&mut self, stream: &'static str, from: u64) -> Result<(), sqlx::Error> {
        if self.next.is_some() {
            return Ok(());
        }
        let mut report = self.begin(stream, from).await?;
        let mut walk = match self.verification {
            Some(_) => Some(Walk::after(self.trail, stream, report.up_to).await?),
            None => None,
        };
        while report.up_to < report.written {
            if self.begun && Instant::now() >= self.deadline {
                self.next = Some(Next { stream, from: report.up_to + 1 });
                break;
            }
            self.begun = true;
            self.chunk(&mut report, walk.as_mut()).await?;
        }
        if let (Some(verification), Some(walk)) = (&mut self.verification, walk) {
            verification.add(walk.verified, walk.broken);
        }
        // A stream that there was no time for is told of by who goes on.
        if self.next.is_none() || report.from <= report.up_to {
            report.gaps = self.counter.gaps(stream, Part { after: from - 1, up_to: report.up_to }).await?;
            self.streams.push(report);
        }
        Ok(())
    }

    /// What is known of a stream before any of it is examined.
    async fn begin(&self, stream: &'static str, from: u64) -> Result<StreamReport, sqlx::Error> {
        let written = self.counter.written(stream).await?;
        let (first, last) = self.counter.ends(stream, written).await?;
        let head = self.trail.hash_before(stream, last + 1).await?.map(hex::encode);
        Ok(StreamReport {
            stream,
            first,
            last,
            written,
            from,
            up_to: from - 1,
            count: 0,
            expected: 0,
            gaps: Vec::new(),
            removed: Vec::new(),
            head,
            broker: None,
        })
    }

    /// Examines the next chunk of a stream, and counts no more of it than there was time to hash.
    async fn chunk(&self, report: &mut StreamReport, walk: Option<&mut Walk>) -> Result<(), sqlx::Error> {
        let rest = Part { after: report.up_to, up_to: report.written };
        let mut end = self.counter.end_of_chunk(report.stream, rest).await?;
        if let Some(walk) = walk {
            end = walk.go_on(self.trail, end, self.portion, self.deadline).await?;
        }
        let chunk = Part { after: report.up_to, up_to: end };
        let room = LISTED - report.removed.len();
        let counted = self.counter.count(report.stream, chunk, report.written, room).await?;
        report.count += counted.count;
        report.expected += counted.expected;
        report.removed.extend(counted.removed);
        report.up_to = counted.up_to;
        Ok(())
    }
}
