//! Reading the streams up to a cut.

use std::{
    collections::BTreeMap,
    sync::{
        Arc,
        atomic::{AtomicU64, Ordering},
    },
    time::Duration,
};

use anyhow::Context;
use events::catalogue::{INVENTORY, NOTIFICATIONS, ORDERS, PAYMENTS, REQUESTS, StreamDef};
use messaging::{
    dead_letter,
    jetstream::JetStream,
    log::{Extent, Log, Reader, Stored},
};
use tokio::{task::JoinSet, time::timeout};

use super::Listener;
use crate::verify::{
    evidence::{DeadLetter, Recorded, StreamEvidence},
    run::Progress,
};

/// Most messages taken over at once.
const BATCH: usize = 1_000;
/// A reader that has had nothing for so long although the stream goes on, and the broker answers, has met a hole.
const SILENCE: Duration = Duration::from_secs(10);
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

/// Reads the dead letters that have come since the last time.
pub(super) async fn dead_letters(
    js: &JetStream,
    read_up_to: &mut u64,
    letters: &mut Vec<DeadLetter>,
) -> anyhow::Result<()> {
    let Extent { first, last } = extent(js, dead_letter::STREAM).await?;
    let after = (*read_up_to).max(first.saturating_sub(1));
    read(js, dead_letter::STREAM, after, last, |batch| letters.extend(batch.iter().map(DeadLetter::of)))
        .await?;
    *read_up_to = last.max(after);
    Ok(())
}

/// Hands the messages after one sequence up to another to `take`, in order.
async fn read(
    js: &JetStream,
    stream: &str,
    after: u64,
    last: u64,
    mut take: impl FnMut(&[Stored]),
) -> anyhow::Result<()> {
    let mut reader = js.read(stream, &[], after);
    let mut at = after;
    while at < last {
        let Ok(batch) = timeout(SILENCE, reader.next_batch(BATCH)).await else {
            extent(js, stream).await?;
            return Ok(());
        };
        at = batch.last().map_or(at, |message| message.sequence);
        let beyond = batch.partition_point(|message| message.sequence <= last);
        take(&batch[..beyond]);
    }
    Ok(())
}

async fn extent(js: &JetStream, stream: &str) -> anyhow::Result<Extent> {
    js.extent(stream).await.with_context(|| format!("cannot look at the stream {stream}"))
}
