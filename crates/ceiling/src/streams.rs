//! The streams, and the ways to read them.

use std::time::Duration;

use anyhow::Context as _;
use async_nats::{
    Client, ConnectOptions,
    jetstream::{
        self, Context,
        consumer::{AckPolicy, pull},
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
    options.connect(url).await.with_context(|| format!("no broker at {url}"))
}

/// Creates what is read and written.
pub(crate) async fn create(client: &Client) -> anyhow::Result<()> {
    let context = jetstream::new(client.clone());
    for (name, subjects) in STREAMS {
        let config = stream::Config {
            name: name.to_owned(),
            subjects: vec![subjects.to_owned()],
            allow_direct: true,
            allow_atomic_publish: true,
            duplicate_window: DUPLICATES,
            ..stream::Config::default()
        };
        context.create_stream(config).await.with_context(|| format!("cannot create {name}"))?;
    }
    Ok(())
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
