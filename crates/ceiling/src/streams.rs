//! The streams, and the ways to read them.

use std::time::Duration;

use anyhow::{Context as _, anyhow, ensure};
use async_nats::{
    Client, ConnectOptions,
    jetstream::{
        self, Context, ErrorCode,
        consumer::{AckPolicy, pull},
        context::{CreateStreamError, CreateStreamErrorKind},
        stream,
    },
};

/// Each stream and what it holds.
const STREAMS: [(&str, &str); 5] = [
    ("REQUESTS", "requests.>"),
    ("ORDERS", "orders.>"),
    ("INVENTORY", "inventory.>"),
    ("PAYMENTS", "payments.>"),
    ("NOTIFICATIONS", "notifications.>"),
];
/// In which the broker recognises a message that it has stored before.
const DUPLICATES: Duration = Duration::from_secs(120);
/// Messages asked for at once.
const PULL: usize = 1_000;
/// Most deliveries that a worker has not acknowledged.
const UNACKNOWLEDGED: i64 = 20_000;

/// A connection for one role: each of the fleet's processes has its own.
pub(crate) async fn connect(url: &str) -> anyhow::Result<Client> {
    let options = ConnectOptions::new().subscription_capacity(1 << 18).client_capacity(8_192);
    options.connect(url).await.with_context(|| format!("cannot connect to a broker at {url}"))
}

/// Creates what is read and written, with so many copies.
pub(crate) async fn create(client: &Client, copies: usize) -> anyhow::Result<()> {
    let context = jetstream::new(client.clone());
    for (name, subjects) in STREAMS {
        let config = stream::Config {
            name: name.to_owned(),
            subjects: vec![subjects.to_owned()],
            allow_direct: true,
            allow_atomic_publish: true,
            duplicate_window: DUPLICATES,
            num_replicas: copies,
            ..stream::Config::default()
        };
        let stream = context.create_stream(config).await;
        let mut stream = stream.map_err(|error| refused(error, name, copies))?;
        // Fences and counts begin at zero. The broker takes a stream that is configured like this one for the same.
        ensure!(stream.info().await?.state.last_sequence == 0, not_empty(name));
    }
    Ok(())
}

/// Why a stream could not be created, so that whoever asked for it knows what to change.
fn refused(error: CreateStreamError, name: &str, copies: usize) -> anyhow::Error {
    let kind = error.kind();
    let code =
        if let CreateStreamErrorKind::JetStream(said) = &kind { Some(said.error_code()) } else { None };
    let why = match code {
        Some(ErrorCode::STREAM_REPLICAS_NOT_SUPPORTED | ErrorCode::CLUSTER_NO_PEERS) => {
            format!("--copies {copies} needs a cluster of at least {copies} servers with room for a stream")
        }
        Some(ErrorCode::STREAM_NAME_EXIST | ErrorCode::STREAM_SUBJECT_OVERLAP) => not_empty(name),
        None if kind == CreateStreamErrorKind::JetStreamUnavailable => {
            "this broker runs without JetStream".to_owned()
        }
        _ => format!("the broker did not create the stream {name}"),
    };
    anyhow!(error).context(why)
}

fn not_empty(name: &str) -> String {
    format!("this broker holds a stream {name} already: measure with one that holds nothing")
}

/// Reads a whole stream in its order, without a word back.
pub(crate) async fn read(client: &Client, stream: &str) -> anyhow::Result<pull::Stream> {
    let config =
        pull::Config { ack_policy: AckPolicy::None, memory_storage: true, ..pull::Config::default() };
    open(client, stream, config).await
}

/// Takes the messages of one subject as a worker does, who acknowledges each.
pub(crate) async fn take(client: &Client, stream: &str, subject: &str) -> anyhow::Result<pull::Stream> {
    let config = pull::Config {
        durable_name: Some(subject.replace('.', "-")),
        filter_subject: subject.to_owned(),
        max_ack_pending: UNACKNOWLEDGED,
        ..pull::Config::default()
    };
    open(client, stream, config).await
}

async fn open(client: &Client, stream: &str, config: pull::Config) -> anyhow::Result<pull::Stream> {
    let context: Context = jetstream::new(client.clone());
    let consumer = context.create_consumer_on_stream(config, stream).await;
    let consumer = consumer.with_context(|| format!("cannot read {stream}"))?;
    Ok(consumer.stream().max_messages_per_batch(PULL).messages().await?)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn why(answer: &str) -> String {
        let said: jetstream::Error = serde_json::from_str(answer).unwrap();
        format!("{:#}", refused(said.into(), "ORDERS", 3))
    }

    #[test]
    fn a_refusal_says_what_to_change_and_what_the_broker_said() {
        let alone = r#"{"code":500,"err_code":10074,"description":"replicas > 1 not supported in non-clustered mode"}"#;
        assert!(why(alone).starts_with("--copies 3 needs a cluster of at least 3 servers"), "{}", why(alone));
        assert!(why(alone).contains("non-clustered mode"), "{}", why(alone));
        let taken = r#"{"code":400,"err_code":10058,"description":"stream name already in use"}"#;
        assert!(why(taken).starts_with("this broker holds a stream ORDERS already"), "{}", why(taken));
        let full =
            r#"{"code":500,"err_code":10047,"description":"insufficient storage resources available"}"#;
        assert!(
            why(full).contains("did not create the stream ORDERS: ") && why(full).contains("10047"),
            "{}",
            why(full)
        );
        let without = CreateStreamError::new(CreateStreamErrorKind::JetStreamUnavailable);
        assert!(refused(without, "ORDERS", 1).to_string().contains("without JetStream"));
    }
}
