//! Every metric of this crate: names, labels and meaning. Also the buckets all services share.

use std::sync::Arc;

use prometheus::{
    HistogramOpts, HistogramVec, IntGauge, IntGaugeVec, Opts, Registry,
    core::{Collector, Desc},
    proto::MetricFamily,
};

use crate::{health::Health, process_metrics::ProcessCollector};

/// Constant 1; its label `version` says what is running.
const BUILD_INFO: &str = "build_info";
/// 1 while a condition of readiness holds, else 0, by `check`; `/ready` answers 503 while one does not.
const READINESS: &str = "readiness_check";
/// Seconds from a request's head to its response's head, by `method`, `route` (the template, never the path) and
/// `status`. Status 499 means that the caller went away first.
const HTTP_DURATION: &str = "http_server_request_duration_seconds";
/// Requests being handled.
const HTTP_ACTIVE: &str = "http_server_active_requests";

/// Bucket bounds for latencies, in seconds: 0.5 ms to 10 s in steps of about 2. One set for everybody, so that
/// latencies of different services can be added and compared.
pub fn latency_buckets() -> Vec<f64> {
    vec![0.0005, 0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0]
}

/// The metrics of the HTTP listener.
#[derive(Clone)]
pub(crate) struct HttpMetrics {
    pub(crate) duration: HistogramVec,
    pub(crate) active: IntGauge,
}

/// Registers the metrics every process has.
pub(crate) fn register(
    registry: &Registry,
    version: &str,
    health: &Arc<Health>,
) -> Result<HttpMetrics, prometheus::Error> {
    registry.register(Box::new(ProcessCollector::new()?))?;
    registry.register(Box::new(ReadinessCollector::new(health)?))?;
    let build_info = IntGaugeVec::new(Opts::new(BUILD_INFO, "What is running: always 1"), &["version"])?;
    build_info.with_label_values(&[version]).set(1);
    registry.register(Box::new(build_info))?;

    let duration = HistogramOpts::new(HTTP_DURATION, "Duration of HTTP requests in seconds");
    let duration = HistogramVec::new(duration.buckets(latency_buckets()), &["method", "route", "status"])?;
    let active = IntGauge::new(HTTP_ACTIVE, "HTTP requests being handled")?;
    registry.register(Box::new(duration.clone()))?;
    registry.register(Box::new(active.clone()))?;
    Ok(HttpMetrics { duration, active })
}

/// Reads the readiness checks when asked for them.
struct ReadinessCollector {
    gauge: IntGaugeVec,
    health: Arc<Health>,
}

impl ReadinessCollector {
    fn new(health: &Arc<Health>) -> Result<Self, prometheus::Error> {
        let gauge =
            IntGaugeVec::new(Opts::new(READINESS, "1 while this condition holds, else 0"), &["check"])?;
        Ok(Self { gauge, health: Arc::clone(health) })
    }
}

impl Collector for ReadinessCollector {
    fn desc(&self) -> Vec<&Desc> {
        self.gauge.desc()
    }

    fn collect(&self) -> Vec<MetricFamily> {
        for check in self.health.checks() {
            self.gauge.with_label_values(&[check.name]).set(i64::from(check.ready));
        }
        self.gauge.collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn readiness_is_told_as_it_is_when_asked() -> Result<(), prometheus::Error> {
        let health = Arc::new(Health::new());
        let collector = ReadinessCollector::new(&health)?;
        let broker = health.check("broker");
        let told = || {
            collector.collect();
            collector.gauge.with_label_values(&["broker"]).get()
        };
        assert_eq!(told(), 0);
        broker.ready();
        assert_eq!(told(), 1);
        broker.not_ready("disconnected");
        assert_eq!(told(), 0);
        Ok(())
    }

    #[test]
    fn buckets_rise_from_half_a_millisecond_to_ten_seconds() {
        let buckets = latency_buckets();
        assert_eq!((buckets.first(), buckets.last()), (Some(&0.0005), Some(&10.0)));
        assert!(buckets.windows(2).all(|pair| pair[0] < pair[1]));
    }
}
