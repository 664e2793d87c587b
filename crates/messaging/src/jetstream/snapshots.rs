//! Snapshots of journals, kept as objects in one bucket per journal, so that nobody else need be allowed to touch them.

use std::collections::BTreeSet;

use async_nats::jetstream::{
    Context,
    object_store::{ObjectInfo, ObjectStore},
};
use futures_util::TryStreamExt;
use tokio::io::AsyncReadExt;

use super::{REQUEST_TIMEOUT, unavailable};
use crate::log::Unavailable;

/// The bucket of a journal; `topology` creates it.
pub(crate) fn bucket_name(journal: &str) -> String {
    format!("journal-snapshots-{journal}")
}

/// `ORDERS.00000000000000012345`: sorts as the sequence does.
fn name(journal: &str, sequence: u64) -> String {
    format!("{journal}.{sequence:020}")
}

/// What a later release keeps of a journal beside the others' (`ORDERS@2.2`) is in that journal's bucket.
fn bucket_of(journal: &str) -> String {
    bucket_name(journal.split_once('@').map_or(journal, |(journal, _version)| journal))
}

async fn bucket(context: &Context, journal: &str) -> Result<ObjectStore, Unavailable> {
    context.get_object_store(bucket_of(journal)).await.map_err(unavailable)
}

async fn objects(bucket: &ObjectStore) -> Result<Vec<ObjectInfo>, Unavailable> {
    bucket.list().await.map_err(unavailable)?.try_collect().await.map_err(unavailable)
}

/// Throws away what is left of snapshots that were not stored to the end, because whoever stored them was stopped, or was
/// not answered: nobody would ever, and in the end there were no room for another.
///
/// That of a leader who does not know yet that he is none any more may be among it. It is damaged then and passed over.
async fn sweep(context: &Context, journal: &str, bucket: &ObjectStore) -> Result<(), Unavailable> {
    let name = bucket_of(journal);
    let stream = context.get_stream_no_info(format!("OBJ_{name}")).await.map_err(unavailable)?;
    let chunks = format!("$O.{name}.C.");
    let found = stream.info_with_subjects(format!("{chunks}>")).await.map_err(unavailable)?;
    let found: Vec<(String, usize)> = found.try_collect().await.map_err(unavailable)?;
    // Looked up after the chunks, so that what has been stored in between is known.
    let whole: BTreeSet<_> = objects(bucket).await?.into_iter().map(|object| object.nuid).collect();
    let of_none = |subject: &&String| subject.strip_prefix(&chunks).is_some_and(|nuid| !whole.contains(nuid));
    for subject in found.iter().map(|(subject, _count)| subject).filter(of_none) {
        stream.purge().filter(subject).await.map_err(unavailable)?;
    }
    Ok(())
}

pub(super) async fn save(
    context: &Context,
    journal: &str,
    sequence: u64,
    body: Vec<u8>,
) -> Result<(), Unavailable> {
    let bucket = bucket(context, journal).await?;
    sweep(context, journal, &bucket).await?;
    bucket.put(name(journal, sequence).as_str(), &mut body.as_slice()).await.map_err(unavailable)?;
    Ok(())
}

pub(super) async fn list(context: &Context, journal: &str) -> Result<Vec<u64>, Unavailable> {
    let prefix = format!("{journal}.");
    let objects = objects(&bucket(context, journal).await?).await?;
    let mut sequences: Vec<u64> = objects
        .iter()
        .filter_map(|object| object.name.strip_prefix(&prefix))
        .filter_map(|sequence| sequence.parse().ok())
        .collect();
    sequences.sort_unstable_by(|a, b| b.cmp(a));
    Ok(sequences)
}

pub(super) async fn load(
    context: &Context,
    journal: &str,
    sequence: u64,
) -> Result<Option<Vec<u8>>, Unavailable> {
    use async_nats::jetstream::object_store::GetErrorKind;
    let mut object = match bucket(context, journal).await?.get(name(journal, sequence)).await {
        Ok(object) => object,
        Err(error) if error.kind() == GetErrorKind::NotFound => return Ok(None),
        Err(error) => return Err(unavailable(error)),
    };
    let mut body = Vec::new();
    // Growing on the way would need as much again, and so would it at the end without room for one byte that never
    // comes. Where there is no room for so much, reading will tell.
    body.try_reserve_exact(object.info().size.saturating_add(1)).ok();
    loop {
        match tokio::time::timeout(REQUEST_TIMEOUT, object.read_buf(&mut body)).await {
            Ok(Ok(0)) => return Ok(Some(body)),
            Ok(Ok(_bytes)) => {}
            // The client checks the object's digest: what fails it is damaged, not out of reach.
            Ok(Err(error)) if error.kind() == std::io::ErrorKind::InvalidData => return Ok(None),
            Ok(Err(error)) => return Err(unavailable(error)),
            // The client waits for ever for a chunk that is gone.
            Err(_elapsed) => return Ok(None),
        }
    }
}

pub(super) async fn drop(context: &Context, journal: &str, sequence: u64) -> Result<(), Unavailable> {
    bucket(context, journal).await?.delete(name(journal, sequence)).await.map_err(unavailable)
}
