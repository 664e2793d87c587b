//! Reading the streams beside those of the domain: what was given up, what operators did about it and how far that has
//! come, and what the broker reports.

use std::collections::BTreeMap;

use anyhow::Context;
use events::catalogue::CONSUMERS;
use messaging::{
    dead_letter::{self, LetterBook, redrive},
    jetstream::JetStream,
    log::Stored,
    topology::{ADVISORIES, REDRIVE},
};

use crate::{
    broker::{extent, read},
    verify::evidence::{AuditRow, Beside, DeadLetter, Evidence, Redriven},
};

/// What has been read of letters.
#[derive(Default)]
pub(super) struct Letters {
    book: LetterBook<DeadLetter>,
}

impl Letters {
    /// Reads what has come since the last time; says whether anything has been given up or put back.
    pub(super) async fn extend(&mut self, js: &JetStream, evidence: &mut Evidence) -> anyhow::Result<bool> {
        let Evidence { beside, redriven, .. } = evidence;
        let letter = |message: &Stored| self.book.read(message, DeadLetter::of);
        let mut more = extend(js, dead_letter::STREAM, beside, letter).await?;
        let put_back = |message: &Stored| {
            self.book.read_redrive(message);
            redriven.extend(Redriven::of(message));
        };
        more |= extend(js, REDRIVE, beside, put_back).await?;
        extend(js, ADVISORIES, beside, |_| ()).await?;
        if more {
            evidence.dead_letters = DeadLetter::all(&self.book);
        }
        Ok(more)
    }
}

/// Reads what has come into one of the streams, for the comparison with the trail and for `take`; says whether anything
/// has.
async fn extend(
    js: &JetStream,
    name: &str,
    beside: &mut BTreeMap<String, Beside>,
    mut take: impl FnMut(&Stored),
) -> anyhow::Result<bool> {
    let cut = extent(js, name).await?;
    let Beside { last, rows } = beside.entry(name.to_owned()).or_default();
    let after = (*last).max(cut.first.saturating_sub(1));
    read(js, name, after, cut.last, |batch| {
        rows.extend(batch.iter().map(AuditRow::of));
        batch.iter().for_each(&mut take);
    })
    .await?;
    let before = std::mem::replace(last, cut.last.max(after));
    Ok(before != *last)
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
    use crate::{broker, verify::evidence::BESIDE};

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
            let letters = &evidence.beside[dead_letter::STREAM];
            assert_eq!((letters.last, letters.rows.len()), (count as u64, count));
        }
        let known: Vec<&str> = evidence.beside.keys().map(String::as_str).collect();
        assert_eq!(known.len(), BESIDE.len());
        assert!(BESIDE.iter().all(|stream| known.contains(stream)), "{known:?}");
        assert_eq!(handled(&js).await?, BTreeMap::new(), "nothing was put back");
        Ok(())
    }
}
