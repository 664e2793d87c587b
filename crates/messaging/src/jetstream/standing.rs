//! How a connection stands: whether there is one, why not, and what the broker has refused over it.

use std::fmt;

use async_nats::{ClientError, Event, Server, ServerError};
use prometheus::IntCounter;
use tokio::sync::watch;
use tracing::{error, info, warn};

/// What the server's word for an operation that is not permitted begins with.
const NOT_PERMITTED: &str = "permissions violation";
/// What the client's word for a connection that was refused begins with.
const NOT_KNOWN: &str = "authorization violation";

/// Why there is no connection.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Trouble {
    /// The broker is there, and does not let us in.
    Refused(String),
    /// There is no broker to be had.
    Failed(String),
}

impl fmt::Display for Trouble {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Refused(why) => write!(f, "the broker refuses {why}"),
            Self::Failed(why) => write!(f, "the broker cannot be reached: {why}"),
        }
    }
}

/// What is told of a connection to whoever asks.
pub(super) struct Standing {
    /// Who we say we are, for people.
    whom: String,
    connected: watch::Sender<bool>,
    trouble: watch::Sender<Option<Trouble>>,
    refusal: watch::Sender<Option<String>>,
    refusals: IntCounter,
}

/// The other end of it.
#[derive(Clone)]
pub(super) struct Told {
    pub(super) connected: watch::Receiver<bool>,
    pub(super) trouble: watch::Receiver<Option<Trouble>>,
    pub(super) refusal: watch::Receiver<Option<String>>,
    pub(super) refusals: IntCounter,
}

impl Standing {
    pub(super) fn new(whom: String, refusals: IntCounter) -> (Self, Told) {
        let (connected, trouble, refusal) =
            (watch::Sender::new(false), watch::Sender::new(None), watch::Sender::new(None));
        let told = Told {
            connected: connected.subscribe(),
            trouble: trouble.subscribe(),
            refusal: refusal.subscribe(),
            refusals: refusals.clone(),
        };
        (Self { whom, connected, trouble, refusal, refusals }, told)
    }

    /// Notes what the client reports.
    pub(super) fn note(&self, event: &Event) {
        match event {
            Event::Connected => {
                self.trouble.send_replace(None);
                self.connected.send_replace(true);
                info!("broker connected");
            }
            Event::Disconnected => {
                self.connected.send_replace(false);
                warn!("broker disconnected");
            }
            // By us: the client itself never gives up.
            Event::Closed => {
                self.connected.send_replace(false);
                info!("broker connection closed");
            }
            Event::SlowConsumer(subscription) => {
                error!(subscription, "messages dropped before they were read; they will be read again");
            }
            Event::ServerError(refusal) => self.note_refusal(refusal),
            // What became of an attempt to connect is told with its reason by the list of servers.
            Event::ClientError(ClientError::Other(_)) => {}
            Event::ClientError(error) => warn!(%error, "broker connection failed"),
            Event::LameDuckMode => info!("broker is shutting down"),
            Event::Draining => {}
        }
    }

    fn note_refusal(&self, refusal: &ServerError) {
        let text = refusal.to_string().trim_start_matches("nats: ").to_owned();
        if !text.to_lowercase().starts_with(NOT_PERMITTED) {
            return warn!(error = text, "broker refused something");
        }
        self.refusals.inc();
        // What is asked again and again is told once.
        if self.refusal.borrow().as_ref() != Some(&text) {
            error!(
                error = text,
                "the broker does not permit this to our user; its permissions and this version do not fit"
            );
        }
        self.refusal.send_replace(Some(text));
    }

    /// Notes what the client knows of the servers before it tries one of them again.
    pub(super) fn note_servers(&self, servers: &[Server]) {
        let Some(trouble) = self.trouble_with(servers) else { return };
        // The client tries for ever, once a second: each reason is told once.
        let is_news = self.trouble.send_if_modified(|known| {
            let is_news = known.as_ref() != Some(&trouble);
            *known = Some(trouble.clone());
            is_news
        });
        match &trouble {
            Trouble::Refused(_) if is_news => error!("{trouble}"),
            Trouble::Failed(_) if is_news => warn!("{trouble}"),
            Trouble::Refused(_) | Trouble::Failed(_) => {}
        }
    }

    /// A refusal says more than that another server is away.
    fn trouble_with(&self, servers: &[Server]) -> Option<Trouble> {
        let mut failed = servers.iter().filter_map(|server| Some((server, server.last_error.as_deref()?)));
        let is_refusal = |error: &str| error.starts_with(NOT_KNOWN);
        if let Some((server, _)) = failed.clone().find(|(_, error)| is_refusal(error)) {
            return Some(Trouble::Refused(format!("{} ({server})", self.whom)));
        }
        let (server, error) = failed.next()?;
        Some(Trouble::Failed(format!("{server}: {error}")))
    }
}
