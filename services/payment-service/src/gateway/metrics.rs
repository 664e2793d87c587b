//! Every metric of the gateway's client: names, labels and meaning.

use prometheus::{
    HistogramOpts, HistogramVec, IntCounter, IntGauge, Registry,
    core::{Collector, Desc},
    proto::MetricFamily,
};
use tokio::{sync::watch, time::Instant};

use super::{ChargeOutcome, GatewayError, Refund, breaker::BreakerState};

/// Seconds from sending a request to its outcome, by `operation` (`charge`, `refund`, `find_charge`, `find_refund`)
/// and `outcome` (`captured`, `declined`, `refunded`, `absent`, `unknown`, `unanswered`, `in_progress`, `not_sent`, `busy`,
/// `misconfigured`, `rejected`, `contradiction`, `not_called`).
const REQUEST_DURATION: &str = "payment_gateway_request_duration_seconds";
/// 0 while calls go through, 1 while one call finds out, 2 while none goes through.
const BREAKER_STATE: &str = "payment_gateway_breaker_state";
/// Retries that had to wait because too much of the load on the gateway was retries already.
const RETRIES_POSTPONED: &str = "payment_retries_postponed_total";

/// What is asked of a gateway; the label `operation`.
#[derive(Debug, Clone, Copy)]
pub(super) enum Operation {
    Charge,
    Refund,
    FindCharge,
    FindRefund,
}

/// What a call came to; the label `outcome`.
pub(super) trait Outcome {
    fn label(&self) -> &'static str;
}

/// The gateway's metrics.
pub(super) struct GatewayMetrics {
    duration: HistogramVec,
    retries_postponed: IntCounter,
}

/// A call under way.
pub(super) struct Timer<'a> {
    metrics: &'a GatewayMetrics,
    started: Instant,
}

impl GatewayMetrics {
    /// Registers the metrics; the breaker's state is read whenever they are collected.
    pub(super) fn register(
        registry: &Registry,
        state: watch::Receiver<BreakerState>,
    ) -> Result<Self, prometheus::Error> {
        let duration =
            HistogramOpts::new(REQUEST_DURATION, "Duration of requests to the card gateway in seconds")
                .buckets(runtime::metrics::latency_buckets());
        let duration = HistogramVec::new(duration, &["operation", "outcome"])?;
        registry.register(Box::new(duration.clone()))?;
        // As 0 before anything happens: of a counter that is born with its first event, no increase is seen.
        for operation in Operation::ALL {
            for outcome in ["misconfigured", "contradiction"] {
                duration.with_label_values(&[operation.label(), outcome]);
            }
        }
        let help = "Breaker to the card gateway: 0 closed, 1 half-open, 2 open";
        registry.register(Box::new(StateGauge { gauge: IntGauge::new(BREAKER_STATE, help)?, state }))?;
        let retries_postponed =
            IntCounter::new(RETRIES_POSTPONED, "Retries that had to wait for the retry budget")?;
        registry.register(Box::new(retries_postponed.clone()))?;
        Ok(Self { duration, retries_postponed })
    }

    /// Notes that a retry has to wait for the budget.
    pub(super) fn retry_postponed(&self) {
        self.retries_postponed.inc();
    }

    /// Starts timing a call.
    pub(super) fn start(&self) -> Timer<'_> {
        Timer { metrics: self, started: Instant::now() }
    }
}

impl Timer<'_> {
    /// Notes how the call ended.
    pub(super) fn stop<T: Outcome>(self, operation: Operation, result: &Result<T, GatewayError>) {
        let outcome = match result {
            Ok(outcome) => outcome.label(),
            Err(GatewayError::Down { .. } | GatewayError::Throttled { .. } | GatewayError::Unsettled) => {
                "not_called"
            }
            Err(GatewayError::Unknown(_)) => "unknown",
            Err(GatewayError::Unanswered(_)) => "unanswered",
            Err(GatewayError::InProgress(_)) => "in_progress",
            Err(GatewayError::NotSent(_)) => "not_sent",
            Err(GatewayError::Busy { .. }) => "busy",
            Err(GatewayError::Misconfigured(_)) => "misconfigured",
            Err(GatewayError::Rejected(_)) => "rejected",
            Err(GatewayError::Contradiction(_)) => "contradiction",
        };
        let duration = self.metrics.duration.with_label_values(&[operation.label(), outcome]);
        duration.observe(self.started.elapsed().as_secs_f64());
    }
}

impl Operation {
    const ALL: [Self; 4] = [Self::Charge, Self::Refund, Self::FindCharge, Self::FindRefund];

    fn label(self) -> &'static str {
        match self {
            Self::Charge => "charge",
            Self::Refund => "refund",
            Self::FindCharge => "find_charge",
            Self::FindRefund => "find_refund",
        }
    }
}

impl Outcome for ChargeOutcome {
    fn label(&self) -> &'static str {
        match self {
            Self::Captured { .. } => "captured",
            Self::Declined { .. } => "declined",
        }
    }
}

impl Outcome for Refund {
    fn label(&self) -> &'static str {
        "refunded"
    }
}

impl<T: Outcome> Outcome for Option<T> {
    fn label(&self) -> &'static str {
        self.as_ref().map_or("absent", T::label)
    }
}

/// A gauge that follows the breaker without anybody setting it.
struct StateGauge {
    gauge: IntGauge,
    state: watch::Receiver<BreakerState>,
}

impl Collector for StateGauge {
    fn desc(&self) -> Vec<&Desc> {
        self.gauge.desc()
    }

    fn collect(&self) -> Vec<MetricFamily> {
        self.gauge.set(match *self.state.borrow() {
            BreakerState::Closed => 0,
            BreakerState::HalfOpen => 1,
            BreakerState::Open => 2,
        });
        self.gauge.collect()
    }
}
