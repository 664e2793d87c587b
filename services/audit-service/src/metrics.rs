//! Every metric of this service: its name, labels and meaning.

use prometheus::{IntCounterVec, Opts, Registry};

/// The metrics of this service. Cheap to clone.
#[derive(Debug, Clone)]
pub struct Metrics {
    pub(crate) missing: IntCounterVec,
    pub(crate) unreadable: IntCounterVec,
}

impl Metrics {
    /// Registers everything.
    ///
    /// # Errors
    /// A name is taken: this was called twice for one registry.
    pub fn register(registry: &Registry) -> Result<Self, prometheus::Error> {
        let counter = |name: &str, help: &str| {
            let counter = IntCounterVec::new(Opts::new(name, help), &["stream"])?;
            registry.register(Box::new(counter.clone()))?;
            Ok::<_, prometheus::Error>(counter)
        };
        Ok(Self {
            missing: counter(
                "audit_missing_messages_total",
                "Sequences of a stream that were gone before they could be written to the trail",
            )?,
            unreadable: counter(
                "audit_unreadable_messages_total",
                "Messages written to the trail as they are because their body is no envelope",
            )?,
        })
    }
}
