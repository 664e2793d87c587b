//! Brings the broker's streams into the state the services expect, before any service starts.

use messaging::{
    permissions::SETUP,
    topology::{self, TopologyOptions},
};
use service::ReachArgs;

use crate::broker;

/// Creates missing streams and compares existing ones. Safe to repeat.
///
/// # Errors
/// When the broker does not answer or refuses, or when a stream differs in a way that would lose data to change.
pub(super) async fn setup(reach: &ReachArgs, options: &TopologyOptions) -> anyhow::Result<()> {
    let js = broker::connect(reach, SETUP, "setup").await?;
    topology::setup(&js, options).await?;
    Ok(())
}
