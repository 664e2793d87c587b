//! A real nats-server for one test.

use std::ops::Deref;

use nats_server::{Builder, NatsServer};

/// A nats-server with an empty store of its own on a free port. Gone, with its store, when dropped.
///
/// Dereferences to [`NatsServer`]: `url()`, `kill()`, `pause()`, `restart()` and so on.
#[derive(Debug)]
pub struct Broker {
    server: NatsServer,
}

impl Deref for Broker {
    type Target = NatsServer;

    fn deref(&self) -> &NatsServer {
        &self.server
    }
}

/// Starts a broker that syncs to disk in the background: the fast one, right for nearly every test.
///
/// # Panics
/// When no server can be started; the message says why.
pub async fn broker() -> Broker {
    broker_with(NatsServer::builder()).await
}

/// Starts a broker that syncs every message to disk before acknowledging it, as production does.
///
/// # Panics
/// When no server can be started; the message says why.
pub async fn broker_sync_always() -> Broker {
    broker_with(NatsServer::builder().sync_always(true)).await
}

/// Starts a broker with settings of the test's own.
///
/// # Panics
/// When no server can be started; the message says why.
pub async fn broker_with(builder: Builder) -> Broker {
    match builder.start().await {
        Ok(server) => Broker { server },
        Err(error) => panic!("the test's broker did not start: {error:#}"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn each_test_has_its_own() {
        let (one, other) = (broker().await, broker_sync_always().await);
        assert_ne!(one.url(), other.url());
        assert!(one.pid().is_some() && other.pid().is_some());
    }
}
