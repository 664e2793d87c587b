//! Every metric of this service: names, labels and meaning. None is by SKU: there are too many.

use prometheus::{IntCounter, IntCounterVec, IntGauge, Opts, Registry};

use crate::domain::{Counts, Tally};

/// SKUs that were ever stocked; the same in every replica.
const SKUS: &str = "inventory_skus";
/// Orders with pieces set aside; the same in every replica.
const RESERVATIONS: &str = "inventory_reservations_open";
/// Adjustments decided while this process led the journal, by `outcome`: `made`, `refused`.
const ADJUSTMENTS: &str = "inventory_adjustments_total";
/// Orders whose pieces could not be set aside, while this process led the journal.
const REJECTED: &str = "inventory_rejected_total";

/// The metrics of this service. Cheap to clone.
#[derive(Debug, Clone)]
pub struct Metrics {
    skus: IntGauge,
    reservations: IntGauge,
    adjustments: IntCounterVec,
    rejected: IntCounter,
}

impl Metrics {
    /// Registers everything.
    ///
    /// # Errors
    /// A name is taken: this was called twice for one registry.
    pub fn register(registry: &Registry) -> Result<Self, prometheus::Error> {
        let metrics = Self {
            skus: IntGauge::new(SKUS, "SKUs that were ever stocked")?,
            reservations: IntGauge::new(RESERVATIONS, "Orders with pieces set aside")?,
            adjustments: IntCounterVec::new(
                Opts::new(ADJUSTMENTS, "Adjustments decided by this process, by outcome"),
                &["outcome"],
            )?,
            rejected: IntCounter::new(REJECTED, "Orders refused their stock by this process")?,
        };
        registry.register(Box::new(metrics.skus.clone()))?;
        registry.register(Box::new(metrics.reservations.clone()))?;
        registry.register(Box::new(metrics.adjustments.clone()))?;
        registry.register(Box::new(metrics.rejected.clone()))?;
        for outcome in ["made", "refused"] {
            metrics.adjustments.with_label_values(&[outcome]).inc_by(0);
        }
        Ok(metrics)
    }

    /// How much there is.
    pub(crate) fn levels(&self, counts: Counts) {
        self.skus.set(i64::try_from(counts.skus).unwrap_or(i64::MAX));
        self.reservations.set(i64::try_from(counts.reservations).unwrap_or(i64::MAX));
    }

    /// Counts what was decided between two looks.
    pub(crate) fn decided(&self, before: Tally, now: Tally) {
        let more = |before: u64, now: u64| now.saturating_sub(before);
        let adjustments = |outcome| self.adjustments.with_label_values(&[outcome]);
        adjustments("made").inc_by(more(before.adjusted, now.adjusted));
        adjustments("refused").inc_by(more(before.adjust_refused, now.adjust_refused));
        self.rejected.inc_by(more(before.rejected, now.rejected));
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_what_came_since_is_counted() {
        let metrics = Metrics::register(&Registry::new()).unwrap();
        let tally = |rejected, adjusted, adjust_refused| Tally { rejected, adjusted, adjust_refused };
        metrics.decided(tally(10, 20, 30), tally(11, 22, 33));
        // A state rebuilt from an older snapshot is behind for a moment.
        metrics.decided(tally(11, 22, 33), tally(5, 5, 5));
        let adjustments = |outcome| metrics.adjustments.with_label_values(&[outcome]).get();
        assert_eq!((metrics.rejected.get(), adjustments("made"), adjustments("refused")), (1, 2, 3));
    }
}
