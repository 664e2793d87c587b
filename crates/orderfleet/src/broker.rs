//! The connection of the command line to the broker.

use std::{future::Future, time::Duration};

use anyhow::{Context, bail};
use messaging::{
    jetstream::{ConnectOptions, JetStream, Trouble},
    log::{Extent, Log, Reader, Stored},
};
use service::{ReachArgs, ReachError};
use tokio::time::timeout;

/// What to do about a broker that nobody answers at.
const ELSEWHERE: &str = "is it running, and is that its address (--nats-url, NATS_URL)?";
/// What to do about a broker that does not let us in.
const WHO: &str =
    "say who you are: --nats-user with --nats-password-file, --nats-nkey-file or --nats-creds-file";
/// A broker in reach accepts a connection at once; one that is just starting gets this long.
const PATIENCE: Duration = Duration::from_secs(10);
/// Most messages taken over at once.
const BATCH: usize = 1_000;
/// A reader that has had nothing for so long although the stream goes on, and the broker answers, has met a hole.
const SILENCE: Duration = Duration::from_secs(10);

/// Connects as one of the identities in [`messaging::permissions`]; `purpose` tells the connections of this program
/// apart in the broker's own list.
///
/// # Errors
/// The address is none, the credentials are not what they should be or are refused, or nobody answers in time.
pub(crate) async fn connect(reach: &ReachArgs, identity: &str, purpose: &str) -> anyhow::Result<JetStream> {
    connect_within(PATIENCE, reach, identity, purpose).await
}

/// Connects to a broker that may take so long to come; see [`connect`].
///
/// # Errors
/// Likewise.
pub(crate) async fn connect_within(
    patience: Duration,
    reach: &ReachArgs,
    identity: &str,
    purpose: &str,
) -> anyhow::Result<JetStream> {
    let (service, instance) = (identity.to_owned(), purpose.to_owned());
    let options = ConnectOptions { urls: reach.nats_url.clone(), service, instance };
    let js = JetStream::connect_with(options, &reach.security()?).await.map_err(ReachError::from)?;
    let (mut connected, mut trouble) = (js.connected(), js.trouble());
    let answered = tokio::select! {
        answered = timeout(patience, connected.wait_for(|connected| *connected)) => answered,
        // Who is refused now is refused in ten seconds, too.
        Ok(refused) = trouble.wait_for(|trouble| matches!(trouble, Some(Trouble::Refused(_)))) => {
            bail!("{}; {WHO}", refused.as_ref().map(ToString::to_string).unwrap_or_default());
        }
    };
    match answered {
        Ok(answer) => drop(answer.context("the connection to the broker was given up")?),
        Err(_too_late) => bail!(nobody(&reach.nats_url, patience, js.trouble().borrow().as_ref())),
    }
    Ok(js)
}

/// Nobody answers: where, why, and what to do about it.
fn nobody(url: &str, patience: Duration, trouble: Option<&Trouble>) -> String {
    let mut text = format!("no broker answers at {url} (tried for {} s)", patience.as_secs_f64());
    if let Some(Trouble::Failed(why)) = trouble {
        text.push_str(": ");
        text.push_str(why);
    }
    format!("{text}; {ELSEWHERE}")
}

/// Does something that takes the broker's answers; what the broker does not permit has none.
///
/// # Errors
/// Those of what is done, or that the broker has refused something over this connection.
pub(crate) async fn unless_refused<T>(
    js: &JetStream,
    work: impl Future<Output = anyhow::Result<T>>,
) -> anyhow::Result<T> {
    let mut refusal = js.refusal();
    tokio::select! {
        Ok(refused) = refusal.wait_for(Option::is_some) => {
            bail!(
                "the broker does not permit this to whom you are: {}; docs/SECURITY.md says which user may",
                refused.as_deref().unwrap_or_default()
            )
        }
        done = work => done,
    }
}

/// What a stream holds.
///
/// # Errors
/// The broker is out of reach, or not set up.
pub(crate) async fn extent(js: &JetStream, stream: &str) -> anyhow::Result<Extent> {
    let context = || format!("cannot look at the stream {stream}");
    unless_refused(js, async { Ok(js.extent(stream).await?) }).await.with_context(context)
}

/// Hands the messages after one sequence up to another to `take`, in order.
///
/// # Errors
/// The broker is out of reach, or does not permit it.
pub(crate) async fn read(
    js: &JetStream,
    stream: &str,
    after: u64,
    last: u64,
    mut take: impl FnMut(&[Stored]),
) -> anyhow::Result<()> {
    let reading = async {
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
    };
    unless_refused(js, reading).await.with_context(|| format!("cannot read the stream {stream}"))
}

#[cfg(test)]
mod tests {
    use messaging::permissions::OPERATOR;

    use super::*;

    #[tokio::test]
    async fn a_broker_that_is_not_there_is_an_error_that_names_it() {
        // Port 1 is reserved for a service that nobody runs.
        let url = "nats://127.0.0.1:1";
        let patience = Duration::from_millis(200);
        let refusal = connect_within(patience, &ReachArgs::open(url), OPERATOR, "test").await.err();
        let text = refusal.map(|error| error.to_string()).unwrap_or_default();
        assert!(text.starts_with("no broker answers at nats://127.0.0.1:1 (tried for 0.2 s)"), "{text}");
        assert!(text.ends_with(ELSEWHERE), "{text}");
    }

    #[tokio::test]
    async fn a_broker_that_is_there_is_connected_to() {
        let broker = testkit::broker().await;
        let js =
            connect(&ReachArgs::open(broker.url()), OPERATOR, "test").await.expect("the broker is there");
        assert!(*js.connected().borrow());
    }
}
