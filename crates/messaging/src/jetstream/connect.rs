//! Connecting, and staying connected.

use std::{sync::Arc, time::Duration};

use async_nats::{ServerAddr, jetstream};

use super::{
    JetStream, REQUEST_TIMEOUT,
    high_water::HighWaterMarks,
    security::{Security, SecurityError},
    standing::Standing,
};
use crate::metrics::refusals;

/// Where the broker is, and who we are to it.
#[derive(Debug, Clone)]
pub struct ConnectOptions {
    /// One or more server addresses, separated by commas: `nats://a:4222,tls://b:4222`.
    pub urls: String,
    /// The service; also the prefix of its private inbox.
    pub service: String,
    /// The process, unique among the service's replicas.
    pub instance: String,
}

/// The connection could not even be begun.
#[derive(Debug, thiserror::Error)]
pub enum ConnectError {
    /// An address cannot be parsed.
    #[error(
        "`{0}` is not a broker address; expected nats://host:port or tls://host:port, more of them after commas"
    )]
    BadAddress(String),
    /// An address holds a user or a password, and would show it.
    #[error("a broker address must not contain credentials")]
    SecretInAddress,
    /// A file of the credentials is not what it should be.
    #[error(transparent)]
    Security(#[from] SecurityError),
    /// The client refused its options.
    #[error("the broker connection could not be set up: {0}")]
    Setup(String),
}

/// Messages that may wait in one subscription before the client drops them. Twice what the largest
/// pull asks for, because a pull is renewed when half of it is still under way.
const SUBSCRIPTION_CAPACITY: usize = 64 * 1024;
/// Commands that may wait for the connection before publishers are held up.
const CLIENT_CAPACITY: usize = 8 * 1024;
/// Two missed pings mean a dead peer, so a silent one is noticed in about twice this time.
const PING_INTERVAL: Duration = Duration::from_secs(5);

impl JetStream {
    /// Begins to connect, showing nothing and trusting every broker; see [`connect_with`](Self::connect_with).
    ///
    /// # Errors
    /// An address is not one.
    pub async fn connect(options: ConnectOptions) -> Result<Self, ConnectError> {
        Self::connect_with(options, &Security::default()).await
    }

    /// Begins to connect and returns at once; a broker that is away, or does not let us in, is tried for ever.
    ///
    /// # Errors
    /// An address is not one, or a file of the credentials is not what it should be.
    pub async fn connect_with(options: ConnectOptions, security: &Security) -> Result<Self, ConnectError> {
        let addresses = addresses(&options.urls)?;
        security.check()?;
        let refusals = refusals().map_err(|error| ConnectError::Setup(error.to_string()))?;
        let (standing, told) = Standing::new(security.credentials.whom(), refusals);
        let standing = Arc::new(standing);
        let servers = Arc::clone(&standing);
        let client = security
            .options()
            .name(format!("{}/{}", options.service, options.instance))
            .custom_inbox_prefix(inbox_prefix(&options.service))
            .retry_on_initial_connect()
            .max_reconnects(None)
            .reconnect_delay_callback(reconnect_delay)
            .connection_timeout(REQUEST_TIMEOUT)
            .request_timeout(Some(REQUEST_TIMEOUT))
            .ping_interval(PING_INTERVAL)
            .subscription_capacity(SUBSCRIPTION_CAPACITY)
            .client_capacity(CLIENT_CAPACITY)
            .event_callback(move |event| {
                standing.note(&event);
                std::future::ready(())
            })
            // Asked before each attempt which server to try; this is where the client says what became of the last one.
            .reconnect_to_server_callback(move |known, _info| {
                servers.note_servers(&known);
                std::future::ready(None)
            })
            .connect(addresses)
            .await
            .map_err(|error| ConnectError::Setup(error.to_string()))?;
        let context =
            jetstream::context::ContextBuilder::new().timeout(REQUEST_TIMEOUT).build(client.clone());
        Ok(Self { client, context, told, high_water: HighWaterMarks::default() })
    }
}

/// The addresses in a list of them.
fn addresses(urls: &str) -> Result<Vec<ServerAddr>, ConnectError> {
    // Addresses are shown in logs and errors.
    if urls.contains('@') {
        return Err(ConnectError::SecretInAddress);
    }
    let parsed = urls.split(',').map(|url| {
        let address: ServerAddr = url.trim().parse().ok()?;
        let is_ours = address.as_url_str().starts_with("nats:") || address.tls_required();
        (is_ours && !address.host().is_empty()).then_some(address)
    });
    parsed.collect::<Option<_>>().ok_or_else(|| ConnectError::BadAddress(urls.to_owned()))
}

/// What the subjects begin with under which a service is answered; nobody else may listen there.
pub(crate) fn inbox_prefix(service: &str) -> String {
    format!("_INBOX_{service}")
}

/// 50 ms, doubling to 1 s: fast enough for a broker restart, slow enough not to hammer one that is down.
fn reconnect_delay(attempt: usize) -> Duration {
    let doublings = u32::try_from(attempt.min(5)).unwrap_or(5);
    Duration::from_millis(50).saturating_mul(1 << doublings).min(Duration::from_secs(1))
}
