//! Reading the streams up to a cut.

use std::{
    collections::BTreeMap,
    sync::{
        Arc,
        atomic::{AtomicU64, Ordering},
    },
};

use anyhow::Context;
use events::catalogue::{INVENTORY, NOTIFICATIONS, ORDERS, PAYMENTS, REQUESTS, StreamDef};
use messaging::{jetstream::JetStream, log::Extent};
use tokio::task::JoinSet;

use super::Listener;
use crate::{
    broker::{extent, read},
    verify::{
        evidence::{Recorded, StreamEvidence},
        run::Progress,
    },
};

/// Where each stream is cut: effects before causes.
const CUTS: [StreamDef; 5] = [NOTIFICATIONS, ORDERS, PAYMENTS, INVENTORY, REQUESTS];

/// How much of it all was read.
struct Count {
    read: AtomicU64,
    total: u64,
    listener: Listener,
}

impl Count {
    fn add(&self, messages: usize) {
        let read = self.read.fetch_add(messages as u64, Ordering::Relaxed) + messages as u64;
        (self.listener)(Progress::Reading { read, total: self.total });
    }
}

/// Reads what has come into the streams since the last time; says whether anything has.
pub(super) async fn extend(
    js: &JetStream,
    streams: &mut BTreeMap<String, StreamEvidence>,
    listener: &Listener,
) -> anyhow::Result<bool> {
    let mut cuts = Vec::new();
    for stream in CUTS {
        cuts.push((stream, extent(js, stream.name).await?));
    }
    let known = |stream: &StreamDef, extent: &Extent| {
        streams.get(stream.name).map_or(extent.first.saturating_sub(1), |evidence| evidence.last)
    };
    let total = cuts.iter().map(|(stream, extent)| extent.last.saturating_sub(known(stream, extent))).sum();
    let count = Arc::new(Count { read: AtomicU64::new(0), total, listener: Arc::clone(listener) });
    let mut reading = JoinSet::new();
    for (stream, extent) in cuts {
        let after = known(&stream, &extent);
        anyhow::ensure!(
            extent.last >= after,
            "{} ended at {after} and ends at {} now: it was made anew, or restored from a backup",
            stream.name,
            extent.last
        );
        reading.spawn(read_stream(js.clone(), stream, extent, after, Arc::clone(&count)));
    }
    while let Some(read) = reading.join_next().await {
        let (stream, part) = read.context("reading a stream ended early")??;
        match streams.get_mut(stream.name) {
            Some(evidence) => {
                evidence.messages.extend(part.messages);
                evidence.last = part.last;
            }
            None => drop(streams.insert(stream.name.to_owned(), part)),
        }
    }
    Ok(total > 0)
}

async fn read_stream(
    js: JetStream,
    stream: StreamDef,
    extent: Extent,
    after: u64,
    count: Arc<Count>,
) -> anyhow::Result<(StreamDef, StreamEvidence)> {
    let room = usize::try_from(extent.last.saturating_sub(after)).unwrap_or(0);
    let mut messages = Vec::with_capacity(room);
    read(&js, stream.name, after, extent.last, |batch| {
        count.add(batch.len());
        messages.extend(batch.iter().map(|message| Recorded::of(&stream, message)));
    })
    .await?;
    let first = first_of(&js, &stream, extent.first, &messages).await?;
    Ok((stream, StreamEvidence { first, last: extent.last, messages }))
}

/// Messages may age out while they are read; that is no hole.
async fn first_of(
    js: &JetStream,
    stream: &StreamDef,
    first: u64,
    messages: &[Recorded],
) -> anyhow::Result<u64> {
    match messages.first() {
        Some(oldest) if oldest.sequence > first => {
            let oldest_now = extent(js, stream.name).await?.first;
            Ok(oldest_now.clamp(first, oldest.sequence))
        }
        Some(_) | None => Ok(first),
    }
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
    use crate::{broker, verify::evidence::Fact};

    async fn publish(js: &JetStream, subject: &str) {
        let (subject, payload) = (subject.to_owned(), b"no event".to_vec().into());
        let message = Message { subject, headers: Headers::new(), payload };
        js.publish(&message, None).await.expect("the stream takes anything");
    }

    #[tokio::test]
    async fn each_look_reads_what_has_come_since_the_one_before() -> anyhow::Result<()> {
        let server = testkit::broker().await;
        let js = broker::connect(&ReachArgs::open(server.url()), "test", "test").await?;
        topology::setup(&js, &TopologyOptions { max_bytes: 64 << 20, ..TopologyOptions::default() }).await?;
        let (mut streams, listener): (_, Listener) = (BTreeMap::new(), Arc::new(|_| ()));

        assert!(!extend(&js, &mut streams, &listener).await?, "nothing has happened yet");
        assert!(streams.values().all(|stream| (stream.first, stream.last) == (1, 0)), "{streams:?}");
        publish(&js, "orders.created").await;
        assert!(extend(&js, &mut streams, &listener).await?);
        publish(&js, "orders.created").await;
        publish(&js, "payments.captured").await;
        assert!(extend(&js, &mut streams, &listener).await?);
        assert!(!extend(&js, &mut streams, &listener).await?);

        let sequences = |name: &str| {
            let messages = streams.get(name).map(|stream| &stream.messages).into_iter().flatten();
            messages.map(|message| message.sequence).collect::<Vec<_>>()
        };
        assert_eq!((sequences("ORDERS"), sequences("PAYMENTS")), (vec![1, 2], vec![1]));
        assert!(matches!(streams["PAYMENTS"].messages[0].fact, Fact::Unreadable(_)));
        Ok(())
    }

    #[tokio::test]
    async fn a_broker_that_is_not_set_up_is_an_error_that_names_the_stream() -> anyhow::Result<()> {
        let server = testkit::broker().await;
        let js = broker::connect(&ReachArgs::open(server.url()), "test", "test").await?;
        let refusal = extend(&js, &mut BTreeMap::new(), &(Arc::new(|_| ()) as Listener)).await.err();
        assert!(refusal.is_some_and(|error| error.to_string().contains("the stream NOTIFICATIONS")));
        Ok(())
    }
}
