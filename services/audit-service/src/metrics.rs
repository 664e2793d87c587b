//! Every metric of this service: names, labels and meaning.

use prometheus::{IntCounterVec, Opts, Registry};

use crate::projection::STREAMS;

/// Sequences that were gone before they could be written to the trail, by `stream`.
const MISSING: &str = "audit_missing_messages_total";
/// Messages written to the trail as they are because their body is no envelope, by `stream`.
const UNREADABLE: &str = "audit_unreadable_messages_total";

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
            // As 0 before anything happens: of a counter that is born with its first event, no increase is seen.
            for stream in STREAMS {
                counter.with_label_values(&[stream]);
            }
            Ok::<_, prometheus::Error>(counter)
        };
        Ok(Self {
            missing: counter(
                MISSING,
                "Sequences of a stream that were gone before they could be written to the trail",
            )?,
            unreadable: counter(
                UNREADABLE,
                "Messages written to the trail as they are because their body is no envelope",
            )?,
        })
    }
}
