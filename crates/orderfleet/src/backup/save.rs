//! Taking a backup. It only reads.

use std::{collections::BTreeMap, path::Path};

use anyhow::{Context, bail, ensure};
use events::{Timestamp, catalogue::every_consumer};
use messaging::{
    jetstream::{Export, Exported, JetStream},
    log::Stored,
    topology,
};
use runtime::Clock;

use super::{
    Progress,
    cut::{Arrivals, Lasts, TooFew},
    files::{self, SavedFile, Writing},
    is_bucket,
    manifest::{Manifest, SavedStream},
    tail,
};
use crate::broker;

/// How often the streams are looked at for where the backup can end; once is enough by all that is known.
const LOOKS: usize = 5;

/// Saves every stream of the fleet into a new or empty directory.
pub(crate) async fn save(
    js: &JetStream,
    dir: &Path,
    progress: impl Fn(Progress<'_>),
) -> anyhow::Result<Manifest> {
    let names = topology::stream_names();
    for name in &names {
        broker::extent(js, name).await.context("the broker is not set up")?;
    }
    files::take(dir).await?;
    let began = now();
    let begin = lasts(js, &names).await?;
    let mut streams = snapshots(js, dir, &names, &progress).await?;
    for stream in &mut streams {
        stream.settled = settled(js, &stream.name).await?;
    }
    let moment = now();
    let from = lasts(js, &names).await?;
    let cut = find_cut(js, &begin, &from).await?;
    for stream in streams.iter_mut().filter(|stream| !is_bucket(&stream.name)) {
        let (after, last) = (begin[&stream.name], cut[&stream.name]);
        stream.last = Some(last);
        if last > after {
            let step = format!("saving what came into {} meanwhile", stream.name);
            let tell = |done| progress(Progress { step: &step, done, total: last - after });
            stream.tail = Some(save_tail(js, dir, &stream.name, (after, last), tell).await?);
        }
    }
    let manifest = Manifest::new(js.server_version(), began, moment, streams);
    manifest.write(dir).await?;
    Ok(manifest)
}

/// The time now.
pub(super) fn now() -> Timestamp {
    Timestamp(i64::try_from(Clock::system().unix_micros()).unwrap_or(i64::MAX))
}

/// The last sequence of each stream of events.
async fn lasts(js: &JetStream, names: &[String]) -> anyhow::Result<Lasts> {
    let mut lasts = Lasts::new();
    for name in names.iter().filter(|name| !is_bucket(name)) {
        lasts.insert(name.clone(), broker::extent(js, name).await?.last);
    }
    Ok(lasts)
}

/// The broker's own snapshots.
async fn snapshots(
    js: &JetStream,
    dir: &Path,
    names: &[String],
    progress: &impl Fn(Progress<'_>),
) -> anyhow::Result<Vec<SavedStream>> {
    let mut streams = Vec::with_capacity(names.len());
    for name in names {
        let failed = || format!("cannot save the stream {name}");
        let (exported, export) = js.export(name).await.with_context(failed)?;
        let step = format!("saving {name}");
        let total = exported.bytes();
        let tell = |done| progress(Progress { step: &step, done, total });
        let snapshot = save_snapshot(dir, name, export, tell).await.with_context(failed)?;
        streams.push(saved(name, exported, snapshot));
    }
    Ok(streams)
}

fn saved(name: &str, exported: Exported, snapshot: SavedFile) -> SavedStream {
    let (name, settled) = (name.to_owned(), BTreeMap::new());
    SavedStream { name, exported, last: None, snapshot, tail: None, settled }
}

async fn save_snapshot(
    dir: &Path,
    name: &str,
    mut export: Export,
    tell: impl Fn(u64),
) -> anyhow::Result<SavedFile> {
    let mut file = Writing::create(dir, &format!("{name}.snapshot")).await?;
    let mut done = 0;
    tell(done);
    while let Some(chunk) = export.next().await? {
        file.write(&chunk).await?;
        done += chunk.len() as u64;
        tell(done);
    }
    file.finish().await
}

/// How far each durable consumer of a stream has settled what it was given. What it has settled has its outcome in a
/// stream already.
async fn settled(js: &JetStream, stream: &str) -> anyhow::Result<BTreeMap<String, u64>> {
    let mut settled = BTreeMap::new();
    for def in every_consumer().filter(|def| def.stream == stream) {
        let floor = js.settled(stream, def.durable).await?;
        let floor =
            floor.with_context(|| format!("the broker is not set up: no consumer {}", def.durable))?;
        settled.insert(def.durable.to_owned(), floor);
    }
    Ok(settled)
}

/// Looks at what was stored since the backup began, and finds where it can end.
async fn find_cut(js: &JetStream, begin: &Lasts, from: &Lasts) -> anyhow::Result<Lasts> {
    let (mut arrivals, mut looked_at) = (Arrivals::default(), begin.clone());
    for _look in 0..LOOKS {
        for (stream, after) in &mut looked_at {
            let last = broker::extent(js, stream).await?.last;
            read_whole(js, stream, (*after, last), |message| arrivals.note(stream, message)).await?;
            *after = last;
        }
        match arrivals.cut(from) {
            Ok(cut) => return Ok(cut),
            Err(TooFew(stream)) => tracing::debug!(stream, "looking at it once more"),
        }
    }
    bail!("the streams contradict each other: what causes events is missing")
}

async fn save_tail(
    js: &JetStream,
    dir: &Path,
    name: &str,
    (after, last): (u64, u64),
    tell: impl Fn(u64),
) -> anyhow::Result<SavedFile> {
    let mut file = Writing::create(dir, &format!("{name}.tail")).await?;
    let mut messages = Vec::new();
    let mut at = after;
    while at < last {
        let until = last.min(at + STRIDE);
        read_whole(js, name, (at, until), |message| messages.push(tail::encode(message))).await?;
        for message in messages.drain(..) {
            file.write(&message?).await?;
        }
        at = until;
        tell(at - after);
    }
    file.finish().await
}

/// Messages of a tail read before they are written.
const STRIDE: u64 = 10_000;

/// Reads the messages after one sequence up to another, each of which must be there.
async fn read_whole(
    js: &JetStream,
    stream: &str,
    (after, last): (u64, u64),
    mut take: impl FnMut(&Stored),
) -> anyhow::Result<()> {
    let mut next = after + 1;
    let mut hole = None;
    broker::read(js, stream, after, last, |batch| {
        for message in batch {
            if message.sequence != next {
                hole.get_or_insert(next);
            }
            next = message.sequence + 1;
            take(message);
        }
    })
    .await?;
    let missing = hole.or((next <= last).then_some(next));
    ensure!(missing.is_none(), "message {} of {stream} is missing", missing.unwrap_or_default());
    Ok(())
}
