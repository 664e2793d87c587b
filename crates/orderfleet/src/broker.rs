//! The connection of the command line to the broker.

use std::time::Duration;

use anyhow::{Context, bail};
use messaging::{
    jetstream::{ConnectOptions, JetStream},
    log::{Extent, Log, Reader, Stored},
};
use tokio::time::timeout;

/// A broker in reach accepts a connection at once; one that is just starting gets this long.
const PATIENCE: Duration = Duration::from_secs(10);
/// Most messages taken over at once.
const BATCH: usize = 1_000;
/// A reader that has had nothing for so long although the stream goes on, and the broker answers, has met a hole.
const SILENCE: Duration = Duration::from_secs(10);

/// Connects; `purpose` tells the connections of this program apart in the broker's own list.
///
/// # Errors
/// The address is none, or nobody answers there in time.
pub(crate) async fn connect(url: &str, purpose: &str) -> anyhow::Result<JetStream> {
    connect_within(PATIENCE, url, purpose).await
}

async fn connect_within(patience: Duration, url: &str, purpose: &str) -> anyhow::Result<JetStream> {
    let (service, instance) = ("orderfleet".to_owned(), purpose.to_owned());
    let js = JetStream::connect(ConnectOptions { urls: url.to_owned(), service, instance }).await?;
    let mut connected = js.connected();
    let answered = tokio::time::timeout(patience, connected.wait_for(|connected| *connected)).await;
    match answered {
        Ok(answer) => drop(answer.context("the connection to the broker was given up")?),
        Err(_too_late) => bail!("no broker answers at {url} (tried for {} s)", patience.as_secs_f64()),
    }
    Ok(js)
}

/// What a stream holds.
///
/// # Errors
/// The broker is out of reach, or not set up.
pub(crate) async fn extent(js: &JetStream, stream: &str) -> anyhow::Result<Extent> {
    js.extent(stream).await.with_context(|| format!("cannot look at the stream {stream}"))
}

/// Hands the messages after one sequence up to another to `take`, in order.
///
/// # Errors
/// The broker is out of reach.
pub(crate) async fn read(
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

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn a_broker_that_is_not_there_is_an_error_that_names_it() {
        // Port 1 is reserved for a service that nobody runs.
        let url = "nats://127.0.0.1:1";
        let refusal = connect_within(Duration::from_millis(200), url, "test").await.err();
        let text = refusal.map(|error| error.to_string()).unwrap_or_default();
        assert_eq!(text, "no broker answers at nats://127.0.0.1:1 (tried for 0.2 s)");
    }

    #[tokio::test]
    async fn a_broker_that_is_there_is_connected_to() {
        let broker = testkit::broker().await;
        let js = connect(&broker.url(), "test").await.expect("the broker is there");
        assert!(*js.connected().borrow());
    }
}
