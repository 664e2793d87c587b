//! Connecting, staying connected, and saying so.

use std::time::Duration;

use async_nats::{Event, ServerAddr, jetstream};
use tokio::sync::watch;
use tracing::{error, info, warn};

use super::{JetStream, REQUEST_TIMEOUT, meetings::Meetings};

/// Where the broker is, and who we are to it.
#[derive(Debug, Clone)]
pub struct ConnectOptions {
    /// One or more server addresses, separated by commas: `nats://a:4222,nats://b:4222`.
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
    #[error("`{0}` is not a broker address; expected nats://host:port[,nats://host:port]")]
    BadAddress(String),
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
    /// Begins to connect and returns at once; a broker that is away is retried for ever.
    ///
    /// # Errors
    /// An address is not one.
    pub async fn connect(options: ConnectOptions) -> Result<Self, ConnectError> {
        let addresses = options
            .urls
            .split(',')
            .map(|url| url.trim().parse().ok().filter(|address: &ServerAddr| !address.host().is_empty()))
            .collect::<Option<Vec<ServerAddr>>>()
            .ok_or_else(|| ConnectError::BadAddress(options.urls.clone()))?;
        let (connected, watching) = watch::channel(false);
        let client = async_nats::ConnectOptions::new()
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
                note(&connected, &event);
                std::future::ready(())
            })
            .connect(addresses)
            .await
            .map_err(|error| ConnectError::Setup(error.to_string()))?;
        let context =
            jetstream::context::ContextBuilder::new().timeout(REQUEST_TIMEOUT).build(client.clone());
        Ok(Self { client, context, connected: watching, meetings: Meetings::default() })
    }
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

fn note(connected: &watch::Sender<bool>, event: &Event) {
    match event {
        Event::Connected => {
            connected.send_replace(true);
            info!("broker connected");
        }
        Event::Disconnected | Event::Closed => {
            connected.send_replace(false);
            warn!("broker disconnected");
        }
        Event::SlowConsumer(subscription) => {
            error!(subscription, "messages dropped before they were read; they will be read again");
        }
        Event::ServerError(error) => warn!(%error, "broker refused something"),
        Event::ClientError(error) => warn!(%error, "broker connection failed"),
        Event::LameDuckMode => info!("broker is shutting down"),
        Event::Draining => {}
    }
}
