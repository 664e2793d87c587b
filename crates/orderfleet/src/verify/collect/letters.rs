//! Reading what was given up, what operators did about it, and how far that has come.

use std::collections::BTreeMap;

use anyhow::Context;
use events::catalogue::CONSUMERS;
use messaging::{
    dead_letter::{self, LetterBook, redrive},
    jetstream::JetStream,
    topology::REDRIVE,
};

use crate::{
    broker::{extent, read},
    verify::evidence::{DeadLetter, Evidence, Redriven},
};

/// What has been read of the two streams that tell of letters.
#[derive(Default)]
pub(super) struct Letters {
    book: LetterBook<DeadLetter>,
    /// The last message read of each.
    letters: u64,
    redrives: u64,
}

impl Letters {
    /// Reads what has come since the last time; says whether anything has.
    pub(super) async fn extend(&mut self, js: &JetStream, evidence: &mut Evidence) -> anyhow::Result<bool> {
        let before = (self.letters, self.redrives);
        let cut = extent(js, dead_letter::STREAM).await?;
        let after = self.letters.max(cut.first.saturating_sub(1));
        read(js, dead_letter::STREAM, after, cut.last, |batch| {
            batch.iter().for_each(|message| self.book.read(message, DeadLetter::of));
        })
        .await?;
        self.letters = cut.last.max(after);
        let cut = extent(js, REDRIVE).await?;
        let after = self.redrives.max(cut.first.saturating_sub(1));
        read(js, REDRIVE, after, cut.last, |batch| {
            batch.iter().for_each(|message| self.book.read_redrive(message));
            evidence.redriven.extend(batch.iter().filter_map(Redriven::of));
        })
        .await?;
        self.redrives = cut.last.max(after);
        let more = before != (self.letters, self.redrives);
        if more {
            evidence.dead_letters = DeadLetter::all(&self.book);
        }
        Ok(more)
    }
}

/// How far each worker's consumer is done with what was put back for it.
pub(super) async fn handled(js: &JetStream) -> anyhow::Result<BTreeMap<String, u64>> {
    let mut handled = BTreeMap::new();
    if extent(js, REDRIVE).await?.last == 0 {
        return Ok(handled);
    }
    for consumer in &CONSUMERS {
        let settled = js.settled(REDRIVE, &redrive::durable(consumer.durable)).await;
        let settled = settled.with_context(|| format!("cannot look at the consumer {}", consumer.durable))?;
        handled.insert(consumer.durable.to_owned(), settled.unwrap_or(0));
    }
    Ok(handled)
}

#[cfg(test)]
mod tests {
    use messaging::{
        headers::Headers,
        log::{Log, Message},
        topology::{self, TopologyOptions},
    };

    use service::ReachArgs;

    use super::*;
    use crate::broker;

    #[tokio::test]
    async fn each_letter_is_read_once() -> anyhow::Result<()> {
        let server = testkit::broker().await;
        let js = broker::connect(&ReachArgs::open(server.url()), "test", "test").await?;
        topology::setup(&js, &TopologyOptions { max_bytes: 64 << 20, ..TopologyOptions::default() }).await?;
        let (mut letters, mut evidence) = (Letters::default(), Evidence::default());
        for (count, more) in [(0, false), (1, true), (1, false), (2, true)] {
            if evidence.dead_letters.len() < count {
                let subject = "dead_letters.order-service".to_owned();
                let message = Message { subject, headers: Headers::new(), payload: "no event".into() };
                js.publish(&message, None).await?;
            }
            assert_eq!(letters.extend(&js, &mut evidence).await?, more);
            assert_eq!(evidence.dead_letters.len(), count);
        }
        assert_eq!(handled(&js).await?, BTreeMap::new(), "nothing was put back");
        Ok(())
    }
}
