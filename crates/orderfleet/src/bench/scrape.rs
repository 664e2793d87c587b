//! What a service counts, as its `/metrics` tells it.

use anyhow::{Context, ensure};

use super::connection::{Call, Pool};

/// One look at a service's counters.
#[derive(Debug, Clone, Default, PartialEq)]
pub(super) struct Counters(Vec<Sample>);

/// One line.
#[derive(Debug, Clone, PartialEq)]
struct Sample {
    name: String,
    labels: Vec<(String, String)>,
    value: f64,
}

/// Asks a service, which is the only one of its pool.
pub(super) async fn scrape(service: &Pool) -> anyhow::Result<Counters> {
    let answer = service.call(0, &Call::get("/metrics")).await?;
    ensure!(answer.status == 200, "/metrics answered {}", answer.status);
    Ok(Counters::read(std::str::from_utf8(&answer.body).context("/metrics is no text")?))
}

impl Counters {
    /// Reads the text format of Prometheus; lines that are not of it are left out.
    pub(super) fn read(text: &str) -> Self {
        let lines = text.lines().filter(|line| !line.starts_with('#'));
        Self(lines.filter_map(sample).collect())
    }

    /// The sum of all that have this name and these labels, among others maybe.
    pub(super) fn sum(&self, name: &str, labels: &[(&str, &str)]) -> f64 {
        let has = |sample: &Sample, (name, value): &(&str, &str)| {
            sample.labels.iter().any(|label| label.0 == *name && label.1 == *value)
        };
        let found = self.0.iter().filter(|sample| sample.name == name);
        found.filter(|sample| labels.iter().all(|label| has(sample, label))).map(|sample| sample.value).sum()
    }

    /// The values that a label takes for this name, each once.
    pub(super) fn values(&self, name: &str, label: &str) -> Vec<&str> {
        let named = self.0.iter().filter(|sample| sample.name == name);
        let labels = named.flat_map(|sample| &sample.labels).filter(|(name, _)| name == label);
        let mut values: Vec<_> = labels.map(|(_, value)| value.as_str()).collect();
        values.sort_unstable();
        values.dedup();
        values
    }
}

fn sample(line: &str) -> Option<Sample> {
    let (named, value) = line.rsplit_once(' ')?;
    let (name, labels) = match named.split_once('{') {
        Some((name, labels)) => (name, labels.strip_suffix('}')?),
        None => (named, ""),
    };
    let value = value.parse().ok()?;
    Some(Sample { name: name.to_owned(), labels: self::labels(labels)?, value })
}

/// `a="b",c="d"`; a quote within a value is written `\"`.
fn labels(mut text: &str) -> Option<Vec<(String, String)>> {
    let mut labels = Vec::new();
    while !text.is_empty() {
        let (name, rest) = text.split_once("=\"")?;
        let mut escaped = false;
        let end = rest.find(|letter| {
            let ends = letter == '"' && !escaped;
            escaped = letter == '\\' && !escaped;
            ends
        })?;
        labels.push((name.to_owned(), rest[..end].to_owned()));
        text = rest[end + 1..].trim_start_matches(',');
    }
    Some(labels)
}

#[cfg(test)]
mod tests {
    use super::*;

    const TEXT: &str = "\
# HELP messaging_commit_messages Messages stored together, by stream
# TYPE messaging_commit_messages histogram
messaging_commit_messages_bucket{stream=\"ORDERS\",le=\"+Inf\"} 40
messaging_commit_messages_sum{stream=\"ORDERS\"} 900
messaging_commit_messages_sum{stream=\"REQUESTS\"} 100.5
said{what=\"a \\\"b}, c\",stream=\"ORDERS\"} 2
up 1
nonsense
";

    #[test]
    fn counters_are_summed_by_name_and_labels() {
        let counters = Counters::read(TEXT);
        let sum = "messaging_commit_messages_sum";
        assert_eq!(counters.sum(sum, &[]), 1_000.5);
        assert_eq!(counters.sum(sum, &[("stream", "ORDERS")]), 900.0);
        assert_eq!(counters.sum(sum, &[("stream", "PAYMENTS")]), 0.0);
        assert_eq!(counters.sum("up", &[]), 1.0);
        assert_eq!(counters.values(sum, "stream"), ["ORDERS", "REQUESTS"]);
    }

    #[test]
    fn a_value_may_hold_what_ends_one() {
        let counters = Counters::read(TEXT);
        assert_eq!(counters.sum("said", &[("stream", "ORDERS"), ("what", "a \\\"b}, c")]), 2.0);
    }
}
