//! Waiting for a broker that is only starting: servers answer before they have found one another and a leader.

use std::time::Duration;

use anyhow::Context;
use messaging::{jetstream::JetStream, topology::TopologyError};
use tokio::time::{Instant, sleep};

use crate::{broker, ui::Ui};

/// Pause before the broker is asked again.
const PAUSE: Duration = Duration::from_secs(1);

/// How long a broker may take until it does what it is asked to.
pub(super) struct Patience<'a> {
    /// Where its coming is awaited.
    pub(super) ui: &'a Ui,
    /// The broker, for people.
    pub(super) whom: &'a str,
    /// When it should have been there.
    pub(super) until: Instant,
    /// How long that is.
    pub(super) lasting: Duration,
}

impl Patience<'_> {
    /// Asks, and asks again as long as the answer is that the broker cannot tell yet.
    ///
    /// # Errors
    /// Those of what is asked, or that the broker does not permit it; the last one once patience is at its end.
    pub(super) async fn ask<T>(
        &self,
        js: &JetStream,
        what: impl AsyncFn() -> Result<T, TopologyError>,
    ) -> anyhow::Result<T> {
        let mut told = false;
        loop {
            let trouble = match broker::unless_refused(js, async { Ok(what().await) }).await? {
                Err(trouble @ TopologyError::Broker { temporary: true, .. }) => trouble,
                answer => return Ok(answer?),
            };
            if Instant::now() + PAUSE >= self.until {
                let seconds = self.lasting.as_secs();
                let late = format!("{} is not ready (tried for {seconds} s)", self.whom);
                return Err(trouble).context(late);
            }
            if !std::mem::replace(&mut told, true) {
                self.ui.warn(format_args!("{} is not ready, trying again: {trouble}", self.whom));
            }
            sleep(PAUSE).await;
        }
    }
}
