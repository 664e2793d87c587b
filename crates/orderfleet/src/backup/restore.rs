//! Putting a backup back into a broker that has none of its streams.

use std::{path::Path, time::Duration};

use anyhow::{Context, bail, ensure};
use bytes::Bytes;
use events::catalogue::every_consumer;
use messaging::{
    jetstream::{Exported, JetStream},
    log::{Extent, Stored},
};
use serde_json::Value;
use tokio::io::AsyncReadExt;

use super::{Manifest, Progress, manifest::SavedStream, save::now, tail::Tail};
use crate::broker;

/// Bytes of a snapshot sent at once.
const CHUNK: usize = 256 * 1024;
/// Messages stored at once.
const BATCH: usize = 500;
/// Bytes of messages stored at once.
const BATCH_BYTES: u64 = 4 * 1024 * 1024;

/// How a backup is put back.
#[derive(Debug, Clone, Copy, Default)]
pub(crate) struct Wishes {
    /// Copies of every stream, when not as many as there were.
    pub(crate) replicas: Option<usize>,
}

/// What came of it.
#[derive(Debug)]
pub(crate) struct Restored {
    /// For how long the streams keep messages now, if that had to be changed: what is in the backup would be too old.
    pub(crate) max_age: Option<Duration>,
}

/// Reads every file of a backup and compares it with its checksum.
pub(crate) async fn check(
    dir: &Path,
    manifest: &Manifest,
    progress: impl Fn(Progress<'_>),
) -> anyhow::Result<()> {
    let (mut done, total) = (0, manifest.bytes());
    for file in manifest.streams.iter().flat_map(SavedStream::files) {
        file.check(dir, |bytes| {
            done += bytes;
            progress(Progress { step: "checking the backup", done, total });
        })
        .await?;
    }
    Ok(())
}

/// Puts a backup back that was [checked](check), into a broker that was [looked at](refuse_if_there). What a failure
/// leaves there is to be [taken back](take_back).
pub(crate) async fn restore(
    js: &JetStream,
    dir: &Path,
    manifest: &Manifest,
    wishes: Wishes,
    progress: impl Fn(Progress<'_>),
) -> anyhow::Result<Restored> {
    let age = now().since(manifest.cut);
    let mut kept_longer = None;
    for stream in in_order(manifest) {
        let (exported, max_age) = adapted(&stream.exported, wishes, age);
        kept_longer = kept_longer.max(max_age);
        let failed = || format!("cannot restore the stream {}", stream.name);
        import(js, dir, stream, &exported, &progress).await.with_context(failed)?;
        if let Some(last) = stream.last {
            append_tail(js, dir, stream, last, &progress).await.with_context(failed)?;
        }
    }
    for stream in &manifest.streams {
        settle(js, stream).await?;
    }
    for stream in &manifest.streams {
        ends_where_it_should(js, stream).await?;
    }
    Ok(Restored { max_age: kept_longer })
}

/// The streams as they are restored: what others refer to last. If nobody can even take back what is there, because this
/// program was killed, then `setup` makes the missing streams anew and services begin to work; but a journal is led by
/// nobody whose snapshot or inputs reach further than what it finds. With the requests first they would all be decided
/// on once more.
fn in_order(manifest: &Manifest) -> impl Iterator<Item = &SavedStream> {
    manifest.streams.iter().rev()
}

/// Takes back what a restore that failed has put into the broker, so that nobody begins to work on a part of it.
pub(crate) async fn take_back(js: &JetStream, manifest: &Manifest) -> anyhow::Result<()> {
    for stream in &manifest.streams {
        js.undo_import(&stream.name)
            .await
            .with_context(|| format!("cannot remove the stream {}", stream.name))?;
    }
    Ok(())
}

/// Makes sure that the broker has none of the streams, so that whatever is there later is of this restore.
pub(crate) async fn refuse_if_there(js: &JetStream, manifest: &Manifest) -> anyhow::Result<()> {
    let there = js.stream_names().await?;
    let ours: Vec<&str> = manifest
        .streams
        .iter()
        .map(|stream| stream.name.as_str())
        .filter(|name| there.contains(*name))
        .collect();
    if !ours.is_empty() {
        bail!(
            "the broker is not empty: it has {}; nothing was changed. A backup goes into a broker without these streams",
            ours.join(", ")
        );
    }
    Ok(())
}

/// The stream's configuration as it is restored. The broker drops at once what is older than the stream keeps: a backup
/// that is old itself would come back without what journals and workers have yet to read.
fn adapted(exported: &Exported, wishes: Wishes, age: Duration) -> (Exported, Option<Duration>) {
    let mut exported = exported.clone();
    if let Some(replicas) = wishes.replicas {
        exported.config["num_replicas"] = replicas.into();
    }
    let kept = Duration::from_nanos(exported.config["max_age"].as_u64().unwrap_or(0));
    let longer = (!kept.is_zero() && age > kept / 2).then(|| whole_hours(kept + age));
    if let Some(longer) = longer {
        exported.config["max_age"] = Value::from(u64::try_from(longer.as_nanos()).unwrap_or(u64::MAX));
    }
    (exported, longer)
}

fn whole_hours(duration: Duration) -> Duration {
    Duration::from_secs(duration.as_secs().div_ceil(3_600) * 3_600)
}

async fn import(
    js: &JetStream,
    dir: &Path,
    stream: &SavedStream,
    exported: &Exported,
    progress: &impl Fn(Progress<'_>),
) -> anyhow::Result<()> {
    let mut file = stream.snapshot.open(dir).await?;
    let mut import = js.import(&stream.name, exported).await?;
    let (step, total) = (format!("restoring {}", stream.name), stream.snapshot.bytes);
    let mut done = 0;
    loop {
        progress(Progress { step: &step, done, total });
        let mut chunk = Vec::with_capacity(CHUNK);
        (&mut file).take(CHUNK as u64).read_to_end(&mut chunk).await.context("cannot read the backup")?;
        if chunk.is_empty() {
            break;
        }
        done += chunk.len() as u64;
        import.push(Bytes::from(chunk)).await?;
    }
    Ok(import.finish().await?)
}

/// Adds what was stored after the snapshot, which may hold some of it already.
async fn append_tail(
    js: &JetStream,
    dir: &Path,
    stream: &SavedStream,
    last: u64,
    progress: &impl Fn(Progress<'_>),
) -> anyhow::Result<()> {
    let mut at = broker::extent(js, &stream.name).await?.last;
    ensure!(
        (stream.exported.last()..=last).contains(&at),
        "it ends at {at} instead of between {} and {last}; was something else writing to it?",
        stream.exported.last()
    );
    let Some(saved) = &stream.tail else { return Ok(()) };
    let mut tail = Tail::open(dir, saved).await?;
    let (step, total) = (format!("restoring what came into {}", stream.name), saved.bytes);
    let mut batch: Vec<Stored> = Vec::new();
    let (mut done, mut waiting) = (0, 0);
    while let Some((message, bytes)) = tail.next().await? {
        done += bytes;
        if message.sequence > at {
            waiting += bytes;
            batch.push(message);
        }
        if batch.len() == BATCH || waiting >= BATCH_BYTES {
            js.append(at, &batch).await?;
            at += batch.len() as u64;
            batch.clear();
            waiting = 0;
            progress(Progress { step: &step, done, total });
        }
    }
    if !batch.is_empty() {
        js.append(at, &batch).await?;
    }
    Ok(())
}

async fn settle(js: &JetStream, stream: &SavedStream) -> anyhow::Result<()> {
    for (durable, up_to) in &stream.settled {
        let def = every_consumer().find(|def| def.durable == durable);
        // A consumer that a later version has no more.
        let Some(def) = def else { continue };
        js.settle_up_to(def, *up_to)
            .await
            .with_context(|| format!("cannot restore the consumer {durable}"))?;
    }
    Ok(())
}

/// A service that was left running would have written to the streams meanwhile.
async fn ends_where_it_should(js: &JetStream, stream: &SavedStream) -> anyhow::Result<()> {
    let Extent { last, .. } = broker::extent(js, &stream.name).await?;
    let should = stream.last.unwrap_or(last);
    ensure!(
        last == should,
        "{} ends at {last} instead of {should}: something else has written to it. Stop the services, empty the broker \
         and restore again",
        stream.name
    );
    Ok(())
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    const DAY: Duration = Duration::from_secs(86_400);

    fn exported() -> Exported {
        let week = u64::try_from((7 * DAY).as_nanos()).unwrap();
        Exported { config: json!({"max_age": week, "num_replicas": 1}), state: json!({}) }
    }

    #[test]
    fn a_young_backup_is_restored_as_it_was() {
        let (adapted, max_age) = adapted(&exported(), Wishes::default(), 3 * DAY);
        assert_eq!((adapted, max_age), (exported(), None));
    }

    #[test]
    fn an_old_backup_is_kept_for_longer_and_other_replicas_are_set() {
        let (adapted, max_age) = adapted(&exported(), Wishes { replicas: Some(3) }, 10 * DAY);
        assert_eq!(max_age, Some(17 * DAY));
        assert_eq!(adapted.config["num_replicas"], 3);
        assert_eq!(adapted.config["max_age"].as_u64(), u64::try_from((17 * DAY).as_nanos()).ok());
    }

    #[test]
    fn what_is_kept_for_ever_stays_so() {
        let eternal = Exported { config: json!({"max_age": 0}), state: json!({}) };
        assert_eq!(adapted(&eternal, Wishes::default(), 100 * DAY), (eternal.clone(), None));
    }
}
