//! Brings the broker's streams into the state the services expect, before any service starts.

use messaging::{
    jetstream::{ConnectOptions, JetStream},
    topology::{self, TopologyOptions},
};

/// Creates missing streams and compares existing ones. Safe to repeat.
///
/// # Errors
/// When the broker refuses, or when a stream differs in a way that would lose data to change.
pub(super) async fn setup(nats_url: &str) -> anyhow::Result<()> {
    let (service, instance) = ("orderfleet".to_owned(), "setup".to_owned());
    let js = JetStream::connect(ConnectOptions { urls: nats_url.to_owned(), service, instance }).await?;
    js.connected().wait_for(|connected| *connected).await?;
    topology::setup(&js, &TopologyOptions::default()).await?;
    Ok(())
}
