//! Snapshots of journals, kept as objects in one bucket per journal, so that nobody else need be allowed to touch them.

use async_nats::jetstream::{Context, object_store::ObjectStore};
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
async fn bucket(context: &Context, journal: &str) -> Result<ObjectStore, Unavailable> {
    let journal = journal.split_once('@').map_or(journal, |(journal, _version)| journal);
    context.get_object_store(bucket_name(journal)).await.map_err(unavailable)
}

pub(super) async fn save(
    context: &Context,
    journal: &str,
    sequence: u64,
    body: Vec<u8>,
) -> Result<(), Unavailable> {
    let name = name(journal, sequence);
    bucket(context, journal).await?.put(name.as_str(), &mut body.as_slice()).await.map_err(unavailable)?;
    Ok(())
}

pub(super) async fn list(context: &Context, journal: &str) -> Result<Vec<u64>, Unavailable> {
    let prefix = format!("{journal}.");
    let bucket = bucket(context, journal).await?;
    let objects: Vec<_> =
        bucket.list().await.map_err(unavailable)?.try_collect().await.map_err(unavailable)?;
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
